"""Which app a task or a volume is of, by what Marathon calls it in Mesos. Pure.

Ids of apps have no underscores, so the path that was joined by them can be told again.
"""

from __future__ import annotations

import re

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_TASK = re.compile(rf"(.+?)\.(?:instance-|marathon-)?{_UUID}(?:\..+)?")


def app_of_task(task_id: str) -> str:
    """The absolute id of the app; empty where it is no id of Marathon's."""
    match = _TASK.fullmatch(task_id)
    return _path(match[1]) if match else ""


def app_of_volume(persistence_id: str) -> str:
    """`ciprov_x_db#data#<uuid>` → `/ciprov/x/db`; empty where it is no id of Marathon's."""
    joined, _, rest = persistence_id.partition("#")
    return _path(joined) if joined and "#" in rest else ""


def _path(joined: str) -> str:
    return "/" + joined.replace("_", "/")
