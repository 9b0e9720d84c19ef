"""UPDATE: the states of a task, in order, and what they say.

Facts: recordings `events/UPDATE.*.json`, `docker_and_more_session.json`. Messages of executors are of a stand-in.
"""

from __future__ import annotations

import base64
import time
import uuid

import pytest
from launches import run, running
from plain_mesos import Json, Place
from plain_scheduler import Scheduler


def states(scheduler: Scheduler, status: Json) -> list[str]:
    return scheduler.states(status["task_id"]["value"])


def test_a_task_starts_runs_and_finishes(scheduler: Scheduler) -> None:
    ended = run(scheduler, "true")
    assert states(scheduler, ended) == ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]


@pytest.mark.parametrize(
    ("command", "state", "message"),
    [
        ("exit 0", "TASK_FINISHED", "Command exited with status 0"),
        ("exit 3", "TASK_FAILED", "Command exited with status 3"),
        ("no-such-program-anywhere", "TASK_FAILED", "Command exited with status 127"),
        ("kill -KILL $$", "TASK_FAILED", "Command terminated with signal Killed"),
        ("kill -TERM $$", "TASK_FAILED", "Command terminated with signal Terminated"),
    ],
)
def test_how_a_command_ended(scheduler: Scheduler, command: str, state: str, message: str) -> None:
    ended = run(scheduler, command)
    assert (ended["state"], ended["message"]) == (state, message)
    assert "reason" not in ended
    assert states(scheduler, ended) == ["TASK_STARTING", "TASK_RUNNING", state]


def test_what_an_update_of_the_executor_says(scheduler: Scheduler) -> None:
    status = running(scheduler)
    task_id = status["task_id"]["value"]
    assert status["source"] == "SOURCE_EXECUTOR"
    assert status["executor_id"] == {"value": task_id}, "the executor of a command has its task's id"
    assert abs(status["timestamp"] - time.time()) < 10
    container = status["container_status"]
    assert uuid.UUID(container["container_id"]["value"])
    address = container["network_infos"][0]["ip_addresses"][0]
    assert address["protocol"] == "IPv4"
    assert address["ip_address"].startswith("127.")


def test_every_update_has_a_uuid_of_its_own(scheduler: Scheduler) -> None:
    """16 bytes in base64, as the acknowledgement wants them back."""
    run(scheduler, "true")
    marks = [base64.b64decode(status["uuid"], validate=True) for status in scheduler.told]
    assert len(set(marks)) == len(marks) == 3
    assert {len(mark) for mark in marks} == {16}


def test_a_container_keeps_its_id(scheduler: Scheduler) -> None:
    run(scheduler, "true")
    assert len({status["container_status"]["container_id"]["value"] for status in scheduler.told}) == 1
    first = scheduler.told[0]["container_status"]["container_id"]["value"]
    again = run(scheduler, "true")
    assert again["container_status"]["container_id"]["value"] != first


def test_arguments_instead_of_a_shell(scheduler: Scheduler) -> None:
    command = {"shell": False, "value": "/bin/sh", "arguments": ["sh", "-c", "exit $#", "$0", "a b", "$HOME"]}
    assert run(scheduler, command)["message"] == "Command exited with status 2"


def test_a_program_that_is_not_there(scheduler: Scheduler) -> None:
    """Whether it was told to run before is the executor's."""
    command = {"shell": False, "value": "/no/such/program", "arguments": ["program"]}
    assert run(scheduler, command)["state"] == "TASK_FAILED"


def test_a_user_that_is_not_there(scheduler: Scheduler) -> None:
    """Recording `UPDATE.TASK_DROPPED.AGENT.REASON_EXECUTOR_TERMINATED.json`: it never starts."""
    dropped = run(scheduler, {"value": "true", "user": "nosuchuser"}, "TASK_DROPPED", "TASK_FAILED")
    assert dropped["source"] == "SOURCE_AGENT"
    assert "nosuchuser" in dropped["message"]
    assert dropped["uuid"]
    assert states(scheduler, dropped) == [dropped["state"]]


def test_the_master_knows_the_states_that_were_told(scheduler: Scheduler, master: Place) -> None:
    told = running(scheduler)
    known = master.framework(scheduler.framework_id)["tasks"][0]
    assert known["state"] == "TASK_RUNNING"
    assert [one["state"] for one in known["statuses"]] == ["TASK_STARTING", "TASK_RUNNING"]
    assert known["statuses"][1]["timestamp"] == pytest.approx(told["timestamp"], abs=0.001)
    assert known["statuses"][1]["container_status"]["container_id"] == told["container_status"]["container_id"]
