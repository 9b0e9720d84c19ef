"""Which tasks are of an app's present definition."""

from __future__ import annotations

from ciprov.foundation.json import JsonObject


def current_tasks(app: JsonObject) -> list[JsonObject]:
    """The running tasks of the app's present definition: scaling keeps the version of a task, other changes do not."""
    since = (app.get("versionInfo") or {}).get("lastConfigChangeAt") or ""
    return [
        task
        for task in app.get("tasks") or []
        if task.get("state", "TASK_RUNNING") == "TASK_RUNNING" and str(task.get("version") or since) >= since
    ]


def outdated_tasks(app: JsonObject) -> list[JsonObject]:
    """The running tasks of an earlier definition."""
    current = {task.get("id") for task in current_tasks(app)}
    return [
        task
        for task in app.get("tasks") or []
        if task.get("state", "TASK_RUNNING") == "TASK_RUNNING" and task.get("id") not in current
    ]
