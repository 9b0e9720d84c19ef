"""What a plan tells of tasks that cannot be reached, and of volumes that go. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ciprov.environments.plan import Action, AppPlan, Plan
from ciprov.environments.replacing.around import Around
from ciprov.environments.replacing.partition import cut_off, in_the_way
from ciprov.environments.strategies import has_persistent_volume
from ciprov.environments.tree import apps_of
from ciprov.foundation.json import JsonObject


def with_cut_off_notes(plan: Plan, group: JsonObject, around: Around) -> Plan:
    """`plan` with a note on each changed app of which a task cannot be reached; `group` is the one to reach."""
    wanted = apps_of(group)
    changed = plan.of(Action.REPLACE, Action.UPDATE)
    notes = [note for app in changed if (note := _note(app, wanted[app.app_id], around))]
    return replace(plan, notes=(*plan.notes, *notes)) if notes else plan


def with_volume_notes(plan: Plan, live: Mapping[str, JsonObject]) -> Plan:
    """`plan` with a note on each app that takes persistent volumes with it."""
    notes = [
        f"{app.app}: its persistent volumes are destroyed with it"
        for app in plan.of(Action.REMOVE)
        if has_persistent_volume(live[app.app_id])
    ]
    return replace(plan, notes=(*plan.notes, *notes)) if notes else plan


def _note(app: AppPlan, desired: JsonObject, around: Around) -> str:
    lost = cut_off(app.app_id, around)
    if not lost:
        return ""
    waits = bool(in_the_way({**desired, "instances": app.instances}, around))
    then = "nothing of it is stopped before that host answers again" if waits else "others go on without it"
    return f"{app.app}: {'; '.join(map(str, lost))}: {then}"
