"""The store in one SQLite file: for one machine, or one control host that a team shares."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from ciprov.domain.environment import DeadLock, EnvironmentRecord, HistoryEntry, LockHolder
from ciprov.domain.leadership import Lead
from ciprov.foundation.clock import Now, utc_now
from ciprov.store.agent_documents import Owner
from ciprov.store.database import Database
from ciprov.store.election import standing
from ciprov.store.errors import StoreError
from ciprov.store.fencing import Held
from ciprov.store.locks import LEASE_SECONDS, Lease, Polling, dead_leases, hold, holder_of
from ciprov.store.records import decode, encode, moment, moment_text, record_changed
from ciprov.store.sqlite_agents import SqliteAgents

HISTORY_KEPT = 200
"""Entries kept per environment; older ones go as new ones come."""

HISTORY_OF_CLUSTER_KEPT = 5_000
"""Entries kept of all environments of a cluster: most of them are gone, and new names come all the time."""

_HISTORY_COLUMNS = "id, cluster, name, operation, at, who, summary, outcome, ended_at"


class SqliteStore:
    """See `ciprov.environments.ports.Store`. All calls raise `StoreError` where the database cannot be used."""

    def __init__(self, path: Path, *, now: Now = utc_now, lease_seconds: float = LEASE_SECONDS) -> None:
        self._database = Database(path)
        self._now = now
        self._lease_seconds = lease_seconds
        self._held: Held[Lease] = Held()

    @property
    def place(self) -> str:
        return str(self._database.path)

    def close(self) -> None:
        self._database.close()

    def get(self, cluster: str, name: str) -> EnvironmentRecord | None:
        with self._database.read() as db:
            row = db.execute(
                "SELECT cluster, name, revision, document FROM environments WHERE cluster = ? AND name = ?",
                (cluster, name),
            ).fetchone()
        return self._record(row) if row else None

    def list(self, cluster: str) -> Sequence[EnvironmentRecord]:
        """Sorted by name."""
        with self._database.read() as db:
            rows = db.execute(
                "SELECT cluster, name, revision, document FROM environments WHERE cluster = ? ORDER BY name", (cluster,)
            ).fetchall()
        return [self._record(row) for row in rows]

    def save(self, record: EnvironmentRecord) -> EnvironmentRecord:
        key = (record.cluster, record.name)
        with self._write() as db:
            stored = db.execute("SELECT revision FROM environments WHERE cluster = ? AND name = ?", key).fetchone()
            if (stored[0] if stored else 0) != record.revision:
                raise record_changed(record, stored is not None)
            db.execute("UPDATE revisions SET last = last + 1")
            (revision,) = db.execute("SELECT last FROM revisions").fetchone()
            db.execute("INSERT OR REPLACE INTO environments VALUES (?, ?, ?, ?)", (*key, revision, encode(record)))
        return replace(record, revision=revision)

    def delete(self, cluster: str, name: str) -> None:
        with self._write() as db:
            db.execute("DELETE FROM environments WHERE cluster = ? AND name = ?", (cluster, name))

    def begin(self, entry: HistoryEntry) -> int:
        with self._write() as db:
            cursor = db.execute(
                "INSERT INTO history (cluster, name, operation, at, who, summary, outcome, ended_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    entry.cluster,
                    entry.name,
                    entry.operation,
                    moment_text(entry.at),
                    entry.who,
                    entry.summary,
                    entry.outcome,
                    moment_text(entry.ended_at) if entry.ended_at else None,
                ),
            )
            db.execute(
                "DELETE FROM history WHERE cluster = ? AND name = ? AND id <= (SELECT id FROM history "
                "WHERE cluster = ? AND name = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
                (entry.cluster, entry.name, entry.cluster, entry.name, HISTORY_KEPT),
            )
            db.execute(
                "DELETE FROM history WHERE cluster = ? AND id <= (SELECT id FROM history "
                "WHERE cluster = ? ORDER BY id DESC LIMIT 1 OFFSET ?)",
                (entry.cluster, entry.cluster, HISTORY_OF_CLUSTER_KEPT),
            )
        return int(cursor.lastrowid or 0)

    def end(self, entry_id: int, outcome: str, at: datetime) -> None:
        with self._database.write() as db:
            db.execute(
                "UPDATE history SET outcome = ?, ended_at = ? WHERE id = ?", (outcome, moment_text(at), entry_id)
            )

    def history(self, cluster: str, name: str, limit: int = 50) -> Sequence[HistoryEntry]:
        """Newest first."""
        with self._database.read() as db:
            rows = db.execute(
                f"SELECT {_HISTORY_COLUMNS} FROM history WHERE cluster = ? AND name = ? ORDER BY id DESC LIMIT ?",  # noqa: S608
                (cluster, name, limit),
            ).fetchall()
        return [_entry(*row) for row in rows]

    def operations(self, cluster: str, limit: int = 50) -> Sequence[HistoryEntry]:
        """Of all environments, newest first."""
        with self._database.read() as db:
            rows = db.execute(
                f"SELECT {_HISTORY_COLUMNS} FROM history WHERE cluster = ? ORDER BY id DESC LIMIT ?",  # noqa: S608
                (cluster, limit),
            ).fetchall()
        return [_entry(*row) for row in rows]

    @contextmanager
    def lock(
        self, key: str, description: str, *, wait_seconds: float, on_wait: Callable[[LockHolder], None]
    ) -> Iterator[Callable[[], None]]:
        lease = self._lease(key)
        with hold(lease, description, wait_seconds, on_wait), self._held.holding(lease):
            yield lease.check

    def holder(self, key: str) -> LockHolder | None:
        with self._database.read() as db:
            return holder_of(db, key, self._now())

    def dead_locks(self) -> Sequence[DeadLock]:
        with self._database.read() as db:
            return dead_leases(db, self._now())

    def drop_dead_lock(self, key: str) -> bool:
        with self._database.write() as db:
            if holder_of(db, key, self._now()) is not None:
                return False
            return db.execute("DELETE FROM locks WHERE key = ?", (key,)).rowcount == 1

    def election(self, key: str, description: str) -> AbstractContextManager[Lead]:
        return standing(lambda: Polling(self._lease(key), description), key)

    def agents(self, cluster: str, service: str, lead: Lead) -> SqliteAgents:
        """See `ciprov.agents.ports.AgentStores`."""
        return SqliteAgents(self._database, Owner(cluster, service), lead)

    def _lease(self, key: str) -> Lease:
        return Lease(self._database, key, now=self._now, lease_seconds=self._lease_seconds)

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        """Nothing is written by a thread that lost a lock it should hold."""
        with self._database.write() as db:
            for lease in self._held.leases:
                lease.refuse_loss(db)
            yield db

    def _record(self, row: tuple[str, str, int, str]) -> EnvironmentRecord:
        try:
            return decode(*row)
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"the record of environment {row[1]} on cluster {row[0]} cannot be read: {error!r}",
                place=self.place,
                way_out="restore the store from a backup, or use the ciprov version that wrote it",
            ) from error


def _entry(entry_id: int, cluster: str, name: str, operation: str, at: str, *rest: str) -> HistoryEntry:
    """In the order of `_HISTORY_COLUMNS`."""
    who, summary, outcome, ended_at = rest
    return HistoryEntry(
        id=entry_id,
        cluster=cluster,
        name=name,
        operation=operation,
        at=moment(at),
        who=who,
        summary=summary,
        outcome=outcome,
        ended_at=moment(ended_at) if ended_at else None,
    )
