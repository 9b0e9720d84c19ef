"""The tables of the SQLite store and how they came about.

A migration is never changed once released: a new one is added at the end. `PRAGMA user_version` counts those applied.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from ciprov.store.errors import StoreError

MIGRATIONS: Sequence[Sequence[str]] = (
    (
        "CREATE TABLE environments (cluster TEXT NOT NULL, name TEXT NOT NULL, revision INTEGER NOT NULL, "
        "document TEXT NOT NULL, PRIMARY KEY (cluster, name)) WITHOUT ROWID",
        # Revisions come from one counter, so that a record deleted and made anew never repeats an old revision.
        "CREATE TABLE revisions (last INTEGER NOT NULL)",
        "INSERT INTO revisions VALUES (0)",
        "CREATE TABLE history (id INTEGER PRIMARY KEY AUTOINCREMENT, cluster TEXT NOT NULL, name TEXT NOT NULL, "
        "operation TEXT NOT NULL, at TEXT NOT NULL, who TEXT NOT NULL, summary TEXT NOT NULL, outcome TEXT NOT NULL, "
        "ended_at TEXT)",
        "CREATE INDEX history_of_environment ON history (cluster, name, id)",
        "CREATE TABLE locks (key TEXT PRIMARY KEY, owner TEXT NOT NULL, description TEXT NOT NULL, "
        "since TEXT NOT NULL, expires_at TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL, "
        "process_start TEXT NOT NULL) WITHOUT ROWID",
    ),
    ("CREATE INDEX history_of_cluster ON history (cluster, id)",),
    (
        "CREATE TABLE agents (cluster TEXT NOT NULL, service TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, "
        "document TEXT NOT NULL, PRIMARY KEY (cluster, service, kind, id)) WITHOUT ROWID",
    ),
)


def migrate(connection: sqlite3.Connection, place: str, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> None:
    """Bring the database up to date in one transaction. Raises `StoreError` where it is newer than this code."""
    if _version(connection, place, migrations) == len(migrations):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Another process may have migrated between the first look and the lock.
        for statements in migrations[_version(connection, place, migrations) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection, place: str, migrations: Sequence[Sequence[str]]) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(migrations):
        raise StoreError(
            f"the store has schema version {version}, but this ciprov knows only versions up to {len(migrations)}",
            place=place,
            way_out="use the newer ciprov that made it, or another store (setting `store`, variable CIPROV_STORE)",
        )
    return version
