"""Frameworks beside Marathon on the same agents: offers, launches, and what they are told."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine_doubles import World, agent
from framework_double import Scheduler, amount, ports, scalar, task

from ciprov.localcluster.model import Condition


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, agents=(agent(cpus=4),))


@pytest.fixture
def scheduler(world: World) -> Scheduler:
    return Scheduler(world).subscribe()


def cpus_offered(scheduler: Scheduler) -> list[float]:
    return [amount(offer, "cpus") for offer in scheduler.offers]


# Offers


def test_who_subscribes_is_offered_all_at_once(scheduler: Scheduler) -> None:
    assert [event["type"] for event in scheduler.events] == ["SUBSCRIBED", "HEARTBEAT", "OFFERS"]
    assert cpus_offered(scheduler) == [4]


def test_marathon_takes_what_was_offered_and_the_rest_is_offered_anew(world: World, scheduler: Scheduler) -> None:
    world.put("/a", cpus=3)
    assert len(world.tasks) == 1
    assert len(scheduler.of("RESCIND")) == 1
    assert cpus_offered(scheduler) == [1]


def test_what_marathon_leaves_of_an_offer_keeps_it(world: World, scheduler: Scheduler) -> None:
    """Nothing is taken back that still can be given: here the offer names a part of the agent only."""
    scheduler.accept(scheduler.offers, task("t", cpus=3))
    world.clock.advance(1)
    scheduler.decline(*scheduler.offers[-1:])
    world.put("/a", cpus=1)
    assert scheduler.of("RESCIND") == []


def test_a_rescinded_offer_launches_nothing(world: World, scheduler: Scheduler) -> None:
    (offer,) = scheduler.offers
    world.put("/a", cpus=3)
    scheduler.accept([offer], task("late", cpus=2))
    (status,) = scheduler.statuses("late")
    assert (status["state"], status["reason"]) == ("TASK_DROPPED", "REASON_INVALID_OFFERS")
    assert len(world.tasks) == 1


def test_marathon_waits_for_what_a_framework_uses(world: World, scheduler: Scheduler) -> None:
    scheduler.launch(task("t", cpus=4))
    world.put("/a", cpus=1)
    assert world.conditions("/a") == ["scheduled"]
    world.come_up()
    world.end(scheduler.runtime_id("t"), Condition.FINISHED)
    assert world.conditions("/a") == ["staging"]


def test_ports_that_apps_insist_on_are_not_offered(world: World, scheduler: Scheduler) -> None:
    world.put("/a", requirePorts=True, portDefinitions=[{"port": 31007}], instances=0)
    scheduler.decline(*scheduler.offers, refuse_seconds=0)
    world.clock.advance(1)
    (resource,) = (one for one in scheduler.offers[-1]["resources"] if one["name"] == "ports")
    pairs = [(one["begin"], one["end"]) for one in resource["ranges"]["range"]]
    assert pairs == [(31000, 31006), (31008, 31099)]


def test_ports_are_given_once(world: World, scheduler: Scheduler) -> None:
    scheduler.launch(task("t", more=[ports(31000, 31097)]))
    world.put("/a", cpus=0.1, portDefinitions=[{"port": 0}, {"port": 0}])
    (instance,) = world.engine.instances("/a")
    assert set(instance.ports) == {31098, 31099}
    world.put("/b", cpus=0.1, portDefinitions=[{"port": 0}])
    assert world.conditions("/b") == ["scheduled"]


def test_a_port_that_is_not_in_the_offer(world: World, scheduler: Scheduler) -> None:
    scheduler.launch(task("a", more=[ports(31005, 31005)]), task("b", more=[ports(31004, 31005)]))
    assert scheduler.states("a") == []
    (status,) = scheduler.statuses("b")
    assert status["state"] == "TASK_ERROR"
    assert "ports(allocated: ci):[31004-31005] required" in status["message"]


def test_what_is_declined_comes_back_after_five_seconds(world: World, scheduler: Scheduler) -> None:
    scheduler.decline(*scheduler.offers)
    world.clock.advance(4.9)
    assert len(scheduler.offers) == 1
    world.clock.advance(0.2)
    assert len(scheduler.offers) == 2


def test_more_than_was_declined_is_offered(world: World, scheduler: Scheduler) -> None:
    scheduler.accept(scheduler.offers, task("t", cpus=1), refuse_s=1000)
    world.clock.advance(60)
    assert len(scheduler.offers) == 1
    world.come_up()
    world.end(scheduler.runtime_id("t"), Condition.FINISHED)
    assert cpus_offered(scheduler)[1:] == [4]


def test_revive_and_suppress(world: World, scheduler: Scheduler) -> None:
    scheduler.decline(*scheduler.offers, refuse_seconds=1000)
    scheduler.call("REVIVE")
    assert len(scheduler.offers) == 2, "at once"
    scheduler.call("SUPPRESS")
    scheduler.decline(*scheduler.offers[-1:], refuse_seconds=0)
    world.clock.advance(60)
    assert len(scheduler.offers) == 2
    scheduler.call("REVIVE")
    assert len(scheduler.offers) == 3


def test_who_subscribes_without_wanting_offers_gets_none(world: World) -> None:
    quiet = Scheduler(world).subscribe(suppressed=["ci"])
    assert quiet.offers == []
    quiet.call("REVIVE")
    assert len(quiet.offers) == 1


def test_nothing_waits_by_a_timer_for_who_wants_no_offers(world: World, scheduler: Scheduler) -> None:
    scheduler.decline(*scheduler.offers, refuse_seconds=0)
    scheduler.call("SUPPRESS")
    world.clock.advance(1)
    assert world.clock.armed == []


def test_several_offers_of_one_agent_joined(world: World, scheduler: Scheduler) -> None:
    scheduler.accept(scheduler.offers, task("small", cpus=1), refuse_s=0)
    world.clock.advance(1)
    world.come_up()
    world.end(scheduler.runtime_id("small"), Condition.FINISHED)
    first, second = scheduler.offers[1:]
    assert (amount(first, "cpus"), amount(second, "cpus")) == (3, 1)
    scheduler.accept([first, second], task("whole", cpus=4))
    assert world.engine.held_by_frameworks()["agent-0"].cpus == 4


def test_two_frameworks_share(world: World) -> None:
    one = Scheduler(world).subscribe(roles=["red"])
    other = Scheduler(world).subscribe(roles=["blue"])
    assert (len(one.offers), len(other.offers)) == (1, 0)
    one.launch(task("t", cpus=1))
    assert cpus_offered(other) == [3], "who has less is first"


# Tasks


def test_a_task_starts_runs_and_finishes(world: World, scheduler: Scheduler) -> None:
    scheduler.launch(task("t"))
    assert scheduler.states("t") == []
    world.come_up()
    world.end(scheduler.runtime_id("t"), Condition.FINISHED, "Command exited with status 0")
    assert scheduler.states("t") == ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]
    assert world.engine.held_by_frameworks() == {}
    assert scheduler.states("t") == ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"], "nothing is told again"


def test_what_is_not_acknowledged_is_told_again_more_and_more_rarely(world: World, scheduler: Scheduler) -> None:
    scheduler.acknowledges = False
    scheduler.launch(task("t"))
    world.come_up()
    for seconds, times in ((9, 1), (2, 2), (18, 2), (3, 3), (36, 3), (5, 4), (3600, 12)):
        world.clock.advance(seconds)
        assert scheduler.states("t") == ["TASK_STARTING"] * times
    assert len({status["uuid"] for status in scheduler.statuses("t")}) == 1
    scheduler.acknowledge_all()
    assert set(scheduler.states("t")[12:]) == {"TASK_RUNNING"}


def test_only_what_was_told_can_be_acknowledged(world: World, scheduler: Scheduler) -> None:
    scheduler.launch(task("t"))
    world.come_up()
    (status,) = scheduler.statuses("t")
    for wrong in ({"uuid": "AAAAAAAAAAAAAAAAAAAAAA=="}, {"agent_id": {"value": "x"}}, {"task_id": {"value": "x"}}):
        told = {name: status[name] for name in ("agent_id", "task_id", "uuid")} | wrong
        assert scheduler.call("ACKNOWLEDGE", **told) == 202
    assert len(scheduler.statuses("t")) == 1


def test_a_kill_with_its_grace(world: World, scheduler: Scheduler) -> None:
    scheduler.launch(task("t", kill_policy={"grace_period": {"nanoseconds": 7_000_000_000}}))
    assert world.tasks[scheduler.runtime_id("t")].kill_grace_seconds == 7
    world.come_up()
    scheduler.states("t")
    scheduler.call("KILL", task_id={"value": "t"})
    assert world.dying == {scheduler.runtime_id("t")}
    scheduler.call("KILL", task_id={"value": "t"})
    world.die()
    assert scheduler.states("t")[2:] == ["TASK_KILLING", "TASK_KILLED"], "told once, asked twice"


def test_who_does_not_know_killing_is_not_told_of_it(world: World) -> None:
    scheduler = Scheduler(world).subscribe(capabilities=("MULTI_ROLE",))
    scheduler.launch(task("t"))
    world.come_up()
    scheduler.states("t")
    scheduler.call("KILL", task_id={"value": "t"})
    world.die()
    assert scheduler.states("t")[2:] == ["TASK_KILLED"]


def test_a_task_that_was_killed_before_it_ran(world: World, scheduler: Scheduler) -> None:
    scheduler.launch(task("t"))
    scheduler.call("KILL", task_id={"value": "t"})
    world.die()
    (status,) = scheduler.statuses("t")
    assert (status["state"], status["reason"]) == ("TASK_KILLED", "REASON_TASK_KILLED_DURING_LAUNCH")


def test_an_executor_that_is_shut_down_takes_its_task_along(world: World, scheduler: Scheduler) -> None:
    scheduler.launch(task("t"))
    world.come_up()
    for executor in ("another", "t"):
        assert world.dying == set()
        scheduler.call("SHUTDOWN", executor_id={"value": executor}, agent_id={"value": "agent-0"})
    assert world.dying == {scheduler.runtime_id("t")}


def test_a_part_of_the_tasks_is_invalid(world: World, scheduler: Scheduler) -> None:
    scheduler.launch(task("a", cpus=3), task("b", cpus=3), task("c", cpus=1), task("a", cpus=0.1))
    assert [spec.environment["MESOS_TASK_ID"] for spec in world.tasks.values()] == ["a", "c"]
    assert "more than available" in scheduler.statuses("b")[0]["message"]
    assert "duplicate" in scheduler.statuses("a")[0]["message"]


def test_what_is_not_supported_is_named(world: World, scheduler: Scheduler) -> None:
    scheduler.launch(task("t", health_check={"type": "TCP"}))
    (status,) = scheduler.statuses("t")
    assert (status["state"], status["reason"]) == ("TASK_ERROR", "REASON_TASK_INVALID")
    assert "health_check" in status["message"]
    assert world.tasks == {}


def test_reconciliation(world: World, scheduler: Scheduler) -> None:
    scheduler.launch(task("t"))
    world.come_up()
    scheduler.states("t")
    seen = len(scheduler.events)
    scheduler.call("RECONCILE")
    scheduler.call("RECONCILE", tasks=[{"task_id": {"value": "no"}, "agent_id": {"value": "agent-0"}}])
    scheduler.call("RECONCILE", tasks=[{"task_id": {"value": "no"}}, {"task_id": {"value": "t"}}])
    told = [event["update"]["status"] for event in scheduler.events[seen:]]
    assert [(one["task_id"]["value"], one["state"]) for one in told] == [
        ("t", "TASK_RUNNING"),
        ("no", "TASK_GONE"),
        ("no", "TASK_UNKNOWN"),
        ("t", "TASK_RUNNING"),
    ]
    assert not any("uuid" in one for one in told)


def test_secrets_are_given_to_the_task_and_to_no_file(world: World, scheduler: Scheduler, tmp_path: Path) -> None:
    secret = {"name": "TOKEN", "type": "SECRET", "secret": {"type": "VALUE", "value": {"data": "aHVzaC1odXNo"}}}
    plain = {"name": "PLAIN", "type": "VALUE", "value": "seen"}
    scheduler.launch(task("t", command={"value": "true", "environment": {"variables": [secret, plain]}}))
    (spec,) = world.tasks.values()
    assert (spec.environment["TOKEN"], spec.environment["PLAIN"]) == ("hush-hush", "seen")
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert scheduler.runtime_id("t").encode() in written
    for hidden in (b"hush-hush", b"aHVzaC1odXNo"):
        assert hidden not in written
    assert "hush-hush" not in repr(world.engine.master.known.tasks)


def test_resources_beyond_the_agents_are_named(scheduler: Scheduler) -> None:
    strange = task("t", resources=[scalar("cpus", 1), scalar("unicorns", 1)])
    scheduler.launch(strange)
    assert "unicorns(allocated: ci):1" in scheduler.statuses("t")[0]["message"]
