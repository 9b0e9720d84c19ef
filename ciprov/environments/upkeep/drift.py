"""Drift: what somebody else changed since the last `up`, as far as the record and Marathon's memory can tell. Pure.

Values are not told: which of them are secrets is known only while an `up` has them at hand.
"""

from __future__ import annotations

from ciprov.domain.environment import EnvironmentRecord
from ciprov.environments.differences import differences
from ciprov.environments.tree import version_of
from ciprov.foundation.json import JsonObject

_IMAGE = "container.docker.image"
_MOST_FIELDS = 8


def changed_since(app: JsonObject, record: EnvironmentRecord) -> str:
    """The version of `app`'s definition that the last `up` left, where it has another one by now; else empty."""
    left = record.app_versions.get(app["id"], "")
    if record.operation is not None or not left or left == version_of(app):
        return ""
    return left


def definition_drift(app: JsonObject, left: JsonObject | None) -> str:
    """What changed from `left`, the definition that the last `up` left; None where Marathon has forgotten it."""
    at = version_of(app)
    if left is None:
        return f"its definition was changed at {at}"
    changed = differences(app, left)
    if not changed:  # restarted, or changed and changed back
        return ""
    paths = [
        f"{one.path} ({one.old} → {one.new})" if one.path == _IMAGE else one.path for one in changed[:_MOST_FIELDS]
    ]
    more = f" and {len(changed) - _MOST_FIELDS} more" if len(changed) > _MOST_FIELDS else ""
    return f"its definition was changed at {at}: {', '.join(paths)}{more}"


def count_drift(app: JsonObject, record: EnvironmentRecord) -> str:
    """Where it was scaled by something else than an `up`."""
    asked, instances = record.counts.get(app["id"]), int(app.get("instances", 1))
    if asked is None or asked == instances or record.pending_counts:
        return ""
    return f"scaled to {instances}, the blueprint asked for {asked}"
