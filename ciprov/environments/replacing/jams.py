"""Updates that Marathon would never end: old tasks hold what the new ones need, and nothing is going to end them. Pure.

The choice of strategy keeps clear of them, but the old tasks may fall sick, or others take the place that was free, in
the moment between the choice and the deployment.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ciprov.environments.current import current_tasks, outdated_tasks
from ciprov.environments.diagnosis.causes import in_back_off
from ciprov.environments.replacing.choosing import holdings
from ciprov.environments.steps import kill_grace
from ciprov.foundation.json import JsonObject

JAM_SECONDS = 10.0
"""After the kill grace: by then the master has given back, and offered again, whatever an ended task held."""

_MOVING = ("TASK_STAGING", "TASK_STARTING", "TASK_KILLING")


@dataclass(frozen=True, slots=True)
class Jam:
    """`since` monotonic seconds, an update stands still with `old` tasks of the earlier definition."""

    since: float
    old: int


def jams(
    before: Mapping[str, Jam], apps: Mapping[str, tuple[JsonObject, JsonObject | None]], now: float
) -> dict[str, Jam]:
    """The apps whose update stands still. `apps` are those that a deployment acts on at present: each with its tasks,
    and its queue entry.
    """
    found: dict[str, Jam] = {}
    for app_id, (app, queued) in apps.items():
        if _stands_still(app, queued):
            old, known = len(outdated_tasks(app)), before.get(app_id)
            found[app_id] = known if known is not None and known.old == old else Jam(now, old)
    return found


def hopeless(found: Mapping[str, Jam], apps: Mapping[str, JsonObject], now: float) -> tuple[str, ...]:
    """Those that have stood still for longer than their ports may take to be offered again."""
    return tuple(app_id for app_id, jam in found.items() if now - jam.since > kill_grace(apps[app_id]) + JAM_SECONDS)


def acted_on_now(deployments: Collection[JsonObject]) -> set[str]:
    """The apps that the present step of a deployment restarts."""
    return {
        str(action.get("app"))
        for one in deployments
        for action in one.get("currentActions") or []
        if action.get("action") == "RestartApplication"
    }


def _stands_still(app: JsonObject, queued: JsonObject | None) -> bool:
    if not outdated_tasks(app) or in_back_off(queued):
        return False
    if queued is not None and not holdings(app):
        return False  # it waits for resources, which others may give back
    if any(task.get("state") in _MOVING for task in app.get("tasks") or []):
        return False
    checks, new = len(app.get("healthChecks") or []), current_tasks(app)
    if new and app.get("readinessChecks"):
        return False  # nobody but Marathon knows when they are ready
    return all(
        len(results) >= checks and all(one.get("alive") for one in results)
        for results in (task.get("healthCheckResults") or [] for task in new)
    )
