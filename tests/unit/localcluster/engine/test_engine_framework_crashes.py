"""kill -9 of the daemon with frameworks' tasks on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from engine_doubles import Crash, World, agent
from framework_double import Scheduler, amount, ports, task

from ciprov.localcluster.model import Condition, Resources

NONE = Resources()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, agents=(agent(cpus=4),))


@pytest.fixture
def scheduler(world: World) -> Scheduler:
    return Scheduler(world).subscribe()


def test_tasks_are_adopted_and_told_of_when_their_framework_is_back(world: World, scheduler: Scheduler) -> None:
    scheduler.acknowledges = False
    scheduler.launch(task("runs"), task("ends", more=[ports(31000, 31001)]))
    world.come_up()
    world.end(scheduler.runtime_id("ends"), Condition.FAILED, "Command exited with status 3")
    before = scheduler.statuses("ends")
    world.restart()
    assert world.launches == 2
    again = Scheduler(world).subscribe(scheduler.id)
    assert again.statuses("ends") == before, "the same, with the same uuid"
    assert again.states("runs") == ["TASK_STARTING", "TASK_RUNNING"]
    assert again.states("ends") == ["TASK_STARTING", "TASK_RUNNING", "TASK_FAILED"]
    assert world.engine.held_by_frameworks()["agent-0"].cpus == 1


def test_what_runs_is_not_offered_after_a_restart(world: World, scheduler: Scheduler) -> None:
    scheduler.launch(task("t", cpus=3))
    world.come_up()
    world.restart()
    again = Scheduler(world).subscribe(scheduler.id)
    assert [amount(offer, "cpus") for offer in again.offers] == [1]


def test_what_is_over_and_told_is_forgotten(world: World, scheduler: Scheduler) -> None:
    scheduler.launch(task("t"))
    world.come_up()
    world.end(scheduler.runtime_id("t"), Condition.FINISHED)
    assert scheduler.states("t")[-1] == "TASK_FINISHED"
    assert world.engine.master.known.tasks == {}
    world.restart()
    assert world.engine.master.known.tasks == {}
    again = Scheduler(world).subscribe(scheduler.id)
    again.launch(task("t"))
    assert world.launches == 2, "and its id is free again"


def test_a_task_that_ended_while_nobody_looked(world: World, scheduler: Scheduler) -> None:
    scheduler.launch(task("t"))
    world.come_up()
    scheduler.states("t")
    del world.tasks[scheduler.runtime_id("t")]
    world.restart()
    again = Scheduler(world).subscribe(scheduler.id)
    (status,) = again.statuses("t")
    assert (status["state"], status["reason"]) == ("TASK_FAILED", "REASON_EXECUTOR_TERMINATED")
    assert world.engine.held_by_frameworks() == {}


def test_after_a_restart_nobody_loses_its_tasks_for_not_being_there_yet(world: World) -> None:
    hasty = Scheduler(world).subscribe(failover_timeout=0)
    hasty.launch(task("t"))
    world.come_up()
    world.restart()
    world.clock.advance(50)
    assert world.dying == set()
    world.clock.advance(20)
    assert len(world.dying) == 1, "yet not for ever"


class SlowWorld(World):
    """Its runtimes take a second to find what runs."""

    async def recover(self, expected: Sequence[str]) -> None:
        self.clock.advance(1.0)
        await super().recover(expected)


def test_while_the_cluster_is_away_nobody_can_come_back(tmp_path: Path) -> None:
    world = SlowWorld(tmp_path, agents=(agent(cpus=4),))
    scheduler = Scheduler(world).subscribe(failover_timeout=100.0)
    scheduler.launch(task("t"))
    world.come_up()
    scheduler.disconnect()
    world.clock.forget()
    world.clock.advance(1000)
    world.restart()
    assert world.dying == set()
    assert Scheduler(world).subscribe(scheduler.id).states("t") == ["TASK_STARTING", "TASK_RUNNING"]


def test_a_kill_that_was_cut_off_is_done_again(world: World, scheduler: Scheduler) -> None:
    scheduler.launch(task("t"))
    world.come_up()
    world.crash_in = 1
    with pytest.raises(Crash):
        scheduler.call("KILL", task_id={"value": "t"})
    assert world.dying == set()
    world.restart()
    assert len(world.dying) == 1


def test_the_tasks_of_a_framework_that_was_removed_are_killed_again(world: World, scheduler: Scheduler) -> None:
    scheduler.launch(task("t"))
    world.come_up()
    world.crash_in = 1
    with pytest.raises(Crash):
        scheduler.call("TEARDOWN")
    world.restart()
    assert len(world.dying) == 1
    again = Scheduler(world).subscribe(scheduler.id)
    assert again.events[-1]["error"]["message"] == "Framework has been removed"


@pytest.mark.parametrize("calls", range(1, 4))
def test_a_launch_that_was_cut_off_is_told_and_never_done_twice(world: World, scheduler: Scheduler, calls: int) -> None:
    world.crash_in = calls
    with pytest.raises(Crash):
        scheduler.launch(task("a"), task("b"), task("c"))
    world.restart()
    again = Scheduler(world).subscribe(scheduler.id)
    world.come_up()
    told = {task_id: again.states(task_id)[-1] for task_id in "abc"}
    launched = {spec.environment["MESOS_TASK_ID"] for spec in world.tasks.values()}
    assert told == {task_id: "TASK_RUNNING" if task_id in launched else "TASK_DROPPED" for task_id in "abc"}
    assert len(launched) == calls - 1
    assert world.engine.held_by_frameworks().get("agent-0", NONE).cpus == len(launched)
