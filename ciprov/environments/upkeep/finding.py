"""Which apps, groups, records, tasks, locks and volumes have no owner. Pure.

What an operation under way may be about to want is no orphan: neither is that whose environment is locked, nor what an
operation left that was cut short, save for the app of a hook, whose output nobody reads any more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ciprov.domain.environment import EnvironmentRecord, Phase
from ciprov.environments.desired import ENV_LABEL
from ciprov.environments.hooks.one_off import is_hook
from ciprov.environments.names import group_path
from ciprov.environments.tree import apps_of, is_below
from ciprov.environments.upkeep.mesos_ids import app_of_task
from ciprov.environments.upkeep.orphans import Orphan, Sightings, Sort
from ciprov.environments.upkeep.reservations import orphaned_volumes
from ciprov.foundation.json import JsonObject

ALL = tuple(Sort)
_ENDING = frozenset({"TASK_KILLING", "TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_LOST", "TASK_GONE"})
_UNLABELLED = "it does not carry the label of this environment"


def find(seen: Sightings, sorts: Collection[Sort] = ALL) -> tuple[Orphan, ...]:
    """Orphans of `sorts`. A record or a group whose last app is itself about to go counts as without it."""
    apps = tuple(_apps(seen)) if Sort.APPS in sorts else ()
    going = {app.id for app in apps if app.removable}
    records = tuple(_records(seen, going)) if Sort.RECORDS in sorts else ()
    unrecorded = {one.id for one in records if one.removable}
    found = [
        *_locks(seen),
        *apps,
        *records,
        *_groups(seen, going, unrecorded),
        *_tasks(seen),
        *orphaned_volumes(seen, unrecorded),
    ]
    return tuple(one for one in found if one.sort in sorts and one.environment not in seen.busy)


def cut_short(seen: Sightings) -> tuple[str, ...]:
    """The environments with an operation that was begun and not ended, while nobody is at them."""
    return tuple(one.name for one in seen.records if one.operation is not None and one.name not in seen.busy)


def unfamiliar(seen: Sightings, found: Collection[Orphan]) -> dict[Sort, str]:
    """Why this looks like the wrong store, or the wrong Marathon, rather than like orphans."""
    alive = {record.name for record in seen.records if any(is_below(app, record.group_path) for app in seen.apps)}
    apps = {one.environment for one in found if one.sort is Sort.APPS and one.removable}
    records = {one.environment for one in found if one.sort is Sort.RECORDS and one.removable}
    doubts = {}
    if apps and not alive:
        doubts[Sort.APPS] = "the store records none of the environments that run there: it may not be their store"
    if len(records) > 1 and not alive:
        doubts[Sort.RECORDS] = f"none of the {len(records)} recorded environments runs: it may not be their Marathon"
    return doubts


def _apps(seen: Sightings) -> Iterator[Orphan]:
    for app_id, app in sorted(seen.apps.items()):
        label = str((app.get("labels") or {}).get(ENV_LABEL) or "")
        owner = seen.owner_of(app_id)
        found = _app_below(owner, app_id, app, label) if owner else _app_alone(seen, app_id, label)
        if found is not None:
            yield found


def _app_below(record: EnvironmentRecord, app_id: str, app: JsonObject, label: str) -> Orphan | None:
    if is_hook(app):
        if record.operation is not None:
            again = f"`ciprov env resume {record.name}` goes on, and may run the hook again"
            why = f"a hook of an `{record.operation.name}` that was cut short runs on, and nobody waits for it"
            return Orphan(Sort.APPS, app_id, record.name, why, "" if label == record.name else _UNLABELLED, again)
        why = "a hook was left over, and no operation is under way"
        return Orphan(Sort.APPS, app_id, record.name, why, "" if label == record.name else _UNLABELLED)
    if app_id in record.app_ids or record.operation is not None:
        return None
    why = f"it is below environment {record.name}, but not in its record"
    keep = "" if label == record.name else _UNLABELLED
    return Orphan(Sort.APPS, app_id, record.name, why, keep, "remove it in Marathon, or move it away" if keep else "")


def _app_alone(seen: Sightings, app_id: str, label: str) -> Orphan | None:
    if not label:
        return None
    why = f"it carries the label of environment {label}, which has no record"
    if not seen.inside(app_id):
        keep = f"it is outside {seen.prefix}"
        return Orphan(Sort.APPS, app_id, label, _recorded_elsewhere(seen, label) or why, keep, _by_hand(app_id))
    if elsewhere := _recorded_elsewhere(seen, label):
        return Orphan(Sort.APPS, app_id, label, elsewhere, "its environment is recorded elsewhere", _by_hand(app_id))
    adoptable = is_below(app_id, group_path(seen.prefix, label))
    return Orphan(Sort.APPS, app_id, label, why, way_out=f"`ciprov env adopt {label}` records it" if adoptable else "")


def _recorded_elsewhere(seen: Sightings, label: str) -> str:
    for record in seen.records:
        if record.name == label:
            return f"it carries the label of environment {label}, which is recorded at {record.group_path}"
    return ""


def _by_hand(app_id: str) -> str:
    return f"if nobody wants it, delete {app_id} in Marathon"


def _records(seen: Sightings, going: Collection[str]) -> Iterator[Orphan]:
    tasks = {app_id for task in seen.tasks or () if (app_id := app_of_task(str(task.get("id"))))}
    groups = {str(group.get("id")) for group in _all_groups(seen.root)}
    for record in seen.records:
        if record.operation is not None or record.phase is Phase.ASLEEP:
            continue
        if any(is_below(app_id, record.group_path) and app_id not in going for app_id in seen.apps):
            continue
        if not record.app_ids and record.group_path in groups and record.phase is Phase.READY:
            continue  # it was made without apps
        if any(is_below(app_id, record.group_path) for app_id in seen.deploying):
            continue
        keep = f"it is pinned: {record.pinned}" if record.pinned else ""
        if any(is_below(app_id, record.group_path) for app_id in tasks):
            keep = "Mesos still runs tasks of it"
        made = f"a first `up` that failed: {_line(record.failure)}" if record.failure else "it may have been deleted"
        way_out = f"`ciprov env up {record.name}` makes it again" if record.blueprint_source else ""
        yield Orphan(Sort.RECORDS, record.name, record.name, f"nothing of it is in Marathon ({made})", keep, way_out)


def _groups(seen: Sightings, going: Collection[str], unrecorded: Collection[str]) -> Iterator[Orphan]:
    """The topmost ones without an app or a pod."""
    kept = [record.group_path for record in seen.records if record.name not in unrecorded]
    covered: set[str] = set()
    for group in _all_groups(seen.root):
        path = str(group.get("id"))
        if not seen.inside(path) or any(is_below(path, one) for one in covered):
            continue
        if any(path == one or is_below(path, one) or is_below(one, path) for one in kept):
            continue
        left = apps_of(group).keys() - going
        if left or any(one.get("pods") for one in _all_groups(group)):
            continue
        if any(is_below(app_id, path) for app_id in seen.deploying):
            continue
        covered.add(path)
        keep = "the cluster's prefix is the root, so any group may be somebody else's" if seen.whole_cluster else ""
        yield Orphan(Sort.GROUPS, path, seen.environment_at(path), "an empty group without a record", keep)


def _tasks(seen: Sightings) -> Iterator[Orphan]:
    for task in seen.tasks or ():
        task_id = str(task.get("id") or "")
        app_id = app_of_task(task_id)
        if not app_id or app_id in seen.apps or app_id in seen.deploying or not seen.inside(app_id):
            continue
        if task.get("state") in _ENDING:
            continue
        agent = str(task.get("slave_id") or "an unknown agent")
        why = f"Mesos has it as {task.get('state')} on agent {agent}, but Marathon has no app {app_id}"
        keep = "Marathon ends only tasks of apps that it has"
        way_out = "bring its agent back, drain it (DRAIN_AGENT) or mark it as gone (MARK_AGENT_GONE)"
        yield Orphan(Sort.TASKS, task_id, seen.environment_at(app_id), why, keep, way_out, agent)


def _locks(seen: Sightings) -> Iterator[Orphan]:
    for lock in seen.dead_locks:
        yield Orphan(Sort.LOCKS, lock.key, "", lock.why)


def _all_groups(group: JsonObject) -> Iterator[JsonObject]:
    yield group
    for below in group.get("groups") or []:
        yield from _all_groups(below)


def _line(text: str) -> str:
    lines = text.splitlines()
    return lines[0][:200] if lines else ""
