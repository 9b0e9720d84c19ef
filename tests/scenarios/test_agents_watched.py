"""What an operator sees of a service at work: on the embedded cluster, or on a real Mesos where one is at hand."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from agents_world import ON, World, world

TEMPLATES = {
    "linux": {"labels": ["linux"]},
    "javaless": {"labels": ["javaless"], "java": "/nowhere/java"},
    "giant": {"labels": ["giant"], "cpus": 1000},
}
STEP = "for i in 1 2 3; do echo step $i >&2; sleep 0.5; done"


@pytest.fixture(scope="module", params=ON)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(request.param, tmp_path_factory.mktemp("watched"), TEMPLATES, metrics=True) as found:
        yield found


def test_one_agent_from_its_build_to_its_end(running: World) -> None:
    running.freestyle("steps", "linux", STEP)
    name = running.running("steps")["builtOn"]
    links = running.cli.ok("agents", "status", name, "-o", "json").json["links"]
    assert links["jenkins_log"] == f"{running.jenkins.url}/computer/{name}/log"
    followed = running.cli.ok("agents", "logs", name, "--follow")
    written = [line for line in followed.out.splitlines() if line.startswith("step")]
    assert written == ["step 1", "step 2", "step 3"]
    running.gone()
    shown = running.cli.ok("agents", "status", name, "-o", "json").json
    assert (shown["cause"], shown["phase"], shown["task"]["state"]) == ("done", "removed", "ended")
    assert list(shown["times"])[:3] == ["wanted", "node created", "launched"]
    assert shown["links"]["jenkins_log"] == ""
    sandbox = shown["links"]["sandbox"]
    if running.mesos.cluster == "local":
        assert "step 3" in (Path(sandbox) / "stderr").read_text()
    else:
        assert sandbox.endswith(f"/executors/{name}")
    told = running.service.wait_for("launched", task_id=name)
    assert told["agent_id"]
    assert told["offer_ids"]
    assert told["template"] == "linux"


def test_times_and_counts(running: World) -> None:
    running.freestyle("quick", "linux")
    assert running.built("quick")["result"] == "SUCCESS"
    running.gone()
    times = running.status()["times"]
    assert times["queue_to_accept"]["count"] >= 1
    assert times["accept_to_online"]["p50"] < 10
    metrics = running.cli.ok("agents", "metrics").out
    for name in ("builds_total", "launched_total", "queue_to_accept_seconds_count"):
        series = f'ciprov_agents_{name}{{template="linux"}} '
        (value,) = [line.split()[-1] for line in metrics.splitlines() if line.startswith(series)]
        assert float(value) >= 1


def test_what_cannot_be_is_told_within_ten_seconds_and_holds_up_nobody(running: World) -> None:
    for template in ("javaless", "giant"):
        running.http.freestyle(template, template, "true")
        running.http.build(template)
    expected = {"javaless": "Command exited with status 127", "giant": "the largest agent"}
    for template, cause in expected.items():
        running.eventually(lambda t=template, c=cause: c in answer(running, t), f"why {template}", 10)
    running.freestyle("undisturbed", "linux")
    assert running.built("undisturbed")["result"] == "SUCCESS"
    paused = running.service.wait_for("template paused", 15, template="javaless")
    assert paused["level"] == "error"
    assert paused["cause"] == "task_failed"
    assert "template javaless is paused until" in answer(running, "javaless")
    failed = [one["agent"] for one in running.status()["recent"] if one["template"] == "javaless"]
    assert "/nowhere/java" in running.cli.ok("agents", "logs", failed[0]).out
    assert running.status()["failures"]["task_failed"] == 3


def test_strangers_on_the_network_get_the_metrics_and_nothing_else(running: World) -> None:
    running.freestyle("told", "linux", "sleep 1")
    name = running.running("told")["builtOn"]
    port = listener(running)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answered:
        assert b"ciprov_agents_peer_up" in answered.read()
    refusals = {f"/v1/agents/{name}/busy": 401, "/v1/requests": 404, "/v1/status": 404, "/v1/kill": 404}
    for path, status in refusals.items():
        asked = urllib.request.Request(
            f"http://127.0.0.1:{port}{path}", b'{"entries": []}', {"Authorization": "Bearer guessed"}
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(asked, timeout=10)
        assert refused.value.code == status
    running.gone()


def answer(running: World, label: str) -> str:
    return str(running.cli.ok("agents", "why", label, "-o", "json").json["answer"])


def listener(running: World) -> int:
    """The TCP port of the service, which listens on no other."""
    assert running.service.process is not None
    connections = psutil.Process(running.service.process.pid).net_connections("tcp")
    (port,) = [one.laddr.port for one in connections if one.status == psutil.CONN_LISTEN]
    return int(port)
