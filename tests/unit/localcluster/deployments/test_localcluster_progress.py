"""Deployments in motion: scaling, rolling upgrades and the fixed-port deadlock, in a toy world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from ciprov.localcluster.definitions.app import App, UpgradeStrategy
from ciprov.localcluster.definitions.group import Group
from ciprov.localcluster.deployments.locks import conflicting
from ciprov.localcluster.deployments.plan import plan
from ciprov.localcluster.deployments.progress import (
    AppStopped,
    DeploymentDone,
    DeploymentState,
    Effect,
    KillInstance,
    StartInstances,
    StepBegun,
    StepDone,
    progress,
)
from ciprov.localcluster.deployments.rolling import allowance
from ciprov.localcluster.deployments.scaling import propose
from ciprov.localcluster.model import Condition, HealthResult, Instance

CASES = Path(__file__).parents[3] / "cases" / "deployments"
START = datetime(2024, 1, 1, tzinfo=UTC)


def cases(name: str) -> Any:
    return YAML(typ="safe").load((CASES / name).read_text())


@pytest.mark.parametrize("case", cases("allowances.yaml"), ids=str)
def test_allowance(case: list[float]) -> None:
    instances, keep, over, healthy, existing, killed, capacity = case
    strategy = UpgradeStrategy(minimum_health_capacity=keep, maximum_over_capacity=over)
    allowed = allowance(int(instances), strategy, int(healthy), int(existing))
    assert (allowed.kill_at_once, allowed.capacity) == (killed, capacity)


def test_a_resident_app_gives_way_instead_of_growing() -> None:
    strategy = UpgradeStrategy(minimum_health_capacity=0.5, maximum_over_capacity=0)
    for instances, killed in ((1, 1), (2, 1), (4, 2)):
        allowed = allowance(instances, strategy, instances, instances, resident=True)
        assert (allowed.kill_at_once, allowed.capacity) == (killed, instances)
    strictest = UpgradeStrategy(minimum_health_capacity=1, maximum_over_capacity=0)
    assert allowance(3, strictest, 3, 3, resident=True).kill_at_once == 1
    assert allowance(3, strictest, 0, 3, resident=True).kill_at_once == 0


@pytest.mark.parametrize("case", cases("scalings.yaml"), ids=lambda case: case["name"])
def test_scaling(case: dict[str, Any]) -> None:
    instances = [
        Instance(
            id=name,
            app_id="/a",
            app_version="v1",
            condition=Condition.KILLING if condition == "leaving" else Condition(condition),
            decommissioned=condition == "leaving",
            since=START - timedelta(seconds=age),
        )
        for name, (condition, age) in case["instances"].items()
    ]
    selection = case.get("selection", "YOUNGEST_FIRST")
    even = [case["spread"]] if "spread" in case else []
    proposition = propose(instances, case["count"], selection, case.get("named", ()), even)
    assert (list(proposition.kills), proposition.starts) == (case["kills"], case["starts"])


class World:
    """Apps in root, `ports` of one fixed port in all, and a deployment that is driven until it rests."""

    def __init__(self, before: App, after: App, ports: int = 1000) -> None:
        self.ports = ports
        self.clock = 0
        self.instances: dict[str, Instance] = {}
        made = plan(Group(apps={before.id: before}), Group(apps={after.id: after}), after.version, "d")
        self.app = after
        self.checked = bool(after.health_checks)
        self.state = DeploymentState(made)
        self.effects: list[Effect] = []
        self.lowest = before.instances

    def add(self, version: str, condition: Condition, healthy: bool | None = None) -> Instance:
        self.clock += 1
        health = () if healthy is None else (HealthResult(0, alive=healthy),)
        name = f"i{self.clock}"
        since = START + timedelta(seconds=self.clock)
        running = condition is Condition.RUNNING
        self.instances[name] = Instance(name, self.app.id, version, condition, since, health=health, ready=running)
        return self.instances[name]

    def move(self) -> tuple[Effect, ...]:
        self.state, effects = progress(self.state, {self.app.id: tuple(self.instances.values())})
        self.effects += effects
        for effect in effects:
            if isinstance(effect, KillInstance):
                doomed = self.instances[effect.instance_id]
                if doomed.condition is Condition.SCHEDULED:
                    del self.instances[doomed.id]
                else:
                    self.instances[doomed.id] = replace(doomed, condition=Condition.KILLING, decommissioned=True)
            elif isinstance(effect, StartInstances):
                for _ in range(effect.count):
                    self.add(self.app.version, Condition.SCHEDULED, False if self.checked else None)
        return effects

    def held(self) -> int:
        return sum(instance.condition is not Condition.SCHEDULED for instance in self.instances.values())

    def end_killed(self) -> bool:
        doomed = [name for name, instance in self.instances.items() if instance.condition is Condition.KILLING]
        for name in doomed:
            del self.instances[name]
        return bool(doomed)

    def launch_one(self, serves: bool = True) -> bool:
        for name, instance in self.instances.items():
            if instance.condition is Condition.SCHEDULED and self.held() < self.ports:
                health = tuple(replace(result, alive=serves) for result in instance.health)
                self.instances[name] = replace(instance, condition=Condition.RUNNING, ready=True, health=health)
                return True
        return False

    def run(self) -> bool:
        """Until nothing moves; whether the deployment ended."""
        while True:
            moved = bool(self.move())
            running = sum(instance.condition is Condition.RUNNING for instance in self.instances.values())
            self.lowest = min(self.lowest, running)
            moved = self.end_killed() or self.launch_one() or moved
            if not moved:
                return self.state.finished


def app(version: str, checked: bool = False, **fields: Any) -> App:
    checks = ({"protocol": "TCP"},) if checked else ()
    return App.model_validate({"id": "/a", "version": version, "healthChecks": checks, "cmd": version, **fields})


OLD: dict[str, Callable[[World], Instance]] = {
    "unchecked": lambda world: world.add("v1", Condition.RUNNING),
    "healthy": lambda world: world.add("v1", Condition.RUNNING, healthy=True),
    "unhealthy": lambda world: world.add("v1", Condition.RUNNING, healthy=False),
    "unprobed": lambda world: world.add("v1", Condition.RUNNING, healthy=False),
}


@pytest.mark.parametrize("case", cases("fixed_ports.yaml"), ids=lambda case: case["name"])
def test_fixed_ports(case: dict[str, Any]) -> None:
    checked = case["old"] != "unchecked"
    keep, over = case["strategy"]
    strategy = {"minimumHealthCapacity": keep, "maximumOverCapacity": over}
    before = app("v1", checked, instances=case["instances"])
    world = World(before, app("v2", checked, instances=case["instances"], upgradeStrategy=strategy), case["agents"])
    for _ in range(case["instances"]):
        OLD[case["old"]](world)
    assert ("works" if world.run() else "stuck") == case["result"]
    if case["result"] == "works":
        assert {instance.app_version for instance in world.instances.values()} == {"v2"}
        assert len(world.instances) == case["instances"]
    else:
        assert sum(instance.app_version == "v1" for instance in world.instances.values()) == case["instances"]
    if "most_down" in case:
        assert world.lowest >= case["instances"] - case["most_down"]


def forced_over_a_deadlock(checked: bool) -> World:
    """One serving v1, one v2 that waits for the port, and a forced upgrade to v3 that keeps nothing."""
    strategy = {"minimumHealthCapacity": 0, "maximumOverCapacity": 0}
    world = World(app("v2", checked), app("v3", checked, upgradeStrategy=strategy), ports=1)
    world.add("v1", Condition.RUNNING, True if checked else None)
    world.add("v2", Condition.SCHEDULED, False if checked else None)
    return world


def test_a_forced_upgrade_without_checks_ends_a_deadlock() -> None:
    assert forced_over_a_deadlock(checked=False).run()


def test_a_forced_kill_can_be_spent_on_the_waiting_instance() -> None:
    world = forced_over_a_deadlock(checked=True)
    assert not world.run()
    assert [instance.app_version for instance in world.instances.values()] == ["v1"]


def test_a_rollback_hangs_again_with_checks() -> None:
    world = World(app("v2", checked=True), app("v3", checked=True), ports=1)
    world.add("v1", Condition.RUNNING, healthy=True)
    world.add("v2", Condition.SCHEDULED, healthy=False)
    assert not world.run()
    assert sorted(instance.app_version for instance in world.instances.values()) == ["v1", "v3"]


def test_a_rollback_without_checks_may_kill_the_serving_one_first() -> None:
    world = World(app("v2"), app("v3"), ports=1)
    serving = world.add("v1", Condition.RUNNING)
    world.add("v2", Condition.SCHEDULED)
    assert KillInstance(serving.id, "replaced by version v3") in world.move()


def test_a_step_waits_for_health_and_readiness() -> None:
    world = World(app("v1", checked=True, instances=0), app("v1", checked=True, instances=2))
    world.move()
    assert world.launch_one(serves=False)
    assert world.launch_one()
    assert world.move() == ()
    sick = next(instance for instance in world.instances.values() if not instance.healthy)
    world.instances[sick.id] = replace(sick, health=(HealthResult(0, alive=True),), ready=False)
    assert world.move() == ()
    world.instances[sick.id] = replace(world.instances[sick.id], ready=True)
    assert world.move() == (StepDone(1), DeploymentDone())


def test_scaling_up_does_not_wait_for_what_ran_before() -> None:
    world = World(app("v1", checked=True), app("v1", checked=True, instances=2))
    world.add("v1", Condition.RUNNING, healthy=False)
    assert world.run()


def test_scaling_down_waits_for_the_ends_only() -> None:
    world = World(app("v1", checked=True, instances=2), app("v1", checked=True, instances=1))
    old, young = (world.add("v1", Condition.RUNNING, healthy=False) for _ in range(2))
    assert world.move() == (StepBegun(1), KillInstance(young.id, "scaled to 1"))
    assert world.move() == ()
    world.end_killed()
    assert world.move() == (StepDone(1), DeploymentDone())
    assert list(world.instances) == [old.id]


def test_an_empty_plan_ends_at_once() -> None:
    state, effects = progress(DeploymentState(plan(Group(), Group(), "v1", "d")), {})
    assert effects == (DeploymentDone(),)
    assert state.finished


def test_removal_ends_when_the_last_task_has() -> None:
    made = plan(Group(apps={"/a": app("v1")}), Group(), "v2", "d")
    one = Instance("i", "/a", "v1", Condition.RUNNING, START)
    state, effects = progress(DeploymentState(made), {"/a": [one]})
    assert effects == (StepBegun(1), KillInstance("i", "app removed"))
    dying = replace(one, condition=Condition.KILLING, decommissioned=True)
    state, effects = progress(state, {"/a": [dying]})
    assert effects == ()
    state, effects = progress(state, {})
    assert effects == (AppStopped("/a"), StepDone(1), DeploymentDone())


def test_an_upgrade_ends_only_when_the_old_tasks_have() -> None:
    world = World(app("v1"), app("v2"))
    world.add("v1", Condition.RUNNING)
    world.move()
    world.launch_one()
    world.move()
    assert sorted(instance.condition for instance in world.instances.values()) == ["killing", "running"]
    assert world.move() == ()
    world.end_killed()
    assert world.move() == (StepDone(1), DeploymentDone())


def test_an_app_of_a_step_that_needs_nothing_holds_nobody_up() -> None:
    """`touched` names what changed since the last call, and nothing ever happens to `/b`."""
    before = Group(apps={"/a": app("v1"), "/b": App(id="/b", instances=2)})
    after = Group(apps={"/a": app("v1", instances=0), "/b": App(id="/b", instances=1)})
    one = Instance("i", "/a", "v1", Condition.RUNNING, START)
    instances = {"/a": [one], "/b": [replace(one, id="j", app_id="/b")]}
    state, effects = progress(DeploymentState(plan(before, after, "v2", "d")), instances, ["/a"])
    assert effects == (StepBegun(1), KillInstance("i", "scaled to 0"))
    _, effects = progress(state, {**instances, "/a": []}, ["/a"])
    assert effects == (StepDone(1), DeploymentDone())


def test_an_old_one_that_ends_by_itself_makes_room() -> None:
    strategy = {"minimumHealthCapacity": 0, "maximumOverCapacity": 0}
    world = World(app("v1", checked=True), app("v2", checked=True, upgradeStrategy=strategy))
    sick = world.add("v1", Condition.RUNNING, healthy=False)
    assert not world.run()
    del world.instances[sick.id]
    assert world.run()


def test_a_new_one_earns_one_kill_only() -> None:
    world = World(app("v1", instances=3), app("v2", instances=3))
    for _ in range(3):
        world.add("v1", Condition.RUNNING)
    world.move()
    world.launch_one()
    assert sum(isinstance(effect, KillInstance) for effect in world.move()) == 1
    fresh = next(instance for instance in world.instances.values() if instance.ready and instance.app_version == "v2")
    world.instances[fresh.id] = replace(fresh, condition=Condition.SCHEDULED, attempt=2)
    assert world.move() == ()
    world.instances[fresh.id] = fresh
    assert world.move() == ()


@given(
    before=st.integers(0, 6),
    after=st.integers(1, 6),
    keep=st.sampled_from([0.0, 0.25, 0.5, 0.8, 0.9, 1.0]),
    over=st.sampled_from([0.0, 0.2, 0.5, 1.0]),
)
def test_upgrades_of_healthy_apps_end_where_ports_abound(before: int, after: int, keep: float, over: float) -> None:
    strategy = {"minimumHealthCapacity": keep, "maximumOverCapacity": over}
    world = World(app("v1", instances=before), app("v2", instances=after, upgradeStrategy=strategy))
    for _ in range(before):
        world.add("v1", Condition.RUNNING)
    assert world.run()
    assert [instance.app_version for instance in world.instances.values()] == ["v2"] * after
    if before >= after:
        assert world.lowest >= min(before, -int(-(after * keep) // 1))


def test_locks_are_per_app() -> None:
    one = plan(Group(), Group(apps={"/a": app("v1")}), "v1", "one")
    other = plan(Group(), Group(apps={"/b": App(id="/b")}), "v1", "other")
    empty = plan(Group(), Group(), "v1", "empty")
    running = [DeploymentState(one), DeploymentState(other)]
    assert conflicting(one, running) == ("one",)
    assert conflicting(other, running) == ("other",)
    assert conflicting(empty, running) == ()
