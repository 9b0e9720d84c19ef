"""Whatever happens to apps, tasks and the daemon, once all goes well again the cluster is as wanted."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Any

import pytest
from engine_doubles import CHECKED, NOTHING_KEPT, Crash, World, agent
from hypothesis import given, note
from hypothesis import strategies as st

from ciprov.localcluster.api.port import Locked
from ciprov.localcluster.model import HOLDS_RESOURCES, Condition
from ciprov.localcluster.scheduling.agents import resources_of

AGENTS = [agent(0), agent(1, range(31100, 31200)), agent(2, range(31300, 31301), kind="fixed")]
"""The last has the one port that `/fixed` insists on, and no other app may take it."""

APPS = ["/a", "/g/b", "/g/c"]

app_fields = st.builds(
    lambda cmd, instances, keep, checked: {
        "cmd": cmd,
        "instances": instances,
        "cpus": 0.1,
        "portDefinitions": [{"port": 0}],
        "constraints": [["kind", "UNLIKE", "fixed"]],
        "upgradeStrategy": {"minimumHealthCapacity": keep, "maximumOverCapacity": 1},
        **(CHECKED if checked else {}),
    },
    st.sampled_from(["x", "y", "z"]),
    st.integers(0, 3),
    st.sampled_from([0.5, 1.0]),
    st.booleans(),
)
fixed_fields = st.builds(
    lambda cmd, instances: {
        "cmd": cmd,
        "instances": instances,
        "cpus": 0.1,
        "requirePorts": True,
        "portDefinitions": [{"port": 31300}],
        **NOTHING_KEPT,
    },
    st.sampled_from(["x", "y", "z"]),
    st.integers(0, 1),
)
number = st.integers(0, 20)
operations = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(APPS), app_fields, st.booleans()),
    st.tuples(st.just("put"), st.just("/fixed"), fixed_fields, st.just(True)),
    st.tuples(st.just("delete"), st.sampled_from([*APPS, "/fixed"]), st.booleans()),
    st.tuples(st.just("restart_app"), st.sampled_from(APPS)),
    st.tuples(st.just("cancel"), number, st.booleans()),
    st.tuples(st.just("kill"), number, st.booleans()),
    st.tuples(st.just("scale_down"), number),
    st.tuples(st.sampled_from(["come_up", "fail", "sicken", "heal"]), number),
    st.tuples(st.just("die")),
    st.tuples(st.just("advance"), st.sampled_from([0.5, 3.0, 40.0])),
    st.tuples(st.just("restart")),
)


def pick(names: Any, index: int) -> list[Any]:
    ordered = list(names)
    return [ordered[index % len(ordered)]] if ordered else []


def perform(world: World, name: str, *arguments: Any) -> None:
    if name in {"put", "delete", "restart_app", "cancel", "kill", "scale_down"}:
        ask(world, name, *arguments)
    else:
        happen(world, name, *arguments)


def ask(world: World, name: str, *arguments: Any) -> None:
    """What users do."""
    engine = world.engine
    match name, arguments:
        case "put", (app_id, fields, force):
            with contextlib.suppress(Locked):
                world.put(app_id, force=force, **fields)
        case "delete", (app_id, force):
            with contextlib.suppress(Locked):
                world.delete(app_id, force=force)
        case "restart_app", (app_id,):
            if app_id in {app.id for app in engine.root.all_apps()}:
                world.change(lambda root: root, restart=[app_id], force=True)
        case "cancel", (index, force):
            for deployment in pick(world.deploying, index):
                engine.cancel(deployment, force=force)
        case "kill", (index, wipe):
            engine.kill([item.id for item in pick(engine.instances(), index)], wipe=wipe)
        case "scale_down", (index,):
            engine.scale_down([item.id for item in pick(engine.instances(), index)], force=True)


def happen(world: World, name: str, *arguments: Any) -> None:
    """What tasks, time and the daemon do."""
    match name, arguments:
        case "come_up", (index,):
            for task_id in pick([task for task in world.tasks if task not in world.up], index):
                world.come_up(task_id)
        case "fail", (index,):
            for task_id in pick(world.tasks, index):
                world.end(task_id)
        case "sicken" | "heal", (index,):
            for task_id in pick(world.probing, index):
                world.probe(name == "heal", task_id)
        case "die", ():
            world.die()
        case "advance", (seconds,):
            world.clock.advance(seconds)
        case "restart", ():
            world.restart()


def check_always(world: World) -> None:
    """Whatever happens."""
    state = world.engine._state
    held: dict[str, set[int]] = {}
    cpus: dict[str, float] = {}
    for item in world.engine.instances():
        if item.condition in HOLDS_RESOURCES:
            resources = resources_of(state.definition(item), item.ports)
            assert not resources.ports & held.setdefault(item.agent_id, set()), "a port was given twice"
            held[item.agent_id] |= resources.ports
            cpus[item.agent_id] = cpus.get(item.agent_id, 0) + resources.cpus
    for owner in world.agents:
        used = state.ledger.used(owner.id)
        assert used.ports == held.get(owner.id, set())
        assert used.cpus == pytest.approx(cpus.get(owner.id, 0))
        assert used.ports <= owner.total.ports
    running = {item.task_id for item in world.engine.instances() if item.condition in HOLDS_RESOURCES}
    assert running == set(world.tasks), "engine and runtime know the same tasks"
    waiting = [item for item in world.engine.instances() if item.condition is Condition.SCHEDULED]
    assert sum(entry.count for entry in world.engine.queue()) == len(waiting)
    locked = [app_id for view in world.engine.deployments() for app_id in view.affected_apps]
    assert len(locked) == len(set(locked)), "one deployment per app"


def check_at_rest(world: World) -> None:
    """Once all went well for a while."""
    assert world.deploying == []
    assert world.engine.queue() == ()
    for app in world.engine.root.all_apps():
        instances = world.engine.instances(app.id)
        assert [item.condition for item in instances] == [Condition.RUNNING] * app.instances
        assert all(item.healthy is not False for item in instances)
    assert {item.app_id for item in world.engine.instances()} <= {app.id for app in world.engine.root.all_apps()}
    assert not world.clock.armed


@given(st.lists(operations, max_size=25))
def test_it_ends_with_the_wanted_state(steps: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        world = World(Path(directory), AGENTS)
        for step in steps:
            perform(world, *step)
            check_always(world)
        world.settle()
        check_always(world)
        world.clock.advance(301)
        world.settle()
        check_always(world)
        check_at_rest(world)


@given(st.lists(operations, max_size=12), st.integers(1, 15))
def test_a_crash_at_any_action_is_recovered_from(steps: list[tuple[Any, ...]], crash_in: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        world = World(Path(directory), AGENTS)
        world.crash_in = crash_in
        for step in steps:
            try:
                perform(world, *step)
            except Crash:
                note(f"crashed in {step}")
                world.restart()
                check_always(world)
        world.crash_in = None
        world.settle()
        world.clock.advance(301)
        world.settle()
        check_always(world)
        check_at_rest(world)
