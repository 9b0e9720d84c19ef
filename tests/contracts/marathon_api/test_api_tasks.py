"""Listing and killing tasks; what a task sees of its environment."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from marathon_http import MarathonApi, sleeper


def test_task_fields(api: MarathonApi, app: dict[str, Any]) -> None:
    shown = api.run(app)
    (task,) = api.tasks(app["id"])
    assert set(task) >= {
        "id",
        "appId",
        "host",
        "ports",
        "servicePorts",
        "ipAddresses",
        "slaveId",
        "state",
        "stagedAt",
        "startedAt",
        "version",
        "role",
        "healthCheckResults",
    }
    assert (task["appId"], task["state"], task["version"]) == (app["id"], "TASK_RUNNING", shown["version"])
    assert task["role"] == "*"
    assert task["healthCheckResults"] == []
    assert len(task["ports"]) == 1
    assert task["ipAddresses"][0].keys() == {"ipAddress", "protocol"}


def test_task_id(api: MarathonApi, app: dict[str, Any]) -> None:
    """The path joined by _, then the instance, then the number of the attempt."""
    api.run(app)
    (task,) = api.tasks(app["id"])
    name = app["id"].strip("/").replace("/", "_")
    assert re.fullmatch(rf"{name}\.instance-[0-9a-f-]{{36}}\._app\.1", task["id"])


def test_status_filter(api: MarathonApi, app: dict[str, Any]) -> None:
    api.run(app)

    def listed(**query: Any) -> list[str]:
        return [each["appId"] for each in api.get("/v2/tasks", **query).json()["tasks"]]

    assert app["id"] in listed()
    assert app["id"] in listed(status="running")
    assert app["id"] not in listed(status="staging")
    assert app["id"] in listed(**{"status[]": ["running", "staging"]})


def test_tasks_of_a_group(api: MarathonApi, group: str) -> None:
    for name in ("a", "b/c"):
        api.run(sleeper(f"{group}/{name}"))
    found = api.get(f"/v2/apps{group}/*/tasks").json()["tasks"]
    assert {each["appId"] for each in found} == {f"{group}/a", f"{group}/b/c"}
    assert api.get(f"/v2/apps{group}/none/*/tasks").status_code == 404


def test_tasks_as_text(api: MarathonApi, app: dict[str, Any]) -> None:
    """One line for each port: the app's name, its service port and all tasks, separated by tabs."""
    api.run({**app, "instances": 2, "portDefinitions": [{"port": 12777}]})
    addresses = {f"{task['host']}:{task['ports'][0]}" for task in api.tasks(app["id"])}
    name = app["id"].strip("/").replace("/", "_")
    for path in ("/v2/tasks", f"/v2/apps{app['id']}/tasks"):
        answer = api.get(path, headers={"Accept": "text/plain"})
        assert answer.headers["Content-Type"].startswith("text/plain")
        (line,) = [each for each in answer.text.splitlines() if each.startswith(name + "\t")]
        _, port, *tasks = line.rstrip("\t").split("\t")
        assert (port, set(tasks)) == ("12777", addresses)


def test_json_is_preferred(api: MarathonApi, app: dict[str, Any]) -> None:
    for accepted in ("*/*", "application/json", "application/json, text/plain"):
        answer = api.get("/v2/tasks", headers={"Accept": accepted})
        assert answer.headers["Content-Type"].startswith("application/json")


def test_kill_one_is_replaced_at_once(api: MarathonApi, app: dict[str, Any]) -> None:
    """A plain kill is no deployment; the instance keeps its uuid and n grows."""
    api.run({**app, "instances": 2, "backoffSeconds": 60})
    before = api.task_ids(app["id"])
    victim = sorted(before)[0]
    answer = api.delete(f"/v2/apps{app['id']}/tasks/{victim}")
    assert (answer.status_code, answer.json()["task"]["id"]) == (200, victim)
    assert api.deployments(app["id"]) == []
    api.until(lambda: len(api.tasks(app["id"])) == 2 and victim not in api.task_ids(app["id"]))
    (new,) = api.task_ids(app["id"]) - before
    assert new == victim.removesuffix("1") + "2"
    assert api.app(app["id"])["instances"] == 2


def test_kill_with_wipe_makes_a_new_instance(api: MarathonApi, app: dict[str, Any]) -> None:
    api.run(app)
    (victim,) = api.task_ids(app["id"])
    assert api.delete(f"/v2/apps{app['id']}/tasks/{victim}", wipe="true").status_code == 200
    (new,) = api.until(lambda: api.task_ids(app["id"]) - {victim})
    assert new.split("._app")[0] != victim.split("._app")[0]
    assert new.endswith("._app.1")


def test_kill_one_with_scale(api: MarathonApi, app: dict[str, Any]) -> None:
    """`scale=true` lowers `instances` by the number killed and answers with a deployment."""
    api.run({**app, "instances": 3})
    before = api.task_ids(app["id"])
    victim = sorted(before)[1]
    answer = api.delete(f"/v2/apps{app['id']}/tasks/{victim}", scale="true")
    assert set(answer.json()) == {"version", "deploymentId"}
    api.done(answer)
    assert api.app(app["id"])["instances"] == 2
    assert api.task_ids(app["id"]) == before - {victim}


def test_kill_all(api: MarathonApi, app: dict[str, Any]) -> None:
    api.run({**app, "instances": 2})
    before = api.task_ids(app["id"])
    answer = api.delete(f"/v2/apps{app['id']}/tasks")
    assert {each["id"] for each in answer.json()["tasks"]} == before
    api.until(lambda: len(api.task_ids(app["id"]) - before) == 2)


def test_kill_all_with_scale(api: MarathonApi, app: dict[str, Any]) -> None:
    api.run({**app, "instances": 2})
    api.done(api.delete(f"/v2/apps{app['id']}/tasks", scale="true"))
    shown = api.app(app["id"])
    assert (shown["instances"], shown["tasks"]) == (0, [])


def test_kill_by_host(api: MarathonApi, app: dict[str, Any]) -> None:
    api.run(app)
    (task,) = api.tasks(app["id"])
    assert api.delete(f"/v2/apps{app['id']}/tasks", host="elsewhere").json() == {"tasks": []}
    killed = api.delete(f"/v2/apps{app['id']}/tasks", host=task["host"]).json()["tasks"]
    assert [each["id"] for each in killed] == [task["id"]]


def test_unknown_task(api: MarathonApi, app: dict[str, Any]) -> None:
    api.run(app)
    answer = api.delete(f"/v2/apps{app['id']}/tasks/no-such-task")
    assert (answer.status_code, answer.json()["message"]) == (404, "Task 'no-such-task' does not exist")


def test_scale_and_wipe_exclude_each_other(api: MarathonApi, app: dict[str, Any]) -> None:
    api.run(app)
    (task,) = api.task_ids(app["id"])
    both = {"scale": "true", "wipe": "true"}
    for answer in (
        api.delete(f"/v2/apps{app['id']}/tasks", **both),
        api.delete(f"/v2/apps{app['id']}/tasks/{task}", **both),
        api.post("/v2/tasks/delete", {"ids": [task]}, **both),
    ):
        assert (answer.status_code, answer.json()["message"]) == (
            400,
            "You cannot use scale and wipe at the same time.",
        )


def test_delete_tasks_by_id(api: MarathonApi, group: str) -> None:
    """Tasks of several apps at once."""
    for name in ("a", "b"):
        api.run(sleeper(f"{group}/{name}"))
    ids = [*api.task_ids(f"{group}/a"), *api.task_ids(f"{group}/b")]
    answer = api.post("/v2/tasks/delete", {"ids": ids})
    assert answer.status_code == 200
    assert {each["id"] for each in answer.json()["tasks"]} == set(ids)
    api.until(lambda: all(api.task_ids(f"{group}/{name}") - set(ids) for name in ("a", "b")))


def test_delete_tasks_by_id_with_scale(api: MarathonApi, group: str) -> None:
    """One deployment for all their apps."""
    for name in ("a", "b"):
        api.run(sleeper(f"{group}/{name}", instances=2))
    ids = [sorted(api.task_ids(f"{group}/a"))[0], *api.task_ids(f"{group}/b")]
    api.done(api.post("/v2/tasks/delete", {"ids": ids}, scale="true"))
    assert (api.app(f"{group}/a")["instances"], api.app(f"{group}/b")["instances"]) == (1, 0)
    assert not set(ids) & api.task_ids(f"{group}/a")


def test_delete_tasks_wants_task_ids(api: MarathonApi, app: dict[str, Any]) -> None:
    answer = api.post("/v2/tasks/delete", {"ids": ["invalidTaskId"]})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Invalid task id 'invalidTaskId'")
    assert api.post("/v2/tasks/delete", {}).status_code == 422
    unknown = f"{app['id'].strip('/').replace('/', '_')}.instance-11111111-2222-3333-4444-555555555555._app.1"
    assert api.post("/v2/tasks/delete", {"ids": [unknown]}).json() == {"tasks": []}


def test_kills_ignore_locks(api: MarathonApi, app: dict[str, Any]) -> None:
    """A plain kill passes a lock, a scaling one does not unless forced."""
    api.run(app)
    old = api.task_ids(app["id"])
    api.put(f"/v2/apps{app['id']}", {"constraints": [["x", "CLUSTER", "y"]], "cmd": "sleep 2000"})
    (task,) = old
    assert api.delete(f"/v2/apps{app['id']}/tasks/{task}", scale="true").status_code == 409
    assert api.delete(f"/v2/apps{app['id']}/tasks/{task}").status_code == 200


def test_environment(api: MarathonApi, app: dict[str, Any], tmp_path: Path) -> None:
    """Metadata, ports and HOST, then the app's own variables, which win."""
    out = tmp_path / "env"
    command = f"env > {shlex.quote(str(out))}.tmp; mv {out}.tmp {out}; pwd > {out}.pwd; sleep 1000"
    shown = api.run(
        {
            **app,
            "cmd": command,
            "cpus": 0.02,
            "mem": 20,
            "labels": {"a-b": "c", "Mixed": "d"},
            "env": {"OWN": "1", "MARATHON_APP_RESOURCE_GPUS": "mine"},
            "portDefinitions": [{"port": 12555, "name": "web"}, {"port": 0, "name": "my-admin"}],
        }
    )
    api.until(out.with_suffix(".pwd").exists)
    env = dict(line.split("=", 1) for line in out.read_text().splitlines() if "=" in line)
    (task,) = api.tasks(app["id"])
    first, second = (str(port) for port in task["ports"])
    expected = {
        "MARATHON_APP_ID": app["id"],
        "MARATHON_APP_VERSION": shown["version"],
        "MARATHON_APP_RESOURCE_CPUS": "0.02",
        "MARATHON_APP_RESOURCE_MEM": "20.0",
        "MARATHON_APP_RESOURCE_DISK": "0.0",
        "MARATHON_APP_RESOURCE_GPUS": "mine",
        "MARATHON_APP_LABEL_A_B": "c",
        "MARATHON_APP_LABEL_MIXED": "d",
        "MESOS_TASK_ID": task["id"],
        "HOST": task["host"],
        "PORT": first,
        "PORT0": first,
        "PORT1": second,
        "PORTS": f"{first},{second}",
        "PORT_12555": first,
        "PORT_WEB": first,
        "PORT_MY_ADMIN": second,
        "OWN": "1",
    }
    assert {name: env.get(name) for name in expected} == expected
    assert set(env["MARATHON_APP_LABELS"].split()) == {"A_B", "MIXED"}
    assert out.with_suffix(".pwd").read_text().strip() == env["MESOS_SANDBOX"]
    assert "MARATHON_APP_DOCKER_IMAGE" not in env


def test_grace_period_then_kill(api: MarathonApi, app: dict[str, Any], tmp_path: Path) -> None:
    """SIGTERM first, SIGKILL after the grace period; the whole process tree dies."""
    told = tmp_path / "told"
    command = f"trap 'touch {told}' TERM; touch {told}.ready; while :; do sleep 0.1; done"
    api.run({**app, "cmd": command, "taskKillGracePeriodSeconds": 1})
    api.until(told.with_suffix(".ready").exists)
    api.done(api.delete(f"/v2/apps{app['id']}"))
    assert told.exists()


@pytest.mark.parametrize("state", ["TASK_KILLING"])
def test_killing_is_a_state(api: MarathonApi, app: dict[str, Any], state: str) -> None:
    api.run({**app, "cmd": "trap '' TERM; while :; do sleep 0.1; done", "taskKillGracePeriodSeconds": 1})
    (task,) = api.task_ids(app["id"])
    api.delete(f"/v2/apps{app['id']}/tasks/{task}")
    found = api.get(f"/v2/apps{app['id']}/tasks").json()["tasks"]
    assert [each["state"] for each in found if each["id"] == task] == [state]
