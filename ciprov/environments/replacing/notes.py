"""What a plan tells of tasks that cannot be reached. Pure."""

from __future__ import annotations

from dataclasses import replace

from ciprov.environments.plan import Action, Plan
from ciprov.environments.replacing.around import Around
from ciprov.environments.replacing.partition import cut_off


def with_cut_off_notes(plan: Plan, around: Around) -> Plan:
    """`plan` with a note on each app that cannot be replaced before its old tasks are known to be gone."""
    notes = [
        f"{app.app}: {'; '.join(map(str, lost))}. Nothing of it is stopped before that host answers again"
        for app in plan.of(Action.REPLACE, Action.UPDATE)
        if (lost := cut_off(app.app_id, around))
    ]
    return replace(plan, notes=(*plan.notes, *notes)) if notes else plan
