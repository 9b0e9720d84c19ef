"""What survives the daemon: SQLite in one file, one transaction per turn of the engine.

Definitions and groups are written once per version and never changed; a group names what is in it by version, so a
change costs the path from the root to it. Progress of a deployment is one row per action, for the same reason.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.errors import Unavailable
from ciprov.localcluster.definitions.group import Group
from ciprov.localcluster.deployments.progress import DeploymentState
from ciprov.localcluster.engine import records
from ciprov.localcluster.engine.pruning import prune
from ciprov.localcluster.model import Instance, TaskFailure

SCHEMA = 1

_TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE apps (id TEXT, version TEXT, definition TEXT NOT NULL, PRIMARY KEY (id, version)) WITHOUT ROWID;
CREATE TABLE groups (id TEXT, version TEXT, content TEXT NOT NULL, PRIMARY KEY (id, version)) WITHOUT ROWID;
CREATE TABLE instances (id TEXT PRIMARY KEY, record TEXT NOT NULL);
CREATE TABLE deployments (id TEXT PRIMARY KEY, plan TEXT NOT NULL, step INTEGER NOT NULL);
CREATE TABLE actions (
  deployment TEXT, app TEXT, state TEXT NOT NULL, PRIMARY KEY (deployment, app)
) WITHOUT ROWID;
CREATE TABLE failures (app TEXT PRIMARY KEY, record TEXT NOT NULL) WITHOUT ROWID;
"""

_MESOS = "CREATE TABLE IF NOT EXISTS mesos (kind TEXT, id TEXT, record TEXT NOT NULL, PRIMARY KEY (kind, id))"
"""What the master knows beside Marathon's; in older files of the same schema it is missing."""


class DatabaseUnusable(Unavailable):
    """The file cannot be read or written; the text names it and the way out."""


@dataclass(slots=True)
class Unsaved:
    """What changed since the last write. None stands for removed."""

    root_version: str = ""
    apps: dict[tuple[str, str], App] = field(default_factory=dict)
    groups: dict[tuple[str, str], Group] = field(default_factory=dict)
    instances: dict[str, Instance | None] = field(default_factory=dict)
    deployments: dict[str, DeploymentState | None] = field(default_factory=dict)
    failures: dict[str, TaskFailure | None] = field(default_factory=dict)
    absences: records.Absences | None = None
    """None here is unchanged."""
    mesos: dict[tuple[str, str], str | None] = field(default_factory=dict)
    """Records of the master, by kind and id."""

    def __bool__(self) -> bool:
        changes = (self.apps, self.groups, self.instances, self.deployments, self.failures, self.mesos)
        return bool(self.root_version or self.absences or any(changes))


class Database:
    """One cluster's file. Used by one daemon at a time, on one thread."""

    def __init__(self, path: Path) -> None:
        """Open or create. Raises DatabaseUnusable."""
        self._path = path
        self._written: dict[str, DeploymentState] = {}
        try:
            path.touch(mode=0o600, exist_ok=True)
            self._connection = sqlite3.connect(path, isolation_level=None)
            self._prepare()
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> DatabaseUnusable:
        return DatabaseUnusable(
            f"{self._path} cannot be used as the cluster's database: {error}; "
            "free the disk or the lock, or move the file away to start with an empty cluster"
        )

    def _prepare(self) -> None:
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = NORMAL")
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self._connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version = {SCHEMA}; COMMIT;")
        elif version != SCHEMA:
            raise DatabaseUnusable(
                f"{self._path} has schema {version}, but this ciprov reads schema {SCHEMA}; "
                "use the ciprov that wrote it, or move the file away to start with an empty cluster"
            )
        self._connection.execute(_MESOS)

    def close(self) -> None:
        self._connection.close()

    # Reading

    def root(self) -> Group | None:
        """The tree as last written; None in a new database."""
        row = next(iter(self._rows("SELECT value FROM facts WHERE name = 'root'")), None)
        return self.group("/", row[0]) if row else None

    def app(self, app_id: str, version: str) -> App:
        """Raises KeyError."""
        query = "SELECT definition FROM apps WHERE id = ? AND version = ?"
        row = next(iter(self._rows(query, (app_id, version))), None)
        if row is None:
            raise KeyError((app_id, version))
        return App.model_validate_json(row[0])

    def app_versions(self, app_id: str) -> Sequence[str]:
        """Newest first."""
        return self._versions("SELECT version FROM apps WHERE id = ? ORDER BY version DESC", app_id)

    def group(self, group_id: str, version: str) -> Group:
        """The group with all below it as of that version of it. Raises KeyError."""
        return records.load_group(group_id, version, self._content, self.app)

    def group_versions(self, group_id: str) -> Sequence[str]:
        """Newest first."""
        return self._versions("SELECT version FROM groups WHERE id = ? ORDER BY version DESC", group_id)

    def instances(self) -> list[Instance]:
        """In the order in which they came."""
        rows = self._rows("SELECT record FROM instances ORDER BY rowid")
        return [records.load_instance(record) for (record,) in rows]

    def deployments(self) -> list[DeploymentState]:
        """In the order in which they began."""
        found = []
        for plan_id, text, step in self._rows("SELECT id, plan, step FROM deployments ORDER BY rowid"):
            rows = self._rows("SELECT app, state FROM actions WHERE deployment = ?", (plan_id,))
            actions = {app_id: records.load_action(state) for app_id, state in rows}
            state = DeploymentState(records.load_plan(text, self.app), step, actions)
            self._written[plan_id] = state
            found.append(state)
        return found

    def failures(self) -> dict[str, TaskFailure]:
        rows = self._rows("SELECT app, record FROM failures")
        return {app_id: records.load_failure(record) for app_id, record in rows}

    def absences(self) -> records.Absences:
        row = next(iter(self._rows("SELECT value FROM facts WHERE name = 'absences'")), None)
        return records.load_absences(row[0]) if row else records.Absences()

    def mesos(self) -> dict[tuple[str, str], str]:
        """The master's records by kind and id, in the order in which they came."""
        rows = self._rows("SELECT kind, id, record FROM mesos ORDER BY rowid")
        return {(kind, name): record for kind, name, record in rows}

    def _content(self, group_id: str, version: str) -> str:
        query = "SELECT content FROM groups WHERE id = ? AND version = ?"
        row = next(iter(self._rows(query, (group_id, version))), None)
        if row is None:
            raise KeyError((group_id, version))
        return str(row[0])

    def _versions(self, query: str, name: str) -> Sequence[str]:
        return [version for (version,) in self._rows(query, (name,)) if version]

    def _rows(self, query: str, values: Sequence[str] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    # Writing

    def write(self, unsaved: Unsaved) -> None:
        """All of it or nothing. Raises DatabaseUnusable; the object must not be used to write any more then."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._write(unsaved)
            if unsaved.root_version:
                prune(self._connection)
            self._connection.execute("COMMIT")
        except BaseException as error:
            # A full disk may have ended the transaction already.
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise self._unusable(error) from error
            raise

    def _write(self, unsaved: Unsaved) -> None:
        self._many(
            "INSERT OR REPLACE INTO apps VALUES (?, ?, ?)",
            ((*key, app.model_dump_json(by_alias=True)) for key, app in unsaved.apps.items()),
        )
        self._many(
            "INSERT OR REPLACE INTO groups VALUES (?, ?, ?)",
            ((*key, records.dump_group(group)) for key, group in unsaved.groups.items()),
        )
        if unsaved.root_version:
            self._many("INSERT OR REPLACE INTO facts VALUES ('root', ?)", [(unsaved.root_version,)])
        if unsaved.absences:
            absences = records.dump_absences(unsaved.absences)
            self._many("INSERT OR REPLACE INTO facts VALUES ('absences', ?)", [(absences,)])
        self._many(
            "INSERT INTO instances (id, record) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record",
            ((name, records.dump_instance(item)) for name, item in unsaved.instances.items() if item),
        )
        self._many("DELETE FROM instances WHERE id = ?", _removed(unsaved.instances))
        self._many(
            "INSERT OR REPLACE INTO failures VALUES (?, ?)",
            ((name, records.dump_failure(item)) for name, item in unsaved.failures.items() if item),
        )
        self._many("DELETE FROM failures WHERE app = ?", _removed(unsaved.failures))
        for plan_id, state in unsaved.deployments.items():
            self._write_deployment(plan_id, state)
        self._many(
            "INSERT INTO mesos VALUES (?, ?, ?) ON CONFLICT (kind, id) DO UPDATE SET record = excluded.record",
            ((*key, record) for key, record in unsaved.mesos.items() if record is not None),
        )
        self._many(
            "DELETE FROM mesos WHERE kind = ? AND id = ?",
            (key for key, record in unsaved.mesos.items() if record is None),
        )

    def _write_deployment(self, plan_id: str, state: DeploymentState | None) -> None:
        old = self._written.pop(plan_id, None)
        if state is None or (old is not None and old.step != state.step):
            self._many("DELETE FROM actions WHERE deployment = ?", [(plan_id,)])
        if state is None:
            self._many("DELETE FROM deployments WHERE id = ?", [(plan_id,)])
            return
        if old is None:
            plan = records.dump_plan(state.plan)
            self._many("INSERT INTO deployments (id, plan, step) VALUES (?, ?, ?)", [(plan_id, plan, state.step)])
        elif old.step != state.step:
            self._many("UPDATE deployments SET step = ? WHERE id = ?", [(state.step, plan_id)])
        known = old.actions if old is not None and old.step == state.step else {}
        self._many(
            "INSERT OR REPLACE INTO actions VALUES (?, ?, ?)",
            (
                (plan_id, app_id, records.dump_action(action))
                for app_id, action in state.actions.items()
                if known.get(app_id) is not action
            ),
        )
        self._written[plan_id] = state

    def _many(self, statement: str, rows: Iterable[tuple[object, ...]]) -> None:
        self._connection.executemany(statement, rows)


def _removed(changes: dict[str, Instance | None] | dict[str, TaskFailure | None]) -> list[tuple[str]]:
    return [(name,) for name, item in changes.items() if item is None]
