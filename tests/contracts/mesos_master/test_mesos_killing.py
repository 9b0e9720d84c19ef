"""KILL. Facts: recordings `UPDATE.TASK_KILL*.json`; a task that is not known is answered as a reconciliation is."""

from __future__ import annotations

import time
from pathlib import Path

from launches import launch
from plain_scheduler import Scheduler, Subscribe
from task_infos import amounts, id_of, shell, task

DEAF = "trap '' TERM; echo deaf > {}; while :; do sleep 0.05; done"


def test_a_killed_task_says_so_twice(scheduler: Scheduler) -> None:
    task_id = launch(scheduler)
    scheduler.kill(task_id)
    killing = scheduler.status(task_id)
    assert (killing["state"], killing["source"]) == ("TASK_KILLING", "SOURCE_EXECUTOR")
    killed = scheduler.status(task_id)
    assert (killed["state"], killed["source"]) == ("TASK_KILLED", "SOURCE_EXECUTOR")
    assert killed["message"] == "Command terminated with signal Terminated"
    assert scheduler.states(task_id) == ["TASK_STARTING", "TASK_RUNNING", "TASK_KILLING", "TASK_KILLED"]


def test_who_knows_no_killing_is_told_of_the_end_alone(subscribe: Subscribe) -> None:
    plain = subscribe(capabilities=("MULTI_ROLE", "PARTITION_AWARE"))
    task_id = launch(plain)
    plain.kill(task_id)
    plain.status(task_id, "TASK_KILLED")
    assert plain.states(task_id) == ["TASK_STARTING", "TASK_RUNNING", "TASK_KILLED"]


def test_a_kill_may_name_the_agent(scheduler: Scheduler) -> None:
    task_id = launch(scheduler)
    scheduler.kill(task_id, scheduler.told[-1]["agent_id"]["value"])
    scheduler.status(task_id, "TASK_KILLED")


def test_a_kill_that_names_another_agent_has_no_effect(scheduler: Scheduler) -> None:
    task_id = launch(scheduler)
    scheduler.kill(task_id, "another-agent")
    assert scheduler.heard_all() == []
    scheduler.kill(task_id)
    scheduler.status(task_id, "TASK_KILLED")


def test_a_task_may_end_in_its_own_way_within_the_grace_period(scheduler: Scheduler, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    command = f"trap 'sleep 0.2; exit 0' TERM; echo > {ready}; while :; do sleep 0.02; done"
    task_id = launch(scheduler, command)
    _wait_for(ready)
    scheduler.kill(task_id, grace_seconds=5)
    killed = scheduler.status(task_id, "TASK_KILLED", "TASK_FINISHED")
    assert (killed["state"], killed["message"]) == ("TASK_KILLED", "Command exited with status 0")


def test_after_the_grace_period_nothing_is_left(scheduler: Scheduler, tmp_path: Path) -> None:
    """The period of the call is asked first."""
    ready = tmp_path / "ready"
    policy = {"grace_period": {"nanoseconds": 60_000_000_000}}
    task_id = launch(scheduler, DEAF.format(ready), kill_policy=policy)
    _wait_for(ready)
    begun = time.monotonic()
    scheduler.kill(task_id, grace_seconds=0.4)
    killed = scheduler.status(task_id, "TASK_KILLED")
    assert 0.4 <= time.monotonic() - begun < 3.0
    assert killed["message"] == "Command terminated with signal Killed"


def test_the_grace_period_of_the_task(scheduler: Scheduler, tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    policy = {"grace_period": {"nanoseconds": 300_000_000}}
    task_id = launch(scheduler, DEAF.format(ready), kill_policy=policy)
    _wait_for(ready)
    begun = time.monotonic()
    scheduler.kill(task_id)
    scheduler.status(task_id, "TASK_KILLED")
    assert 0.3 <= time.monotonic() - begun < 2.5


def _wait_for(file: Path) -> None:
    deadline = time.monotonic() + 10
    while not file.exists() or not file.stat().st_size:
        assert time.monotonic() < deadline, f"no {file}"
        time.sleep(0.01)


def test_a_second_kill_changes_nothing(scheduler: Scheduler) -> None:
    task_id = launch(scheduler)
    scheduler.kill(task_id)
    scheduler.kill(task_id)
    scheduler.status(task_id, "TASK_KILLED")
    scheduler.heard_all()
    assert scheduler.states(task_id).count("TASK_KILLING") == 1
    assert scheduler.states(task_id).count("TASK_KILLED") == 1


def test_a_task_that_nobody_knows(scheduler: Scheduler) -> None:
    scheduler.kill("nobody")
    status = scheduler.status("nobody")
    assert (status["state"], status["reason"]) == ("TASK_UNKNOWN", "REASON_RECONCILIATION")
    assert status["source"] == "SOURCE_MASTER"
    assert "uuid" not in status


def test_a_task_that_nobody_knows_on_an_agent_that_is_known(scheduler: Scheduler) -> None:
    agent = scheduler.offer()["agent_id"]["value"]
    scheduler.kill("nobody", agent)
    status = scheduler.status("nobody")
    assert (status["state"], status["reason"]) == ("TASK_GONE", "REASON_RECONCILIATION")
    assert status["agent_id"] == {"value": agent}


def test_who_knows_no_partitions_is_told_that_it_is_lost(subscribe: Subscribe) -> None:
    old = subscribe(capabilities=("MULTI_ROLE",))
    old.subscribed()
    old.kill("nobody")
    assert old.status("nobody")["state"] == "TASK_LOST"


def test_a_task_that_has_ended(scheduler: Scheduler) -> None:
    offer = scheduler.offer()
    launched = task(offer, shell("true"))
    scheduler.accept([offer], [launched])
    scheduler.status(id_of(launched), "TASK_FINISHED")
    scheduler.kill(id_of(launched))
    status = scheduler.status(id_of(launched))
    assert (status["state"], status["reason"]) == ("TASK_UNKNOWN", "REASON_RECONCILIATION")


def test_a_task_of_another_framework(subscribe: Subscribe) -> None:
    owner, other = subscribe(), subscribe()
    task_id = launch(owner)
    other.subscribed()
    other.kill(task_id)
    assert other.status(task_id)["state"] == "TASK_UNKNOWN"
    owner.reconcile((task_id, ""))
    assert owner.status(task_id)["state"] == "TASK_RUNNING"


def test_a_task_that_is_just_being_launched(scheduler: Scheduler) -> None:
    """It ends, wherever it was on its way, and nothing comes after its end."""
    offer = scheduler.offer()
    launched = task(offer, "sleep 100")
    scheduler.accept([offer], [launched])
    scheduler.kill(id_of(launched))
    scheduler.status(id_of(launched), "TASK_KILLED")
    again = scheduler.next_of(offer)
    assert scheduler.states(id_of(launched))[-1] == "TASK_KILLED"
    assert amounts(again)["cpus"] > 0
