"""Leases on keys in the SQLite store, kept by a thread, taken over once they run out or their holder is dead."""

from __future__ import annotations

import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

from ciprov.domain.environment import DeadLock, LockHeld, LockHolder
from ciprov.foundation.clock import Now
from ciprov.store.database import Database
from ciprov.store.errors import StoreError
from ciprov.store.process import ProcessIdentity, is_dead, this_process
from ciprov.store.records import moment, moment_text

LEASE_SECONDS = 30.0
POLL_SECONDS = 0.25


def holder_of(db: sqlite3.Connection, key: str, now: datetime) -> LockHolder | None:
    """None where nobody has it, or whoever has it is dead or has let the lease run out."""
    row = db.execute(
        "SELECT owner, description, since, expires_at, host, pid, process_start FROM locks WHERE key = ?", (key,)
    ).fetchone()
    if row is None:
        return None
    holder = LockHolder(key, row[0], row[1], moment(row[2]), moment(row[3]))
    alive = holder.expires_at > now and not is_dead(ProcessIdentity(row[4], row[5], row[6]))
    return holder if alive else None


def dead_leases(db: sqlite3.Connection, now: datetime) -> list[DeadLock]:
    """By key."""
    rows = db.execute("SELECT key, description, expires_at FROM locks ORDER BY key").fetchall()
    dead = []
    for key, description, expires_at in rows:
        if holder_of(db, key, now) is None:
            ended = "ran out" if moment(expires_at) <= now else "has a holder that has ended"
            dead.append(DeadLock(key, f"the lease of {description} {ended}"))
    return dead


class Lease:
    """One held lock. It is renewed every third of its duration; a process that was stopped for longer loses it."""

    def __init__(self, database: Database, key: str, *, now: Now, lease_seconds: float) -> None:
        self._database = database
        self._key = key
        self._owner = uuid.uuid4().hex
        self._now = now
        self._seconds = lease_seconds
        self._good_until = 0.0
        self._expires_at = datetime.min.replace(tzinfo=UTC)
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease {key}", daemon=True)

    def acquire(self, description: str) -> LockHolder | None:
        """None once the lock is ours, else who holds it."""
        now = self._now()
        expires_at = now + timedelta(seconds=self._seconds)
        started = time.monotonic()
        process = this_process()
        with self._database.write() as db:
            if (holder := holder_of(db, self._key, now)) is not None:
                return holder
            db.execute(
                "INSERT OR REPLACE INTO locks VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    self._key,
                    self._owner,
                    description,
                    moment_text(now),
                    moment_text(expires_at),
                    process.host,
                    process.pid,
                    process.start,
                ),
            )
        self._good_until, self._expires_at = started + self._seconds, expires_at
        self._thread.start()
        return None

    def release(self) -> None:
        self._released.set()
        self._thread.join()
        with self._database.write() as db:
            db.execute("DELETE FROM locks WHERE key = ? AND owner = ?", (self._key, self._owner))

    def check(self) -> None:
        """Raise `LockHeld` where the lease is no longer ours."""
        # Both clocks: one that never jumps stands still while the machine sleeps, and others go by the other.
        if time.monotonic() < self._good_until and self._now() < self._expires_at:
            return
        # Renewing was not possible in time: whether somebody took the lock meanwhile is known to the store alone.
        if not self._renew():
            raise LockHeld(self._taker())

    def refuse_loss(self, db: sqlite3.Connection) -> None:
        """Raise `LockHeld` within a transaction about to write that the lease must cover."""
        row = db.execute("SELECT owner FROM locks WHERE key = ?", (self._key,)).fetchone()
        if row is None or row[0] != self._owner:
            raise LockHeld(self._taker())

    def _keep(self) -> None:
        while not self._released.wait(self._seconds / 3):
            with suppress(StoreError):  # tried again at the next turn; `check` finds out if it was too late
                if not self._renew():
                    self._good_until = 0.0
                    return

    def _renew(self) -> bool:
        started = time.monotonic()
        expires_at = self._now() + timedelta(seconds=self._seconds)
        with self._database.write() as db:
            cursor = db.execute(
                "UPDATE locks SET expires_at = ? WHERE key = ? AND owner = ?",
                (moment_text(expires_at), self._key, self._owner),
            )
        if cursor.rowcount != 1:
            return False
        self._good_until, self._expires_at = started + self._seconds, expires_at
        return True

    def _taker(self) -> LockHolder:
        with self._database.read() as db:
            row = db.execute(
                "SELECT owner, description, since, expires_at FROM locks WHERE key = ?", (self._key,)
            ).fetchone()
        if row is None:
            now = self._now().astimezone(UTC)
            return LockHolder(self._key, "", "as the lease ran out and was taken by somebody who has ended", now, now)
        return LockHolder(self._key, row[0], row[1], moment(row[2]), moment(row[3]))


class Polling:
    """A lease as a contender: it asks again and again, since SQLite tells nobody."""

    def __init__(self, lease: Lease, description: str) -> None:
        self._lease = lease
        self._description = description
        self._ours = False

    def acquire(self, wait_seconds: float, on_wait: Callable[[LockHolder], None]) -> LockHolder | None:
        """None once the lock is ours, else who holds it after `wait_seconds`. Tells `on_wait` once."""
        deadline = time.monotonic() + wait_seconds
        told = False
        while (holder := self._lease.acquire(self._description)) is not None:
            if time.monotonic() >= deadline:
                return holder
            if not told:
                on_wait(holder)
                told = True
            time.sleep(min(POLL_SECONDS, max(0.0, deadline - time.monotonic())))
        self._ours = True
        return None

    def check(self) -> None:
        self._lease.check()

    def refuse_loss(self, db: sqlite3.Connection) -> None:
        """As that of the lease."""
        self._lease.refuse_loss(db)

    def release(self) -> None:
        if self._ours:
            with suppress(StoreError):  # the lease runs out by itself
                self._lease.release()


@contextmanager
def hold(lease: Lease, description: str, wait_seconds: float, on_wait: Callable[[LockHolder], None]) -> Iterator[None]:
    """Acquire, waiting up to `wait_seconds`; release at the end."""
    contender = Polling(lease, description)
    if (holder := contender.acquire(wait_seconds, on_wait)) is not None:
        raise LockHeld(holder)
    try:
        yield
    finally:
        contender.release()
