"""One SQLite file shared by several processes: opening, transactions, and what its errors mean to a user."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ciprov.store.errors import StoreError
from ciprov.store.schema import migrate

BUSY_SECONDS = 10.0


class Database:
    """Opened at first use. Threads share one connection, one transaction at a time; all transactions are short."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        self._turn = threading.RLock()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        with self._turn, _explained(self.path):
            yield self._open()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that holds the write lock from its start, so what it reads is still true when it writes."""
        with self._turn, _explained(self.path):
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        with self._turn:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._make_private()
            connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            try:
                _use_wal(connection)
                connection.execute("PRAGMA synchronous = FULL")
                migrate(connection, str(self.path))
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _make_private(self) -> None:
        """Directories that are missing are made for this user alone; one that exists is left as its owner made it."""
        try:
            missing = [folder for folder in (self.path.parent, *self.path.parent.parents) if not folder.exists()]
            for folder in reversed(missing):
                folder.mkdir(mode=0o700, exist_ok=True)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise StoreError(
                f"the store cannot be opened for writing: {error.strerror}",
                place=str(error.filename or self.path),
                way_out="give yourself write permission there, or name another place: setting `store`, "
                "variables CIPROV_STORE and CIPROV_STATE_DIR",
            ) from error


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switching the journal mode does not heed the busy time-out while another process does the same."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if not _is(error, "SQLITE_BUSY") or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise explain(error, path) from error


def explain(error: sqlite3.Error, path: Path) -> StoreError:
    """An error of SQLite in words that tell a user what to do."""
    if _is(error, "SQLITE_CORRUPT") or _is(error, "SQLITE_NOTADB"):
        what = "the store is damaged or no database of ciprov"
        way_out = (
            f"restore it from a backup, or move it away (mv {path} {path}.broken) and start with an empty one: "
            "what runs on the cluster is not touched, `ciprov env up` records it again"
        )
    elif _is(error, "SQLITE_FULL"):
        what, way_out = "the disk of the store is full", "free some space there and repeat the command"
    elif _is(error, "SQLITE_READONLY") or _is(error, "SQLITE_CANTOPEN") or _is(error, "SQLITE_PERM"):
        what = "the store cannot be written"
        way_out = f"make {path} and its directory writable for you, or set CIPROV_STORE or CIPROV_STATE_DIR"
    elif _is(error, "SQLITE_BUSY") or _is(error, "SQLITE_LOCKED"):
        what = f"another process kept the store locked for more than {BUSY_SECONDS:.0f} s"
        way_out = f"see who has it open (fuser {path}) and repeat the command"
    else:
        what, way_out = f"the store failed: {error}", "see whether its disk has room and works, and repeat the command"
    return StoreError(what, place=str(path), way_out=way_out)


def _is(error: sqlite3.Error, name: str) -> bool:
    """Extended codes such as SQLITE_READONLY_DIRECTORY begin with the name of their primary code."""
    return str(getattr(error, "sqlite_errorname", "")).startswith(name)
