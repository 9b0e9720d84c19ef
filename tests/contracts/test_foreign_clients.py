"""Clients that others wrote, as they are, against a Marathon: what they do must come about."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from foreign_clients import event_bus_client, marathon_deploy
from marathon import MarathonClient, MarathonHttpError, NotFoundError
from marathon_http import MarathonApi, sleeper

PATIENCE_SECONDS = 60


@pytest.fixture
def marathon(cluster: Any) -> MarathonApi:
    return MarathonApi(cluster.marathon, cluster.user, cluster.password)


@pytest.fixture
def app_id(marathon: MarathonApi) -> Iterator[str]:
    """The path of an app that is nobody else's; its group is removed afterwards."""
    group = f"/ciprov-test/{uuid.uuid4().hex[:8]}"
    yield f"{group}/a"
    answer = marathon.delete(f"/v2/groups{group}", force="true")
    if answer.status_code == 200:
        marathon.done(answer)


class TestMarathonPackage:
    """`marathon` 0.13 from PyPI, by its own methods; its models of apps do not survive a way back on Python 3.10+."""

    @pytest.fixture
    def client(self, cluster: Any) -> MarathonClient:
        return MarathonClient(cluster.marathon, username=cluster.user, password=cluster.password, timeout=30)

    def test_it_reads_the_cluster(self, client: MarathonClient) -> None:
        assert client.ping().strip().decode() == '"pong"'
        assert client.get_info().name == "marathon"
        assert ":" in client.get_leader()["leader"]
        assert client.list_deployments() == []

    def test_it_reads_and_changes_an_app(self, client: MarathonClient, marathon: MarathonApi, app_id: str) -> None:
        checks = [{"protocol": "COMMAND", "command": {"value": "true"}, "intervalSeconds": 1, "delaySeconds": 0}]
        marathon.run(sleeper(app_id, labels={"owner": "me"}, healthChecks=checks))
        app = client.get_app(app_id, embed_last_task_failure=True)
        assert (app.instances, app.tasks_running, app.labels, app.cmd) == (1, 1, {"owner": "me"}, "sleep 1000")
        assert app.health_checks[0].protocol == "COMMAND"
        assert [each.id for each in client.list_apps(app_id=app_id)] == [app_id]
        (task,) = client.list_tasks(app_id)
        assert (task.app_id, task.state) == (app_id, "TASK_RUNNING")
        assert client.list_versions(app_id)
        client.scale_app(app_id, instances=2)
        marathon.until(lambda: len(client.list_tasks(app_id)) == 2)
        client.kill_task(app_id, task.id)
        marathon.until(lambda: task.id not in marathon.task_ids(app_id) and len(marathon.tasks(app_id)) == 2)
        marathon.until(lambda: not marathon.deployments(app_id))
        client.restart_app(app_id)
        marathon.until(lambda: not marathon.deployments(app_id))
        client.delete_app(app_id)
        with pytest.raises(NotFoundError):
            client.get_app(app_id)

    def test_it_shows_a_deployment_and_takes_it_back(self, client: MarathonClient, app_id: str) -> None:
        client._do_request("POST", "/v2/apps", data=json.dumps(sleeper(app_id, cpus=100_000)))
        (deployment,) = [each for each in client.list_deployments() if app_id in each.affected_apps]
        assert deployment.current_actions[0].action == "ScaleApplication"
        with pytest.raises(MarathonHttpError) as caught:
            client.scale_app(app_id, instances=2)
        assert caught.value.status_code == 409
        client.delete_deployment(deployment.id)

    def test_it_hears_events(self, client: MarathonClient, marathon: MarathonApi, app_id: str) -> None:
        stream = client.event_stream(event_types=["deployment_success", "event_stream_attached"])
        assert next(stream).event_type == "event_stream_attached"
        done = marathon.run(sleeper(app_id))["deployments"]
        assert done == []
        assert next(stream).event_type == "deployment_success"


class TestMarathonDeploy:
    """`marathon-deploy` 3.0.2 from PyPI: the definition of an app from a file, and the few things done by hand."""

    @pytest.fixture
    def deploy(self, cluster: Any, tmp_path: Path) -> Any:
        def run(*arguments: str) -> str:
            access = ["--marathon", cluster.marathon, "--user", cluster.user, "--password", cluster.password]
            done = subprocess.run(
                [*marathon_deploy(), *access, *arguments],
                cwd=tmp_path,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=PATIENCE_SECONDS,
                check=False,
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        return run

    def test_it_creates_and_updates_an_app_from_a_file(
        self, deploy: Any, marathon: MarathonApi, app_id: str, tmp_path: Path
    ) -> None:
        file = tmp_path / "app.json"
        file.write_text(json.dumps(sleeper(app_id)))
        assert f"Creating app: {app_id}" in deploy("--put", str(file))
        marathon.until(lambda: marathon.tasks(app_id))
        # Not healthy at once, so that the update takes long enough to be watched.
        checks = [
            {
                "protocol": "COMMAND",
                "command": {"value": "test -e up || { sleep 2; touch up; }"},
                "intervalSeconds": 1,
                "delaySeconds": 0,
            }
        ]
        file.write_text(json.dumps(sleeper(app_id, cmd="sleep 2000", healthChecks=checks)))
        said = deploy("--put", str(file))
        assert f"Updating app: {app_id}" in said
        assert "complete." in said
        assert marathon.app(app_id)["cmd"] == "sleep 2000"
        assert marathon.app(app_id)["tasksHealthy"] == 1

    def test_it_scales_and_restarts(self, deploy: Any, marathon: MarathonApi, app_id: str) -> None:
        marathon.run(sleeper(app_id))
        deploy("--appid", app_id, "--scale", "2")
        marathon.until(lambda: len(marathon.tasks(app_id)) == 2)
        assert deploy("--appid", app_id, "--instances").splitlines()[-1] == "2"
        before = marathon.task_ids(app_id)
        deploy("--appid", app_id, "--restart")
        marathon.until(lambda: len(marathon.task_ids(app_id)) == 2 and not marathon.task_ids(app_id) & before)
        assert "back at 2 again" in deploy("--appid", app_id, "--inplacerestart")


def test_marathon_event_bus_client(cluster: Any, marathon: MarathonApi, app_id: str) -> None:
    """`marathon-event-bus-client` 0.1.7 from npm subscribes with an Authorization header."""
    types = ("deployment_info", "deployment_success", "status_update_event")
    command, environment = event_bus_client(cluster.marathon, PATIENCE_SECONDS, *types)
    basic = base64.b64encode(f"{cluster.user}:{cluster.password}".encode()).decode()
    environment = {**os.environ, **environment, "AUTHORIZATION": f"Basic {basic}"}
    listener = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert listener.stdout is not None
    try:
        assert json.loads(listener.stdout.readline()) == ["subscribed", {}]
        marathon.run(sleeper(app_id))
        heard = []
        for line in listener.stdout:
            heard.append(json.loads(line))
            if heard[-1][0] == "deployment_success":
                break
    finally:
        listener.kill()
        listener.wait()
    assert [data["taskStatus"] for name, data in heard if name == "status_update_event"] == [
        "TASK_STAGING",
        "TASK_RUNNING",
    ]
    assert heard[0][0] == "deployment_info"
    assert heard[-1][1]["plan"]["steps"][-1]["actions"] == [{"action": "ScaleApplication", "app": app_id}]
