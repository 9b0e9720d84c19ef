"""Performs steps: the shell around plans. Every write goes through `writing.write`, every wait through `waiting`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import partial

from ciprov.domain.marathon import DeploymentRef, MarathonNotFound, MarathonUnavailable
from ciprov.environments.counts import RecordedCounts
from ciprov.environments.plan import Action, Plan
from ciprov.environments.planning import Target, group_body, make_plan
from ciprov.environments.progress import AppProgress, AppState
from ciprov.environments.replacing.around import Around
from ciprov.environments.replacing.surveying import survey
from ciprov.environments.replacing.waiting_for_hosts import await_reachable
from ciprov.environments.session import Session
from ciprov.environments.steps import AwaitGone, DeleteGroup, PutGroup, Step, StopApps, kill_grace, steps_of
from ciprov.environments.tree import apps_of, relative
from ciprov.environments.waiting import ALARM_SECONDS, StillThere, await_deployments, await_gone, places_of
from ciprov.environments.writing import write
from ciprov.foundation.json import JsonObject

ROUNDS = 5
"""How often somebody else may start an app again that has to stop, before that is an error."""


def apply(session: Session, target: Target, counts: Mapping[str, int], base: Mapping[str, int]) -> bool:
    """Make the live group `target`, with `counts` instances per absolute app id for what is at zero by our own doing.

    `base` are the counts of the last `up`. Returns whether anything was written. Does not wait for health. Safe to
    repeat after a crash at any point: what is done already is found live and not done again.
    """
    recorded = RecordedCounts(base, counts)
    wrote = False
    for _ in range(ROUNDS):
        live = session.steadily(lambda: session.marathon.group(session.group_path))
        around = session.steadily(partial(_survey, session, target, live))
        plan = make_plan(target, live, recorded, around)
        steps = steps_of(plan, live)
        if not steps:
            return wrote
        _await_hosts(session, target, plan, live)
        wrote = True
        if _perform(session, steps, target, recorded):
            return True
        session.note("an app that has to stop first was started again by somebody else, or is sick by now; stopping it")
    raise StillThere(
        f"apps of {session.group_path} are started again by somebody else as often as they are stopped",
        place=session.marathon.target,
        way_out="stop the autoscaler or the person who does it, and repeat the command",
    )


def start_again(session: Session, app_ids: tuple[str, ...]) -> None:
    """Bring apps to zero whose deployment was cancelled half-way, so that the next `apply` scales them up: putting
    the same definition once more would do nothing.
    """
    live = apps_of(session.steadily(lambda: session.marathon.group(session.group_path)))
    grace = max(kill_grace(live.get(app_id)) for app_id in app_ids)
    _perform(session, (StopApps(app_ids), AwaitGone(app_ids, {}, grace)), None, RecordedCounts({}, {}))


def tear_down(session: Session, steps: tuple[Step, ...]) -> None:
    _perform(session, steps, None, RecordedCounts({}, {}))


def _perform(session: Session, steps: tuple[Step, ...], target: Target | None, recorded: RecordedCounts) -> bool:
    """False where the group PUT has to wait for another round of stops."""
    deployments: list[str] = []
    places: Mapping[str, frozenset[str]] = {}
    for step in steps:
        session.check()
        session.before_step(str(step))
        match step:
            case StopApps():
                places = places_of(session, step.app_ids)
                deployments = _stop(session, step)
            case AwaitGone():
                await_gone(session, step, deployments, places)
                if target is not None:  # cut off meanwhile: Marathon may have forgotten it, but not its host
                    await_reachable(session, _as_wanted(target, step.app_ids), step.grace)
            case PutGroup():
                assert target is not None
                if not _put(session, target, recorded):
                    return False
            case DeleteGroup():
                _delete(session, step)
    return True


def _survey(session: Session, target: Target, live: JsonObject | None) -> Around:
    return survey(session.marathon, session.agents, target.group, live)


def _await_hosts(session: Session, target: Target, plan: Plan, live: JsonObject | None) -> None:
    """Before anything is stopped: what cannot be reached does not stop, and keeps what a new instance would need."""
    stopped, there = [app.app_id for app in plan.of(Action.REPLACE)], apps_of(live)
    grace = max((kill_grace(there.get(app_id)) for app_id in stopped), default=0.0)
    await_reachable(session, _as_wanted(target, stopped), grace)


def _as_wanted(target: Target, app_ids: Collection[str]) -> list[JsonObject]:
    wanted = apps_of(target.group)
    return [wanted[app_id] for app_id in app_ids if app_id in wanted]


def _stop(session: Session, step: StopApps) -> list[str]:
    """The deployments that end the tasks."""
    refs = [write(session, f"scale {one} to zero", partial(_scale, session, one)) for one in step.scale_to_zero]
    refs += [write(session, f"delete {one}", partial(_delete_app, session, one)) for one in step.delete]
    for app_id in step.app_ids:
        session.tell(AppProgress(relative(app_id, session.group_path), AppState.STOPPING))
    return [ref.id for ref in refs if ref is not None]


def _scale(session: Session, app_id: str, force: bool) -> DeploymentRef | None:
    app = session.marathon.app(app_id)
    if app is None or int(app.get("instances", 1)) == 0:
        return None
    return session.marathon.put_app(app_id, {"instances": 0}, force=force)


def _delete_app(session: Session, app_id: str, force: bool) -> DeploymentRef | None:
    try:
        return session.marathon.delete_app(app_id, force=force)
    except MarathonNotFound:
        return None


def _put(session: Session, target: Target, recorded: RecordedCounts) -> bool:
    """One group PUT; False, without a write, where an app that must not be rolled runs again."""
    again, wanted = False, target

    def attempt(force: bool) -> DeploymentRef | None:
        nonlocal again, wanted
        live = session.marathon.group(session.group_path)
        plan = make_plan(wanted, live, recorded, _survey(session, wanted, live))
        again = any(app.instances_before for app in plan.of(Action.REPLACE))
        if again or not plan.changes:
            return None
        try:
            return session.marathon.put_group(session.group_path, group_body(wanted, plan, live), force=force)
        except MarathonUnavailable:
            wanted = target.all_sent()  # perhaps: without an answer only what is live can tell
            raise

    session.note(f"put group {session.group_path}")
    write(session, f"put group {session.group_path}", attempt)
    return not again


def _delete(session: Session, step: DeleteGroup) -> None:
    def attempt(force: bool) -> DeploymentRef | None:
        if session.marathon.group(step.path) is None:
            return None
        try:
            return session.marathon.delete_group(step.path, force=force)
        except MarathonNotFound:
            return None

    ref = write(session, str(step), attempt)
    if ref is not None:
        await_deployments(session, [ref.id], ALARM_SECONDS)
