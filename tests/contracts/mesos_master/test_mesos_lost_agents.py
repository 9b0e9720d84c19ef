"""An agent that goes silent, and comes back. Facts: "Agent lost"; recording `failover_agentlost_session.json`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from implementations import Implementation
from plain_mesos import Json, Place
from plain_scheduler import Scheduler, Subscribe
from real_mesos import eventually
from task_infos import id_of, task

LOST = 1


def of_agent(rack: int, offer: Json) -> bool:
    return bool(offer["attributes"][0]["text"]["value"] == f"r{rack}")


@pytest.fixture
def disturbed(mesos: Implementation) -> Iterator[Implementation]:
    yield mesos
    mesos.bring_back(LOST)
    active = "master/slaves_active"
    eventually(lambda: bool(mesos.master.read("/metrics/snapshot")[active] == 2), 20, "the agent is back")


def launch(scheduler: Scheduler) -> Json:
    """Gives the status of a task that runs on the agent that is to be lost."""
    offer = scheduler.offer(lambda offer: of_agent(LOST, offer))
    launched = task(offer, "sleep 100")
    scheduler.accept([offer], [launched])
    return scheduler.status(id_of(launched), "TASK_RUNNING")


def test_an_agent_is_lost_and_returns(scheduler: Scheduler, disturbed: Implementation, master: Place) -> None:
    running = launch(scheduler)
    task_id, agent = running["task_id"]["value"], running["agent_id"]
    offer = scheduler.offer(lambda offer: of_agent(LOST, offer))
    disturbed.lose(LOST)

    told = scheduler.status(task_id)
    assert (told["state"], told["reason"]) == ("TASK_UNREACHABLE", "REASON_AGENT_REMOVED")
    assert (told["source"], told["agent_id"]) == ("SOURCE_MASTER", agent)
    assert told["unreachable_time"]["nanoseconds"] > 0
    assert "uuid" not in told
    scheduler.wait_for("FAILURE", lambda event: bool(event["failure"]["agent_id"] == agent))
    assert offer["id"]["value"] not in scheduler.offers, "what it had offered is rescinded"
    known = master.framework(scheduler.framework_id)
    assert known["tasks"] == []
    assert [one["state"] for one in known["unreachable_tasks"]] == ["TASK_UNREACHABLE"]
    state = master.read("/state")
    assert (state["activated_slaves"], state["unreachable_slaves"]) == (1, 1)
    assert [one["id"] for one in state["slaves"]] != [agent["value"]]

    for named, state in ((agent["value"], "TASK_UNREACHABLE"), ("", "TASK_UNKNOWN")):
        scheduler.reconcile((task_id, named))
        asked = scheduler.status(task_id)
        assert (asked["state"], asked["reason"]) == (state, "REASON_RECONCILIATION"), "the master goes by the agent"
    scheduler.reconcile()
    assert scheduler.heard_all() == [], "it is not among all that is known"
    for named, state in ((agent["value"], "TASK_UNREACHABLE"), ("", "TASK_UNKNOWN")):
        scheduler.kill(task_id, named)
        assert scheduler.status(task_id)["state"] == state

    disturbed.bring_back(LOST)
    back = scheduler.status(task_id, "TASK_RUNNING")
    assert (back["reason"], back["source"]) == ("REASON_AGENT_REREGISTERED", "SOURCE_MASTER")
    assert "uuid" not in back
    scheduler.offer(lambda offer: of_agent(LOST, offer))
    assert [one["state"] for one in master.framework(scheduler.framework_id)["tasks"]] == ["TASK_RUNNING"]


def test_who_knows_no_partitions_is_told_that_its_tasks_are_lost(
    subscribe: Subscribe, disturbed: Implementation
) -> None:
    old = subscribe(capabilities=("MULTI_ROLE",))
    running = launch(old)
    disturbed.lose(LOST)
    told = old.status(running["task_id"]["value"])
    assert (told["state"], told["reason"]) == ("TASK_LOST", "REASON_AGENT_REMOVED")
