"""RECONCILE.

Facts: "Explicit reconcile", "an implicit one reports all known tasks"; recording `reconcile_session.json`.
"""

from __future__ import annotations

from launches import launch, running
from plain_scheduler import Scheduler, Subscribe
from task_infos import id_of, task


def test_a_task_that_runs(scheduler: Scheduler) -> None:
    """Recording `UPDATE.TASK_RUNNING.MASTER.REASON_RECONCILIATION.json`: without uuid and executor_id."""
    before = running(scheduler)
    task_id = before["task_id"]["value"]
    scheduler.reconcile((task_id, ""))
    told = scheduler.status(task_id)
    assert told == {
        "task_id": {"value": task_id},
        "state": "TASK_RUNNING",
        "message": "Reconciliation: Latest task state",
        "source": "SOURCE_MASTER",
        "reason": "REASON_RECONCILIATION",
        "agent_id": before["agent_id"],
        "timestamp": told["timestamp"],
        "container_status": before["container_status"],
    }
    assert told["timestamp"] > before["timestamp"], "the time at which it was asked"


def test_with_the_agent_it_is_the_same(scheduler: Scheduler) -> None:
    before = running(scheduler)
    scheduler.reconcile((before["task_id"]["value"], before["agent_id"]["value"]))
    assert scheduler.status(before["task_id"]["value"])["state"] == "TASK_RUNNING"


def test_a_task_that_is_not_known(scheduler: Scheduler) -> None:
    """Recording `UPDATE.TASK_UNKNOWN.MASTER.REASON_RECONCILIATION.json`."""
    scheduler.reconcile(("nobody", ""))
    told = scheduler.status("nobody")
    assert told == {
        "task_id": {"value": "nobody"},
        "state": "TASK_UNKNOWN",
        "message": "Reconciliation: Task is unknown",
        "source": "SOURCE_MASTER",
        "reason": "REASON_RECONCILIATION",
        "timestamp": told["timestamp"],
    }


def test_a_task_that_a_known_agent_does_not_know(scheduler: Scheduler) -> None:
    agent = scheduler.offer()["agent_id"]
    scheduler.reconcile(("nobody", agent["value"]))
    told = scheduler.status("nobody")
    assert (told["state"], told["message"]) == ("TASK_GONE", "Reconciliation: Task is unknown to the agent")
    assert told["agent_id"] == agent


def test_a_task_on_an_agent_that_is_not_known(scheduler: Scheduler) -> None:
    scheduler.reconcile(("nobody", "no-such-agent"))
    told = scheduler.status("nobody")
    assert (told["state"], told["message"]) == ("TASK_UNKNOWN", "Reconciliation: Task is unknown")
    assert told["agent_id"] == {"value": "no-such-agent"}


def test_who_knows_no_partitions_is_told_that_they_are_lost(subscribe: Subscribe) -> None:
    old = subscribe(capabilities=("MULTI_ROLE",))
    agent = old.offer()["agent_id"]["value"]
    old.reconcile(("nobody", ""), ("nobody-there", agent))
    assert old.status("nobody")["state"] == "TASK_LOST"
    assert old.status("nobody-there")["state"] == "TASK_LOST"


def test_several_tasks_in_one_call(scheduler: Scheduler) -> None:
    ids = [launch(scheduler), "nobody", launch(scheduler)]
    scheduler.reconcile(*((one, "") for one in ids))
    assert [scheduler.status(one)["state"] for one in ids] == ["TASK_RUNNING", "TASK_UNKNOWN", "TASK_RUNNING"]


def test_all_that_is_known(scheduler: Scheduler) -> None:
    ours = {launch(scheduler) for _ in range(2)}
    scheduler.reconcile()
    told = scheduler.heard_all()
    assert {status["task_id"]["value"] for status in told} == ours
    assert {(status["state"], status["reason"]) for status in told} == {("TASK_RUNNING", "REASON_RECONCILIATION")}


def test_where_nothing_is_known_nothing_is_told(scheduler: Scheduler) -> None:
    scheduler.reconcile()
    assert scheduler.heard_all() == []


def test_a_task_that_has_ended_is_not_known(scheduler: Scheduler) -> None:
    offer = scheduler.offer()
    launched = task(offer, "true")
    scheduler.accept([offer], [launched])
    scheduler.status(id_of(launched), "TASK_FINISHED")
    scheduler.reconcile()
    assert scheduler.heard_all() == []
    scheduler.reconcile((id_of(launched), offer["agent_id"]["value"]))
    assert scheduler.status(id_of(launched))["state"] == "TASK_GONE"


def test_an_end_that_is_not_acknowledged_is_known(scheduler: Scheduler) -> None:
    scheduler.acknowledges = False
    offer = scheduler.offer()
    launched = task(offer, "exit 1")
    scheduler.accept([offer], [launched])
    for _ in range(2):
        scheduler.acknowledge(scheduler.status(id_of(launched)))
    ended = scheduler.status(id_of(launched))
    scheduler.reconcile((id_of(launched), ""))
    told = scheduler.status(id_of(launched))
    assert (ended["state"], told["state"]) == ("TASK_FAILED", "TASK_FAILED")
    assert "uuid" not in told
    scheduler.acknowledge(ended)


def test_the_tasks_of_others_are_not_told(subscribe: Subscribe) -> None:
    owner, other = subscribe(), subscribe()
    task_id = launch(owner)
    other.subscribed()
    other.reconcile()
    other.reconcile((task_id, ""))
    assert other.status(task_id)["state"] == "TASK_UNKNOWN"
    assert len(other.told) == 1
