"""Old versions of apps and groups are forgotten, as Marathon forgets them: else every change would be kept for ever.

Kept are the newest versions of the tree with all that is in them, of each app in them the newest versions as well, and
whatever instances and running deployments still need.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator

from ciprov.localcluster.engine.records import load_absences

KEPT_VERSIONS = 50
"""Marathon's `zk_max_versions` since 1.4."""

PRUNED_AT = 2 * KEPT_VERSIONS
"""So that not every change looks at everything."""

Version = tuple[str, str]
"""Id and version."""


def prune(connection: sqlite3.Connection) -> None:
    """Within the caller's transaction; does nothing while there are few versions of the tree."""
    query = "SELECT version FROM groups WHERE id = '/' ORDER BY version DESC"
    roots = [version for (version,) in connection.execute(query)]
    if len(roots) < PRUNED_AT:
        return
    groups, apps = _reachable(connection, roots[:KEPT_VERSIONS])
    apps |= {*_of_instances(connection), *_of_deployments(connection)}
    alive = {app_id for app_id, _ in apps}
    newest: dict[str, int] = {}
    gone: list[Version] = []
    for app_id, version in connection.execute("SELECT id, version FROM apps ORDER BY id, version DESC"):
        newest[app_id] = newest.get(app_id, 0) + 1
        recent = app_id in alive and newest[app_id] <= KEPT_VERSIONS
        if not recent and (app_id, version) not in apps:
            gone.append((app_id, version))
    connection.executemany("DELETE FROM apps WHERE id = ? AND version = ?", gone)
    known = connection.execute("SELECT id, version FROM groups").fetchall()
    connection.executemany(
        "DELETE FROM groups WHERE id = ? AND version = ?", [key for key in known if key not in groups]
    )


def _reachable(connection: sqlite3.Connection, roots: list[str]) -> tuple[set[Version], set[Version]]:
    """The groups and apps in these versions of the tree."""
    groups: set[Version] = set()
    apps: set[Version] = set()
    pending: list[Version] = [("/", version) for version in roots]
    while pending:
        key = pending.pop()
        if key in groups:
            continue
        groups.add(key)
        (content,) = connection.execute("SELECT content FROM groups WHERE id = ? AND version = ?", key).fetchone()
        group = json.loads(content)
        apps.update(group["apps"].items())
        pending += group["groups"].items()
    return groups, apps


def _of_instances(connection: sqlite3.Connection) -> Iterator[Version]:
    for (record,) in connection.execute("SELECT record FROM instances"):
        instance = json.loads(record)
        yield instance["app_id"], instance["app_version"]
    for (text,) in connection.execute("SELECT value FROM facts WHERE name = 'absences'"):
        for stray in load_absences(text).strays.values():
            yield stray.app_id, stray.app_version


def _of_deployments(connection: sqlite3.Connection) -> Iterator[Version]:
    for (text,) in connection.execute("SELECT plan FROM deployments"):
        for app_id, versions in json.loads(text)["apps"].items():
            for version in versions:
                if version is not None:
                    yield app_id, version
