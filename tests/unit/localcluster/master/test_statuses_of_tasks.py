"""States as they are told; the shapes are those of a real Mesos."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import pytest

from ciprov.localcluster.master import statuses
from ciprov.localcluster.master.frameworks import Framework
from ciprov.localcluster.master.tasks import Task, acknowledged, retry_delay_s, with_status
from ciprov.localcluster.model import Condition, Resources
from ciprov.localcluster.runtimes.port import TaskUpdate

MARK = uuid.UUID("c785d0fa-d798-4e6a-a8b6-ad0f81e6b3ef")
STAGING = Task("f", "t", "n", "agent-1", "127.1.1.1", "ci", Resources(1), "c1", "t.task-c1", 3.0)
RUNNING = replace(STAGING, state="TASK_RUNNING")
AWARE = Framework("f", {"name": "n", "capabilities": [{"type": "PARTITION_AWARE"}]})
OLD = Framework("f", {"name": "n"})


def end(task: Task, condition: Condition, message: str = "m", framework: Framework = AWARE, **more: Any) -> Any:
    return statuses.of_end(task, TaskUpdate(task.runtime_id, condition, message, **more), framework, 5.0, MARK)


def test_what_an_executor_tells() -> None:
    assert end(RUNNING, Condition.FINISHED, "Command exited with status 0") == {
        "task_id": {"value": "t"},
        "state": "TASK_FINISHED",
        "message": "Command exited with status 0",
        "source": "SOURCE_EXECUTOR",
        "agent_id": {"value": "agent-1"},
        "executor_id": {"value": "t"},
        "timestamp": 5.0,
        "uuid": "x4XQ+teYTmqotq0Pgeaz7w==",
        "container_status": {
            "container_id": {"value": "c1"},
            "network_infos": [{"ip_addresses": [{"protocol": "IPv4", "ip_address": "127.1.1.1"}]}],
        },
    }


def test_what_an_agent_tells() -> None:
    assert end(STAGING, Condition.FAILED, "Failed to launch container: no image") == {
        "task_id": {"value": "t"},
        "state": "TASK_FAILED",
        "message": "Failed to launch container: no image",
        "source": "SOURCE_AGENT",
        "reason": "REASON_CONTAINER_LAUNCH_FAILED",
        "agent_id": {"value": "agent-1"},
        "executor_id": {"value": "t"},
        "timestamp": 5.0,
        "uuid": "x4XQ+teYTmqotq0Pgeaz7w==",
    }


@pytest.mark.parametrize(
    ("task", "condition", "more", "state", "reason"),
    [
        (STAGING, Condition.FINISHED, {}, "TASK_FINISHED", None),
        (RUNNING, Condition.FAILED, {}, "TASK_FAILED", None),
        (RUNNING, Condition.KILLED, {}, "TASK_KILLED", None),
        (STAGING, Condition.KILLED, {}, "TASK_KILLED", "REASON_TASK_KILLED_DURING_LAUNCH"),
        (STAGING, Condition.ERROR, {}, "TASK_FAILED", "REASON_CONTAINER_LAUNCH_FAILED"),
        (RUNNING, Condition.FAILED, {"message": "Executor terminated"}, "TASK_FAILED", "REASON_EXECUTOR_TERMINATED"),
        (RUNNING, Condition.LOST, {"began": False}, "TASK_FAILED", "REASON_EXECUTOR_TERMINATED"),
        (STAGING, Condition.LOST, {}, "TASK_FAILED", "REASON_EXECUTOR_TERMINATED"),
        (STAGING, Condition.LOST, {"began": False}, "TASK_DROPPED", "REASON_EXECUTOR_TERMINATED"),
        (STAGING, Condition.LOST, {"began": False, "framework": OLD}, "TASK_LOST", "REASON_EXECUTOR_TERMINATED"),
    ],
)
def test_ends(task: Task, condition: Condition, more: dict[str, Any], state: str, reason: str | None) -> None:
    """Nothing that may have run is told as dropped: who hears that launches it again."""
    found = end(task, condition, **more)
    assert (found["state"], found.get("reason")) == (state, reason)


def test_what_a_drained_agent_ends() -> None:
    found = end(replace(RUNNING, kill_reason="REASON_AGENT_DRAINING"), Condition.KILLED)
    assert (found["state"], found["reason"]) == ("TASK_KILLED", "REASON_AGENT_DRAINING")


@pytest.mark.parametrize(
    ("framework", "agent_known", "state", "message"),
    [
        (AWARE, False, "TASK_UNKNOWN", "Reconciliation: Task is unknown"),
        (AWARE, True, "TASK_GONE", "Reconciliation: Task is unknown to the agent"),
        (OLD, False, "TASK_LOST", "Reconciliation: Task is unknown"),
        (OLD, True, "TASK_LOST", "Reconciliation: Task is unknown to the agent"),
    ],
)
def test_tasks_that_nobody_knows(framework: Framework, agent_known: bool, state: str, message: str) -> None:
    found = statuses.unknown("t", "a" if agent_known else "", framework, 5.0, agent_known=agent_known)
    assert (found["state"], found["message"], found["source"]) == (state, message, "SOURCE_MASTER")
    assert ("agent_id" in found) == agent_known
    assert "uuid" not in found


def test_the_latest_state_with_the_container_that_was_told_last() -> None:
    told = statuses.from_executor(replace(RUNNING, address="172.17.0.2"), "TASK_RUNNING", "", 4.0, MARK)
    found = statuses.latest(with_status(RUNNING, told), AWARE, 5.0)
    assert (found["state"], found["reason"]) == ("TASK_RUNNING", "REASON_RECONCILIATION")
    assert found["container_status"] == told["container_status"]
    assert "172.17.0.2" in str(found)
    assert "uuid" not in found


def test_a_task_that_cannot_be_reached() -> None:
    cut_off = replace(RUNNING, unreachable_at=3.0)
    found = statuses.latest(cut_off, AWARE, 5.0)
    assert (found["state"], found["unreachable_time"]) == ("TASK_UNREACHABLE", {"nanoseconds": 3_000_000_000})
    assert statuses.latest(cut_off, OLD, 5.0)["state"] == "TASK_LOST"


def test_what_waits_to_be_acknowledged_goes_in_order() -> None:
    first, second = ({"state": state, "uuid": mark} for state, mark in (("TASK_STARTING", "1"), ("TASK_RUNNING", "2")))
    task = with_status(with_status(STAGING, first), second)
    assert acknowledged(task, "2") is task
    assert acknowledged(task, "1").pending == (second,)
    assert with_status(task, {"state": "TASK_LOST"}).pending == (first, second), "the master's own is told once"


def test_it_is_told_again_more_and_more_rarely() -> None:
    assert [retry_delay_s(times) for times in (1, 2, 3, 7, 99, 5000)] == [10, 20, 40, 600, 600, 600]
