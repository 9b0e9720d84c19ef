"""What becomes of changed apps: by ciprov's own strategies, also where it is disturbed, and by a plain PUT.

Every case ends with a verdict of its own, never with "it took too long".
"""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from engine_in_memory import Broken, EngineWorld, Killed, agents
from replacing_cases import APP, GROUP, Case, desired

from ciprov.domain.environment import EnvironmentRecord, Phase
from ciprov.domain.marathon import MarathonInvalid
from ciprov.environments.desired import Desired
from ciprov.environments.differences import differences
from ciprov.environments.results import Origin, PlanConflict, UpFailed, UpOptions
from ciprov.localcluster.model import Condition

MOST_SECONDS = 400.0
MOST_WRITES = 14


def world_before(case: Case) -> EngineWorld:
    """The old apps run, and their tasks are as the case has them."""
    world = EngineWorld(agents(max(case.instances, case.instances_before) + case.spare), mesos_known=case.mesos)
    world.put_group(GROUP, desired(case, new=False).group)
    world.timers.advance(5)
    if world.engine.deployments():
        raise Broken(f"the old state did not come about: {case}")
    old = sorted(task_id for task_id in world.tasks if world.owner(task_id) == APP)
    match case.health:
        case "sick":
            _fail(world, old)
        case "one sick":
            _fail(world, old[:1])
        case "silent":
            _restart_silently(world, old[0])
        case "sick at the put":
            world.before["put_group"] = lambda: _fail(world, old)
        case "one gone at the put":
            world.before["put_group"] = lambda: _restart_silently(world, old[0])
    return world


def _fail(world: EngineWorld, task_ids: list[str]) -> None:
    for task_id in task_ids:
        world.probe(task_id, ok=False)


def _restart_silently(world: EngineWorld, task_id: str) -> None:
    """Another task of the old definition takes its place, and no check of it has an answer yet."""
    world.silent = True
    world.engine.kill([task_id.partition("._app")[0]], wipe=False)
    world.timers.advance(1)
    world.silent = False


@dataclass(frozen=True)
class Outcome:
    """`fault` is empty where all is well. `ways` are the strategies that the plan had, by app."""

    case: Case
    ways: tuple[str, ...] = ()
    seconds: float = 0.0
    fault: str = ""


def by_ciprov_killed(case: Case, after: int) -> Outcome | None:
    """Killed `after` that many calls, and run again; None where it had come to its end by then."""
    world = world_before(case)
    kept, shall = len(world.kept.get(APP, ())), desired(case, new=True)
    _recorded(world, case)
    world.kill_in = after
    options = UpOptions(Origin("model.yaml", "blueprint: model"))
    try:
        world.service.up("x", lambda record, taken: shall, options, lambda _: None)
    except Killed:
        world.timers.advance(after % 3)  # nobody is there in between
    else:
        return None
    try:
        world.service.up("x", lambda record, taken: shall, options, lambda _: None)
    except (UpFailed, PlanConflict, Broken) as error:
        return Outcome(case, fault=f"killed after {after}: {type(error).__name__}: {error}")
    return Outcome(case, fault=_fault(world, case, shall, kept))


def by_ciprov_cut_off(case: Case, after: float, agent: str, away: float) -> Outcome:
    """An agent is lost `after` seconds, for `away` seconds. Whatever becomes of the first `up`, once the agent is back
    another one comes to its end, and never do two tasks hold one port. Marathon may have made volumes of its own for
    what it could not reach; none may be destroyed.
    """
    world = world_before(case)
    shall = desired(case, new=True)
    _recorded(world, case)
    world.timers.call_later(after, lambda: world.engine.lose_agent(agent))
    world.timers.call_later(after + away, lambda: world.engine.return_agent(agent))
    options = UpOptions(Origin("model.yaml", "blueprint: model"))
    try:
        with suppress(UpFailed, PlanConflict):
            world.service.up("x", lambda record, taken: shall, options, lambda _: None)
        world.timers.advance(after + away + 10)
        world.service.up("x", lambda record, taken: shall, options, lambda _: None)
    except (UpFailed, PlanConflict, Broken) as error:
        return Outcome(case, fault=f"{agent} away from {after} for {away}: {type(error).__name__}: {error}")
    world.timers.advance(10)
    return Outcome(case, fault=_fault(world, case, shall, len(world.kept.get(APP, ()))))


def by_chance(case: Case, seed: int) -> list[Outcome]:
    """Killed at some call, and without some agent for some time."""
    rolled = random.Random(f"{seed} {case}")
    killed = by_ciprov_killed(case, rolled.randrange(60))
    outcomes = [] if killed is None else [killed]
    if case.hold != "external":  # which Marathon itself attaches twice where it gives up a task
        agent = rolled.randrange(max(case.instances, case.instances_before) + case.spare) + 1
        away = rolled.choice((0.5, 5, 20, 90))
        outcomes.append(by_ciprov_cut_off(case, round(3 * rolled.random(), 2), f"agent-{agent}", away))
    return outcomes


def by_ciprov(case: Case) -> Outcome:
    world = world_before(case)
    kept, began = len(world.kept.get(APP, ())), world.timers.seconds
    world.writes.clear()
    shall = desired(case, new=True)
    ways: list[str] = []

    def told(progress: Any) -> None:
        if hasattr(progress, "plan"):
            ways.extend(str(app.strategy) for app in progress.plan.apps if app.strategy)

    _recorded(world, case)
    try:
        world.service.up("x", lambda record, taken: shall, UpOptions(Origin("model.yaml", "blueprint: model")), told)
    except (UpFailed, PlanConflict, Broken) as error:
        return Outcome(case, tuple(ways), fault=f"{type(error).__name__}: {error}")
    outcome = Outcome(case, tuple(ways), world.timers.seconds - began)
    fault = _fault(world, case, shall, kept) or _too_long(world, outcome) or _mended(world, outcome)
    return replace(outcome, fault=fault)


def _recorded(world: EngineWorld, case: Case) -> None:
    """The old state as an earlier `up` left it."""
    now = world.timers.now()
    counts = {app["id"]: app.get("instances", 1) for app in case.apps(new=False)}
    record = EnvironmentRecord(
        cluster="memory",
        name="x",
        group_path=GROUP,
        blueprint="model",
        blueprint_file="model.yaml",
        blueprint_source="",
        kind="",
        phase=Phase.READY,
        created_at=now,
        updated_at=now,
        counts=counts,
        app_ids=tuple(counts),
    )
    world.store.save(record)


def by_a_plain_put(case: Case) -> str:
    """`works` or `stuck`: one PUT, and all the time in the world. Else Marathon has `refused` it, or something was
    `doubled` that only one task may have.
    """
    world = world_before(case)
    try:
        world.put_group(GROUP, desired(case, new=True).group)
        world.timers.advance(120)
    except MarathonInvalid:
        return "refused"
    except Broken:
        return "doubled"
    return "stuck" if world.engine.deployments() else "works"


def _fault(world: EngineWorld, case: Case, shall: Desired, kept: int) -> str:
    if world.engine.deployments():
        return "a deployment is still open"
    for app_id, app in shall.apps.items():
        live = world.app(app_id)
        if live is None or differences(app, live):
            return f"{app_id} is not as it shall be"
        running = [it for it in world.engine.instances(app_id) if it.condition is Condition.RUNNING]
        fresh = [world.tasks[it.task_id].spec.environment["VERSION"] == "new" for it in running]
        if len(fresh) != app["instances"] if "instances" in app else len(fresh) != 1 or not all(fresh):
            return f"{app_id} has {len(fresh)} tasks, {sum(fresh)} of them new"
    if world.destroyed or (case.persistent and len(world.kept[APP]) > max(kept, case.instances)):
        return f"the volumes are not those of before: {world.destroyed} {world.kept}"
    return ""


def _mended(world: EngineWorld, outcome: Outcome) -> str:
    """Where nothing happens in between, what was chosen has to go well without being mended."""
    stopped = any(write.startswith("put_app") for write in world.writes)
    stops = {"scale-to-zero", "delete-create"} & set(outcome.ways)
    return f"{outcome.ways} stood still: {world.writes}" if stopped and not stops and not outcome.case.meddled else ""


def _too_long(world: EngineWorld, outcome: Outcome) -> str:
    if outcome.seconds > MOST_SECONDS or len(world.writes) > MOST_WRITES:
        return f"{outcome.seconds:.0f} s and {len(world.writes)} writes: {world.writes}"
    return ""
