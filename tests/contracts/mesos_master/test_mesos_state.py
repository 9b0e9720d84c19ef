"""What the master tells whoever asks: `/state`, `/slaves`, `/tasks`, `/metrics/snapshot`; `master_endpoints.json`."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from plain_mesos import Json, Place
from plain_scheduler import ENDED, Scheduler, Subscribe
from real_mesos import eventually
from task_infos import amounts, id_of, ports, scalar, task

SECRET = "a-secret-of-the-task"


def launch(scheduler: Scheduler, command: Json | str = "sleep 100", **fields: Any) -> tuple[Json, Json]:
    """A task that runs, and the offer that it was launched on."""
    offer = scheduler.offer()
    launched = task(offer, command, **fields)
    scheduler.accept([offer], [launched])
    scheduler.status(id_of(launched), "TASK_RUNNING")
    return launched, offer


def test_what_the_master_is(master: Place) -> None:
    state = master.read("/state")
    assert state["version"] == "1.11.0"
    assert state["leader"] == state["pid"]
    info = state["leader_info"]
    assert (info["id"], info["pid"], info["hostname"]) == (state["id"], state["pid"], state["hostname"])
    assert (state["activated_slaves"], state["deactivated_slaves"], state["unreachable_slaves"]) == (2, 0, 0)
    assert state["cluster"]
    assert state["start_time"] <= state["elected_time"]


def test_both_paths_tell_the_same(master: Place) -> None:
    assert set(master.read("/state")) == set(master.read("/master/state"))


def test_a_framework_as_it_was_described(subscribe: Subscribe, master: Place) -> None:
    fields = {"name": "described", "hostname": "here", "webui_url": "http://here:1", "principal": "me"}
    described = subscribe(**fields, failover_timeout=12.5, labels={"labels": [{"key": "a", "value": "b"}]})
    described.subscribed()
    known = master.framework(described.framework_id)
    assert {name: known[name] for name in fields} == fields
    assert (known["user"], known["roles"], known["checkpoint"]) == ("root", ["ci"], True)
    assert known["failover_timeout"] == 12.5
    assert known["capabilities"] == ["MULTI_ROLE", "PARTITION_AWARE", "TASK_KILLING_STATE"]
    assert known["labels"] == [{"key": "a", "value": "b"}]
    assert (known["active"], known["connected"], known["recovered"]) == (True, True, False)
    assert known["registered_time"] > 0
    assert (known["tasks"], known["unreachable_tasks"], known["completed_tasks"]) == ([], [], [])


def test_what_is_offered_and_what_is_used(scheduler: Scheduler, master: Place) -> None:
    offer = scheduler.offer()
    port = min(amounts(offer)["ports"])
    wanted = [scalar("cpus", 0.5), scalar("mem", 64), ports(port)]
    launched = task(offer, "sleep 100", resources=wanted)
    scheduler.accept([offer], [launched], refuse_seconds=600)
    scheduler.status(id_of(launched), "TASK_RUNNING")
    known = master.framework(scheduler.framework_id)
    used = {"cpus": 0.5, "mem": 64.0, "disk": 0.0, "gpus": 0.0, "ports": f"[{port}-{port}]"}
    assert known["used_resources"] == used
    assert known["offered_resources"]["cpus"] == 2.0
    assert known["resources"]["cpus"] == 2.5
    others = [one for one in known["offers"] if one["id"] != offer["id"]["value"]]
    assert [(one["framework_id"], one["resources"]["cpus"]) for one in others] == [(scheduler.framework_id, 2.0)]
    agent = next(one for one in master.read("/slaves")["slaves"] if one["id"] == offer["agent_id"]["value"])
    assert agent["used_resources"] == used
    assert agent["offered_resources"]["cpus"] == 0.0


def test_what_an_agent_is(scheduler: Scheduler, master: Place) -> None:
    offers = {offer["agent_id"]["value"]: offer for offer in scheduler.offers_of_all(2)}
    slaves = master.read("/state")["slaves"]
    assert {one["id"] for one in slaves} == set(offers)
    for one in slaves:
        first, last = (int(port) for port in one["resources"]["ports"].strip("[]").split("-"))
        assert amounts(offers[one["id"]])["ports"] <= set(range(first, last + 1))
        total = {"cpus": 2.0, "mem": 512.0, "disk": 512.0, "gpus": 0.0}
        for kind in ("resources", "unreserved_resources", "offered_resources"):
            assert {name: one[kind][name] for name in total} == total
        assert one["reserved_resources"] == {}
        assert one["attributes"]["rack"] in {"r1", "r2"}
        assert (one["active"], one["deactivated"], one["version"]) == (True, False, "1.11.0")


def test_a_task_in_the_state(scheduler: Scheduler, master: Place) -> None:
    launched, offer = launch(scheduler, labels={"labels": [{"key": "k", "value": "v"}]})
    (known,) = master.framework(scheduler.framework_id)["tasks"]
    statuses = known.pop("statuses")
    assert known == {
        "id": id_of(launched),
        "name": launched["name"],
        "framework_id": scheduler.framework_id,
        "executor_id": "",
        "slave_id": offer["agent_id"]["value"],
        "state": "TASK_RUNNING",
        "resources": {"cpus": 0.1, "mem": 32.0, "disk": 0.0, "gpus": 0.0},
        "role": "ci",
        "labels": [{"key": "k", "value": "v"}],
    }
    assert [status["state"] for status in statuses] == ["TASK_STARTING", "TASK_RUNNING"]
    for status in statuses:
        assert set(status) == {"state", "timestamp", "container_status"}
        assert status["container_status"]["network_infos"][0]["ip_addresses"][0]["ip_address"].startswith("127.")


def test_a_task_that_has_ended_is_remembered(scheduler: Scheduler, master: Place) -> None:
    launched, _ = launch(scheduler)
    scheduler.kill(id_of(launched))
    scheduler.status(id_of(launched), "TASK_KILLED")
    eventually(lambda: not master.framework(scheduler.framework_id)["tasks"], 5, "it is acknowledged")
    (known,) = master.framework(scheduler.framework_id)["completed_tasks"]
    assert (known["id"], known["state"]) == (id_of(launched), "TASK_KILLED")
    states = [status["state"] for status in known["statuses"]]
    assert states == ["TASK_STARTING", "TASK_RUNNING", "TASK_KILLING", "TASK_KILLED"]


def test_a_framework_that_was_torn_down_is_remembered(scheduler: Scheduler, master: Place) -> None:
    launched, _ = launch(scheduler)
    scheduler.teardown()
    scheduler.wait_for(ENDED)
    known = master.framework(scheduler.framework_id, "completed_frameworks")
    assert (known["active"], known["connected"]) == (False, False)
    assert known["unregistered_time"] >= known["registered_time"]
    assert [one["id"] for one in known["completed_tasks"]] == [id_of(launched)]


@pytest.mark.parametrize("path", ["/state", "/tasks", "/frameworks"])
def test_neither_command_nor_environment_is_told(scheduler: Scheduler, master: Place, path: str) -> None:
    """Whoever may read the state may not read secrets in it."""
    encoded = base64.b64encode(SECRET.encode()).decode()
    variables = [
        {"name": "PLAIN", "type": "VALUE", "value": "a-value-of-the-task"},
        {"name": "TOKEN", "type": "SECRET", "secret": {"type": "VALUE", "value": {"data": encoded}}},
    ]
    launch(scheduler, {"value": "sleep 100 # on-the-command-line", "environment": {"variables": variables}})
    text = master.get(path).text
    assert scheduler.framework_id in text
    for unwanted in (SECRET, encoded, "a-value-of-the-task", "on-the-command-line"):
        assert unwanted not in text


def test_an_agent_does_not_tell_secrets_either(scheduler: Scheduler) -> None:
    encoded = base64.b64encode(SECRET.encode()).decode()
    variables = [{"name": "TOKEN", "type": "SECRET", "secret": {"type": "VALUE", "value": {"data": encoded}}}]
    launched, offer = launch(scheduler, {"value": "sleep 100", "environment": {"variables": variables}})
    text = scheduler.master.agent(offer).get(f"{offer['url']['path']}/state").text
    assert id_of(launched) in text
    assert SECRET not in text
    assert encoded not in text


# Metrics

COUNTED = ("staging", "starting", "running", "killing", "finished", "failed", "killed", "error", "dropped", "lost")


def test_the_figures_that_are_there(master: Place) -> None:
    figures = master.read("/metrics/snapshot")
    assert all(isinstance(value, (int, float)) for value in figures.values())
    assert figures["master/elected"] == 1
    assert figures["master/uptime_secs"] > 0
    assert (figures["master/slaves_active"], figures["master/slaves_connected"]) == (2, 2)
    assert (figures["master/slaves_unreachable"], figures["master/slaves_disconnected"]) == (0, 0)
    assert (figures["master/cpus_total"], figures["master/mem_total"]) == (4.0, 1024.0)
    for name in COUNTED:
        assert f"master/tasks_{name}" in figures


def test_what_runs_is_counted(scheduler: Scheduler, master: Place) -> None:
    before = master.read("/metrics/snapshot")
    launched, _ = launch(scheduler)
    figures = master.read("/metrics/snapshot")
    assert figures["master/tasks_running"] == before["master/tasks_running"] + 1
    assert figures["master/cpus_used"] == pytest.approx(before["master/cpus_used"] + 0.1)
    assert figures["master/mem_used"] == pytest.approx(before["master/mem_used"] + 32)
    assert figures["master/cpus_percent"] == pytest.approx(figures["master/cpus_used"] / 4)
    scheduler.kill(id_of(launched))
    scheduler.status(id_of(launched), "TASK_KILLED")
    figures = master.read("/metrics/snapshot")
    assert figures["master/tasks_killed"] == before["master/tasks_killed"] + 1
    assert figures["master/tasks_running"] == before["master/tasks_running"]


def test_frameworks_are_counted(subscribe: Subscribe, master: Place) -> None:
    before = master.read("/metrics/snapshot")
    one, other = subscribe(), subscribe()
    one.subscribed()
    other.subscribed()
    other.disconnect()
    eventually(lambda: not master.framework(other.framework_id)["connected"], 5, "the master has noticed")
    figures = master.read("/metrics/snapshot")

    def more(name: str) -> float:
        return float(figures[f"master/frameworks_{name}"] - before[f"master/frameworks_{name}"])

    assert (more("active"), more("connected"), more("inactive"), more("disconnected")) == (1, 1, 1, 1)


def test_bad_launches_are_counted(scheduler: Scheduler, master: Place) -> None:
    before = master.read("/metrics/snapshot")
    offer = scheduler.offer()
    for offers in ([{"id": {"value": "nope-O99"}}], [offer]):
        bad = task(offer, "true", cpus=100)
        scheduler.accept(offers, [bad])
        scheduler.status(id_of(bad))
    figures = master.read("/metrics/snapshot")
    assert figures["master/tasks_dropped"] == before["master/tasks_dropped"] + 1
    assert figures["master/tasks_error"] == before["master/tasks_error"] + 1
