"""Hosts that are cut off while they hold what an update needs: told, waited for, never doubled."""

from __future__ import annotations

from typing import Any

import pytest
from engine_in_memory import EngineWorld, agents
from replacing_cases import APP, Case, desired

from ciprov.domain.environment import Phase
from ciprov.environments.plan import Plan
from ciprov.environments.results import Origin, UpFailed, UpOptions

PATIENT = {"unreachableStrategy": {"inactiveAfterSeconds": 300, "expungeAfterSeconds": 600}}
ONE = Case("fixed", None, 1, "healthy", 0)


def shall(case: Case, *, new: bool, **more: Any) -> Any:
    wanted = desired(case, new=new)
    for app in wanted.group["apps"]:
        app.update(more)
    return wanted


def up(world: EngineWorld, wanted: Any, told: list[str] | None = None) -> Plan:
    report = (told if told is not None else []).append
    options = UpOptions(Origin("model.yaml", "blueprint: model"))
    return world.service.up("x", lambda record, taken: wanted, options, lambda one: report(str(one))).plan


def host_of(world: EngineWorld) -> str:
    (running,) = world.tasks_of(APP)
    return running.host


def cut_off(world: EngineWorld) -> tuple[str, str]:
    """The agent of the only task, and the task."""
    (task_id,) = world.tasks
    agent = f"agent-{host_of(world).removeprefix('host-')}"
    world.engine.lose_agent(agent)
    world.writes.clear()
    return agent, task_id


@pytest.mark.parametrize(
    ("more", "host"),
    [({}, "agent agent-1"), (PATIENT, "host-1")],
    ids=["forgotten by Marathon", "waited for by Marathon"],
)
def test_nothing_is_stopped_while_the_host_that_has_the_port_is_away(more: dict[str, Any], host: str) -> None:
    world = EngineWorld(agents(1))
    up(world, shall(ONE, new=False, **more))
    agent, task_id = cut_off(world)
    plan = world.service.plan("x", lambda record, taken: shall(ONE, new=True, **more))
    assert plan.conflicts == ()
    assert f"task {task_id} on {host} cannot be reached and may still hold port 31005 there" in " ".join(plan.notes)

    began, told = world.timers.seconds, list[str]()
    with pytest.raises(UpFailed) as failed:
        up(world, shall(ONE, new=True, **more), told)
    assert 60 < world.timers.seconds - began < 70
    assert any("waits up to 63 s" in one for one in told)
    for text in (task_id, host, "31005", "left as it is"):
        assert text in str(failed.value)
    assert "mark its agent as gone" in failed.value.way_out
    assert world.writes == []
    assert world.store.records["x"].phase is Phase.FAILED

    world.engine.return_agent(agent)
    world.timers.advance(10)
    up(world, shall(ONE, new=True, **more))
    assert [task.spec.environment["VERSION"] for task in world.tasks.values()] == ["new"]


def test_it_goes_on_as_soon_as_the_host_returns() -> None:
    world = EngineWorld(agents(1))
    up(world, shall(ONE, new=False))
    agent, _ = cut_off(world)
    world.timers.call_later(20, lambda: world.engine.return_agent(agent))
    up(world, shall(ONE, new=True))
    assert [task.spec.environment["VERSION"] for task in world.tasks.values()] == ["new"]


def test_what_another_host_took_over_is_updated_there() -> None:
    """Mesos gives nobody the port on the host that is away, so nothing needs to wait for it."""
    world = EngineWorld(agents(2))
    up(world, shall(ONE, new=False))
    _, stray = cut_off(world)
    world.timers.advance(5)
    plan = up(world, shall(ONE, new=True))
    assert f"task {stray} on" in " ".join(plan.notes)
    assert "others go on without it" in " ".join(plan.notes)
    assert sorted(task.spec.environment["VERSION"] for task in world.tasks.values()) == ["new", "old"]
    assert len({task.host for task in world.tasks.values()}) == 2


def test_a_volume_that_may_be_attached_elsewhere_is_waited_for() -> None:
    case = Case("external", None, 1, "healthy", 1)
    world = EngineWorld(agents(2))
    up(world, shall(case, new=False, **PATIENT))
    _, stray = cut_off(world)
    with pytest.raises(UpFailed, match=stray.replace(".", "[.]")):
        up(world, shall(case, new=True, **PATIENT))
    assert world.writes == []


def test_a_host_that_goes_away_in_the_middle_is_named() -> None:
    world = EngineWorld(agents(1))
    up(world, shall(ONE, new=False, **PATIENT))
    (task_id,) = world.tasks
    world.probe(task_id, ok=False)  # so that it is scaled to zero first
    world.writes.clear()
    world.before["put_app"] = lambda: world.engine.lose_agent("agent-1")
    wanted = shall(ONE, new=True, **PATIENT)
    with pytest.raises(UpFailed) as failed:
        up(world, wanted)
    assert f"task {task_id} on host-1 cannot be reached" in str(failed.value)
    assert not any(write.startswith("put_group") for write in world.writes)
    world.engine.return_agent("agent-1")
    world.timers.advance(10)
    up(world, wanted)
    assert [task.spec.environment["VERSION"] for task in world.tasks.values()] == ["new"]
