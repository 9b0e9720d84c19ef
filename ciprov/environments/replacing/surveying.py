"""Reads what a plan has to know of the apps that it may replace."""

from __future__ import annotations

from collections.abc import Collection

from ciprov.domain.marathon import MarathonNotFound
from ciprov.environments.differences import differences
from ciprov.environments.ports import Agents, Marathon
from ciprov.environments.replacing.around import NOTHING_KNOWN, Around
from ciprov.environments.replacing.choosing import holdings
from ciprov.environments.tree import apps_of
from ciprov.foundation.json import JsonObject


def survey(marathon: Marathon, agents: Agents, group: JsonObject, live: JsonObject | None) -> Around:
    """What there is to know for making `group` of `live`. Nothing is read where any rolling update ends."""
    there = apps_of(live)
    changed = [
        app_id
        for app_id, desired in sorted(apps_of(group).items())
        if app_id in there
        and (holdings(desired) or holdings(there[app_id]) or desired.get("upgradeStrategy") is not None)
        and int(there[app_id].get("instances", 1))
        and differences(desired, there[app_id])
    ]
    if not changed:
        return NOTHING_KNOWN
    return survey_of(marathon, agents, changed)


def survey_of(marathon: Marathon, agents: Agents, app_ids: Collection[str]) -> Around:
    tasks = {app_id: _tasks(marathon, app_id) for app_id in app_ids}
    return Around(tasks, agents.agents(), agents.unreachable_tasks())


def _tasks(marathon: Marathon, app_id: str) -> tuple[JsonObject, ...]:
    try:
        return tuple(marathon.tasks(app_id))
    except MarathonNotFound:
        return ()
