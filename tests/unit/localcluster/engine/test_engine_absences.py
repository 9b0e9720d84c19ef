"""Agents that are drained, that are lost, and that come back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from engine_doubles import CHECKED, HOST, World, agent

from ciprov.localcluster.engine.absences import NotPossible
from ciprov.localcluster.engine.cluster import RETURN_CHECK_SECONDS
from ciprov.localcluster.model import Agent, Condition, Instance

SECOND_HOST = "127.9.9.2"
FIRST = replace(agent(1, range(31000, 31010)), attributes={"rack": "r1"})
SECOND = replace(agent(2, range(31010, 31020)), hostname=SECOND_HOST, attributes={"rack": "r2"})
ON_SECOND = {"constraints": [("rack", "LIKE", "r2")]}
SPREAD = {"constraints": [("hostname", "UNIQUE")], "instances": 2}


def patience(inactive: int, expunge: int) -> dict[str, Any]:
    return {"unreachableStrategy": {"inactiveAfterSeconds": inactive, "expungeAfterSeconds": expunge}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, [FIRST, SECOND])


def there(world: World, agent_id: str) -> list[Instance]:
    return [each for each in world.engine.instances() if each.agent_id == agent_id]


def told(world: World, instance_id: str) -> list[str]:
    return [each["condition"] for each in world.events("instance_changed_event") if each["instanceId"] == instance_id]


def agent_of(world: World, agent_id: str) -> Agent:
    return next(each for each in world.engine.agents if each.id == agent_id)


class TestDrained:
    def test_its_tasks_are_killed_and_replaced_elsewhere_as_the_same_instances(self, world: World) -> None:
        world.put("/a", instances=6)
        world.settle()
        drained = world.engine.instances("/a")[0].agent_id
        gone = there(world, drained)
        world.engine.drain_agent(drained)
        assert {each.condition for each in there(world, drained)} == {Condition.KILLING}
        world.settle()
        moved = {each.id: each for each in world.engine.instances("/a")}
        assert {each.agent_id for each in moved.values()} == {"agent-1", "agent-2"} - {drained}
        assert all(moved[each.id].attempt == 2 for each in gone)
        assert told(world, gone[0].id)[-4:] == ["Killed", "Scheduled", "Staging", "Running"]

    def test_it_makes_no_offers_until_it_returns(self, world: World) -> None:
        world.engine.drain_agent("agent-2")
        world.put("/a", **ON_SECOND)
        assert world.conditions("/a") == ["scheduled"]
        assert world.engine.queue()[0].processed == 1
        world.engine.return_agent("agent-2")
        world.settle()
        assert world.conditions("/a") == ["running"]

    def test_it_stays_drained_over_a_restart(self, world: World) -> None:
        world.engine.drain_agent("agent-2")
        world.restart()
        assert not agent_of(world, "agent-2").active
        assert not agent_of(world, "agent-2").lost
        world.put("/a", **ON_SECOND)
        assert world.conditions("/a") == ["scheduled"]

    def test_a_lost_one_cannot_be_told(self, world: World) -> None:
        world.engine.lose_agent("agent-2")
        with pytest.raises(NotPossible, match="agent-2 is lost"):
            world.engine.drain_agent("agent-2")


@pytest.mark.parametrize(("rack", "port", "host"), [("r1", 31005, HOST), ("r2", 31015, SECOND_HOST)])
def test_a_fixed_port_is_forwarded_to_where_its_task_is(world: World, rack: str, port: int, host: str) -> None:
    world.put("/a", constraints=[("rack", "IS", rack)], requirePorts=True, portDefinitions=[{"port": port}])
    world.settle()
    assert world.routes == {port: ((host, port),)}


class TestLost:
    def lose(self, world: World, **fields: Any) -> Instance:
        """An app with its one task on the agent that is lost then."""
        world.put("/a", **{**ON_SECOND, "portDefinitions": [{"port": 0}], **fields})
        world.settle()
        (instance,) = world.engine.instances("/a")
        world.engine.lose_agent("agent-2")
        return instance

    def test_an_instance_is_waited_for_then_replaced_then_forgotten(self, world: World) -> None:
        old = self.lose(world, **patience(10, 60), constraints=())
        if old.agent_id != "agent-2":
            world.engine.return_agent("agent-2")
            world.engine.lose_agent(old.agent_id)
        assert world.conditions("/a") == ["unreachable"]
        world.clock.advance(9)
        assert world.conditions("/a") == ["unreachable"]
        world.clock.advance(2)
        assert world.conditions("/a") == ["staging", "unreachable_inactive"]
        world.come_up()
        world.clock.advance(50)
        assert world.conditions("/a") == ["running"]
        assert told(world, old.id)[-3:] == ["Unreachable", "UnreachableInactive", "Killed"]
        assert old.task_id in world.tasks, "its process runs on"

    def test_without_patience_it_is_replaced_and_forgotten_at_once(self, world: World) -> None:
        old = self.lose(world)
        assert world.conditions("/a") == ["scheduled"]
        (status,) = [each for each in world.events("status_update_event") if each["taskStatus"] == "TASK_UNREACHABLE"]
        assert (status["taskId"], status["host"]) == (old.task_id, SECOND_HOST)
        assert told(world, old.id)[-1] == "UnreachableInactive"

    def test_a_disabled_strategy_waits_for_ever(self, world: World) -> None:
        self.lose(world, unreachableStrategy="disabled")
        world.clock.advance(10**6)
        assert world.conditions("/a") == ["unreachable"]
        assert world.clock.armed == []

    def test_what_comes_back_in_time_runs_on(self, world: World) -> None:
        old = self.lose(world, **patience(10, 60))
        world.clock.advance(5)
        world.engine.return_agent("agent-2")
        (back,) = world.engine.instances("/a")
        assert (back.id, back.condition, back.started_at) == (old.id, Condition.RUNNING, old.started_at)
        world.clock.advance(100)
        assert world.conditions("/a") == ["running"]
        assert world.launches == 1

    def test_what_was_replaced_and_comes_back_is_one_too_many_and_the_youngest_goes(self, world: World) -> None:
        world.put("/a", **SPREAD, **patience(0, 60))
        world.settle()
        world.engine.lose_agent("agent-2")
        assert world.conditions("/a") == ["running", "scheduled", "unreachable_inactive"]
        world.engine.return_agent("agent-2")
        assert world.conditions("/a") == ["running", "running", "scheduled"]
        world.clock.advance(RETURN_CHECK_SECONDS + 1)
        world.settle()
        assert world.conditions("/a") == ["running", "running"]
        assert world.launches == 2

    def test_the_task_of_a_forgotten_instance_is_killed_on_return_and_its_ports_come_free(self, world: World) -> None:
        old = self.lose(world, instances=1)
        assert not world.dying
        world.engine.return_agent("agent-2")
        assert world.dying == {old.task_id}
        (new,) = world.engine.instances("/a")
        assert not {*new.ports} & {*old.ports}, "the old task holds its port until it has ended"
        world.die()
        (event,) = world.events("unknown_instance_terminated_event")
        assert event == {"instanceId": old.id, "runSpecId": "/a", "condition": "Killed"}
        world.put("/b", **ON_SECOND, portDefinitions=[{"port": 0}] * 9)
        world.settle()
        assert world.conditions("/b") == ["running"]

    def test_the_task_of_a_forgotten_instance_holds_its_ports_over_a_restart(self, world: World) -> None:
        old = self.lose(world)
        world.restart()
        world.engine.return_agent("agent-2")
        world.put("/b", **ON_SECOND, portDefinitions=[{"port": 0}] * 9)
        assert world.conditions("/b") == ["scheduled"]
        world.end(old.task_id)
        assert world.conditions("/b") == ["staging"]

    def test_of_what_came_up_and_ended_unheard_the_end_counts(self, world: World) -> None:
        world.put("/a", **ON_SECOND, **patience(100, 200))
        world.engine.lose_agent("agent-2")
        world.come_up()
        (task_id,) = world.tasks
        world.end(task_id, Condition.FAILED)
        world.engine.return_agent("agent-2")
        assert world.conditions("/a") == ["scheduled"]

    def test_an_end_that_nobody_heard_of_is_heard_of_on_return(self, world: World) -> None:
        old = self.lose(world, **patience(10, 60))
        world.end(old.task_id, Condition.FAILED, "exited with 3")
        assert world.conditions("/a") == ["unreachable"]
        world.engine.return_agent("agent-2")
        (again,) = world.engine.instances("/a")
        assert (again.id, again.attempt) == (old.id, 2)
        failure = world.engine.last_failure("/a")
        assert failure is not None
        assert (failure.state, failure.message) == ("TASK_FAILED", "exited with 3")

    @pytest.mark.parametrize("ended", [False, True])
    def test_all_of_it_survives_a_restart(self, world: World, ended: bool) -> None:
        world.put("/kept", **ON_SECOND, **patience(100, 200))
        old = self.lose(world)
        (kept,) = world.engine.instances("/kept")
        if ended:
            world.end(old.task_id)
            world.end(kept.task_id, Condition.FAILED, "exited with 3")
        world.restart()
        assert agent_of(world, "agent-2").lost
        assert world.conditions("/kept") == ["unreachable"]
        assert (old.task_id in world.tasks) is not ended
        world.clock.advance(101)
        assert world.conditions("/kept") == ["scheduled", "unreachable_inactive"]
        world.engine.return_agent("agent-2")
        world.settle()
        assert len(world.events("unknown_instance_terminated_event")) == 1
        assert world.conditions("/kept") == ["running"]
        assert old.task_id not in world.tasks

    def test_an_agent_that_is_gone_after_a_restart_gives_its_tasks_back(self, world: World) -> None:
        old = self.lose(world, **patience(100, 200))
        world.agents = [FIRST, replace(SECOND, id="agent-3")]
        world.restart()
        (back,) = world.engine.instances("/a")
        assert (back.id, back.condition) == (old.id, Condition.RUNNING)

    def test_health_checks_stop_and_begin_again(self, world: World) -> None:
        self.lose(world, **patience(10, 60), **CHECKED)
        assert not world.probing
        (lost,) = world.engine.instances("/a")
        assert lost.healthy is False
        world.engine.return_agent("agent-2")
        world.probe()
        (back,) = world.engine.instances("/a")
        assert back.healthy is True

    def test_nothing_is_forwarded_to_what_cannot_be_reached(self, world: World) -> None:
        old = self.lose(world, **patience(10, 60), portDefinitions=[{"port": 10005}])
        assert world.routes == {10005: ()}
        world.engine.return_agent("agent-2")
        assert world.routes == {10005: ((SECOND_HOST, old.ports[0]),)}

    def test_deleting_an_app_does_not_wait_for_what_cannot_be_reached(self, world: World) -> None:
        old = self.lose(world, **patience(100, 200))
        world.delete("/a")
        assert world.deploying == []
        world.engine.return_agent("agent-2")
        assert world.dying == {old.task_id}
        world.settle()
        assert world.conditions("/a") == []

    def test_an_upgrade_does_not_wait_for_what_cannot_be_reached(self, world: World) -> None:
        self.lose(world, **patience(100, 200))
        world.put("/a", cmd="serve better")
        world.settle()
        assert world.deploying == []
        assert [each for each in world.conditions("/a") if each == "running"] == ["running"]

    def test_scaling_down_takes_the_unreachable_first(self, world: World) -> None:
        world.put("/a", **SPREAD, **patience(100, 200))
        world.settle()
        world.engine.lose_agent("agent-2")
        world.put("/a", **{**SPREAD, "instances": 1}, **patience(100, 200))
        world.settle()
        assert world.deploying == []
        (left,) = [each for each in world.engine.instances("/a") if not each.decommissioned]
        assert (left.agent_id, left.condition) == ("agent-1", Condition.RUNNING)

    @pytest.mark.parametrize(("wipe", "before"), [(False, ["scheduled", "unreachable"]), (True, ["scheduled"])])
    def test_a_kill_gives_it_up(self, world: World, wipe: bool, before: list[str]) -> None:
        old = self.lose(world, **patience(100, 200))
        world.engine.kill([old.id], wipe=wipe)
        assert world.conditions("/a") == before
        world.engine.return_agent("agent-2")
        assert world.dying == {old.task_id}
        world.settle()
        assert world.conditions("/a") == ["running"]

    def test_a_task_that_was_coming_up_is_found_up(self, world: World) -> None:
        world.put("/a", **ON_SECOND, **patience(100, 200))
        world.engine.lose_agent("agent-2")
        world.come_up()
        assert world.conditions("/a") == ["unreachable"]
        world.engine.return_agent("agent-2")
        assert world.conditions("/a") == ["running"]
        assert world.deploying == []

    def test_a_task_that_was_coming_up_and_is_not_up_yet_comes_up_later(self, world: World) -> None:
        world.put("/a", **ON_SECOND, **patience(100, 200))
        world.engine.lose_agent("agent-2")
        world.engine.return_agent("agent-2")
        assert world.conditions("/a") == ["staging"]
        world.settle()
        assert world.conditions("/a") == ["running"]

    def test_losing_it_twice_changes_nothing(self, world: World) -> None:
        self.lose(world, **patience(10, 60))
        before = len(world.published)
        world.engine.lose_agent("agent-2")
        assert len(world.published) == before

    def test_an_unknown_agent_is_a_key_error(self, world: World) -> None:
        with pytest.raises(KeyError):
            world.engine.lose_agent("agent-9")
