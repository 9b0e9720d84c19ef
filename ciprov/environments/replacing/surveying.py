"""Reads what a plan has to know of the apps that it may replace."""

from __future__ import annotations

from collections.abc import Callable

from ciprov.environments.differences import differences
from ciprov.environments.ports import Agents
from ciprov.environments.replacing.around import NOTHING_KNOWN, Around
from ciprov.environments.replacing.choosing import holdings
from ciprov.environments.tree import apps_of
from ciprov.foundation.json import JsonObject


def survey(
    tasks_of: Callable[[str], list[JsonObject]], agents: Agents, group: JsonObject, live: JsonObject | None
) -> Around:
    """What there is to know for making `group` of `live`. Nothing is read where no app has anything to itself.

    `tasks_of` gives the tasks of an app as Marathon lists them.
    """
    there = apps_of(live)
    changed = [
        app_id
        for app_id, desired in sorted(apps_of(group).items())
        if app_id in there
        and (holdings(desired) or holdings(there[app_id]))
        and int(there[app_id].get("instances", 1))
        and differences(desired, there[app_id])
    ]
    if not changed:
        return NOTHING_KNOWN
    tasks = {app_id: tuple(tasks_of(app_id)) for app_id in changed}
    return Around(tasks, agents.agents(), agents.unreachable_tasks())
