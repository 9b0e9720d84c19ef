"""Frameworks that come, fail over and go, and agents that do."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine_doubles import World, agent
from framework_double import Scheduler, amount, task

from ciprov.localcluster.master.calls import BadCall
from ciprov.localcluster.model import Condition


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, agents=(agent(cpus=4),))


@pytest.fixture
def scheduler(world: World) -> Scheduler:
    return Scheduler(world).subscribe()


def cpus_offered(scheduler: Scheduler) -> list[float]:
    return [amount(offer, "cpus") for offer in scheduler.offers]


def test_the_second_stream_of_a_framework_takes_its_place(world: World, scheduler: Scheduler) -> None:
    scheduler.acknowledges = False
    scheduler.launch(task("t"))
    world.come_up()
    second = Scheduler(world).subscribe(scheduler.id)
    assert scheduler.events[-1] == {"type": "ERROR", "error": {"message": "Framework failed over"}}
    assert scheduler.ended
    assert cpus_offered(second) == [3]
    assert second.states("t") == ["TASK_STARTING", "TASK_RUNNING"], "what was not acknowledged is told to the new one"
    with pytest.raises(BadCall, match="didn't match the stream ID"):
        scheduler.call("REVIVE")
    scheduler.disconnect()
    assert second.call("REVIVE") == 202, "the end of the old stream means nothing"


def test_without_a_failover_timeout_its_tasks_go_with_it(world: World) -> None:
    scheduler = Scheduler(world).subscribe(failover_timeout=0)
    scheduler.launch(task("t"))
    world.come_up()
    scheduler.disconnect()
    assert len(world.dying) == 1
    again = Scheduler(world).subscribe(scheduler.id)
    assert again.events == [{"type": "ERROR", "error": {"message": "Framework has been removed"}}]
    assert again.ended


def test_within_its_failover_timeout_it_may_come_back(world: World, scheduler: Scheduler) -> None:
    scheduler.launch(task("t"))
    world.come_up()
    scheduler.disconnect()
    world.clock.advance(99)
    assert world.dying == set()
    second = Scheduler(world).subscribe(scheduler.id)
    world.clock.advance(1000)
    assert world.dying == set()
    second.disconnect()
    world.clock.advance(101)
    assert len(world.dying) == 1


def test_a_teardown_kills_and_frees_when_the_tasks_are_gone(world: World, scheduler: Scheduler) -> None:
    scheduler.launch(task("t", cpus=4))
    world.come_up()
    scheduler.call("TEARDOWN")
    assert scheduler.ended
    other = Scheduler(world).subscribe()
    assert cpus_offered(other) == [0]
    world.die()
    assert cpus_offered(other) == [0, 4]
    assert world.engine.master.known.tasks == {}


# Agents


def test_an_agent_is_lost_and_returns(world: World, scheduler: Scheduler) -> None:
    scheduler.accept(scheduler.offers, task("stays"), task("ends"))
    world.come_up()
    scheduler.states("stays")
    world.clock.advance(1)
    world.engine.lose_agent("agent-0")
    assert scheduler.states("stays")[2:] == ["TASK_UNREACHABLE"]
    assert len(scheduler.of("FAILURE")) == 1
    assert scheduler.offers[1:] == []
    world.end(scheduler.runtime_id("ends"), Condition.FINISHED)
    assert scheduler.states("ends")[2:] == ["TASK_UNREACHABLE"], "nobody hears of it"
    world.engine.return_agent("agent-0")
    assert scheduler.states("ends")[3:] == ["TASK_FINISHED"]
    assert scheduler.states("stays")[3:] == ["TASK_RUNNING"]
    assert cpus_offered(scheduler)[-1] == 3


def test_a_lost_agent_tells_nothing_again(world: World, scheduler: Scheduler) -> None:
    scheduler.acknowledges = False
    scheduler.launch(task("t"))
    world.come_up()
    world.engine.lose_agent("agent-0")
    world.clock.advance(100)
    assert scheduler.states("t") == ["TASK_STARTING", "TASK_UNREACHABLE"]
    world.engine.return_agent("agent-0")
    assert "TASK_STARTING" in scheduler.states("t")[2:]


def test_a_task_that_ended_on_a_lost_agent_after_its_framework_was_removed(world: World, scheduler: Scheduler) -> None:
    scheduler.launch(task("t", cpus=3))
    world.come_up()
    world.engine.lose_agent("agent-0")
    runtime_id = scheduler.runtime_id("t")
    scheduler.call("TEARDOWN")
    world.end(runtime_id, Condition.FINISHED)
    world.engine.return_agent("agent-0")
    assert world.engine.master.known.tasks == {}
    assert world.engine.held_by_frameworks() == {}
    assert cpus_offered(Scheduler(world).subscribe()) == [4], "what it held is given back once"


def test_while_an_agent_is_lost_nothing_is_due_for_its_tasks(world: World, scheduler: Scheduler) -> None:
    scheduler.acknowledges = False
    scheduler.launch(task("t"))
    world.come_up()
    world.engine.lose_agent("agent-0")
    world.clock.advance(60)
    assert world.clock.armed == []


def test_a_drained_agent_makes_no_offers_and_kills_its_tasks(world: World, scheduler: Scheduler) -> None:
    scheduler.accept(scheduler.offers, task("t"))
    world.come_up()
    scheduler.states("t")
    world.clock.advance(1)
    world.engine.drain_agent("agent-0")
    world.die()
    assert scheduler.states("t")[2:] == ["TASK_KILLING", "TASK_KILLED"]
    assert scheduler.statuses("t")[-1]["reason"] == "REASON_AGENT_DRAINING"
    assert scheduler.offers[1:] == []
