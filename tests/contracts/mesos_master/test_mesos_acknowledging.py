"""ACKNOWLEDGE: one update of a task at a time. Fact: "Acknowledge an update only where its status has a uuid"."""

from __future__ import annotations

import base64
import uuid

from plain_mesos import Json, Place
from plain_scheduler import Scheduler
from real_mesos import eventually
from task_infos import id_of, task


def launch(scheduler: Scheduler, command: str = "sleep 100") -> str:
    offer = scheduler.offer()
    launched = task(offer, command)
    scheduler.accept([offer], [launched])
    return id_of(launched)


def test_the_next_update_waits_for_the_acknowledgement(scheduler: Scheduler, master: Place) -> None:
    scheduler.acknowledges = False
    task_id = launch(scheduler, "exit 7")
    for before in ([], ["TASK_STARTING"], ["TASK_STARTING", "TASK_RUNNING"]):
        status = scheduler.status(task_id)
        scheduler.heard_all()
        assert scheduler.states(task_id) == [*before, status["state"]]
        if status["state"] != "TASK_FAILED":
            assert scheduler.acknowledge(status).status == 202
    assert status["state"] == "TASK_FAILED"
    known = master.framework(scheduler.framework_id)["tasks"]
    assert [(one["id"], one["state"]) for one in known] == [(task_id, "TASK_FAILED")], "as long as it is open"
    scheduler.acknowledge(status)
    eventually(lambda: not master.framework(scheduler.framework_id)["tasks"], 5, "it is known no longer")
    done = master.framework(scheduler.framework_id)["completed_tasks"]
    assert [(one["id"], one["state"]) for one in done] == [(task_id, "TASK_FAILED")]


def wrong(status: Json) -> list[Json]:
    return [
        {**status, "uuid": base64.b64encode(uuid.uuid4().bytes).decode()},
        {**status, "task_id": {"value": "another-task"}},
        {**status, "agent_id": {"value": "another-agent"}},
    ]


def test_a_wrong_acknowledgement_is_taken_and_has_no_effect(scheduler: Scheduler) -> None:
    scheduler.acknowledges = False
    task_id = launch(scheduler)
    first = scheduler.status(task_id)
    for one in wrong(first):
        answer = scheduler.acknowledge(one)
        assert (answer.status, answer.body) == (202, b"")
    scheduler.heard_all()
    assert scheduler.states(task_id) == ["TASK_STARTING"]
    scheduler.acknowledge(first)
    assert scheduler.status(task_id)["state"] == "TASK_RUNNING"


def test_an_acknowledgement_twice(scheduler: Scheduler) -> None:
    scheduler.acknowledges = False
    task_id = launch(scheduler)
    first = scheduler.status(task_id)
    assert scheduler.acknowledge(first).status == 202
    second = scheduler.status(task_id)
    assert scheduler.acknowledge(first).status == 202
    assert scheduler.acknowledge(second).status == 202
    scheduler.heard_all()
    assert scheduler.states(task_id) == ["TASK_STARTING", "TASK_RUNNING"]


def test_the_resources_of_an_end_that_is_not_acknowledged_come_back(scheduler: Scheduler) -> None:
    scheduler.acknowledges = False
    before = scheduler.offer()
    launched = task(before, "true", resources=before["resources"])
    scheduler.accept([before], [launched])
    for _ in range(2):
        scheduler.acknowledge(scheduler.status(id_of(launched)))
    assert scheduler.status(id_of(launched))["state"] == "TASK_FINISHED"
    scheduler.next_of(before)
