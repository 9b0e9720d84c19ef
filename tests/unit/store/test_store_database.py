"""What SQLite's errors become, and what older documents read as."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ciprov.domain.environment import EnvironmentRecord, Phase
from ciprov.store.database import explain
from ciprov.store.records import decode, encode
from ciprov.store.schema import MIGRATIONS, migrate


def coded(name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("it failed")
    error.sqlite_errorname = name
    return error


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("SQLITE_FULL", "disk of the store is full"),
        ("SQLITE_CORRUPT_INDEX", "damaged"),
        ("SQLITE_NOTADB", "damaged"),
        ("SQLITE_READONLY_DIRECTORY", "cannot be written"),
        ("SQLITE_CANTOPEN", "cannot be written"),
        ("SQLITE_BUSY_SNAPSHOT", "kept the store locked"),
        ("SQLITE_IOERR_FSYNC", "it failed"),
    ],
)
def test_each_failure_names_the_file_and_a_way_out(name: str, words: str) -> None:
    error = explain(coded(name), Path("/s/state.db"))
    assert words in error.message
    assert error.place == "/s/state.db"
    assert error.way_out


def test_a_document_of_an_older_version_lacks_fields_and_takes_their_defaults() -> None:
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    record = EnvironmentRecord("c", "n", "/c/n", "b", "f", "s", "dev", Phase.READY, moment, moment, revision=7)
    document = json.loads(encode(record))
    for name in ("failure", "pending_counts", "routes", "expires_at"):
        del document[name]
    document["from_the_future"] = 1
    assert decode("c", "n", 7, json.dumps(document)) == record


def test_migrations_go_one_after_another_and_only_once() -> None:
    db = sqlite3.connect(":memory:", isolation_level=None)
    migrate(db, "here", MIGRATIONS)
    later = (*MIGRATIONS, ("CREATE TABLE more (x)", "INSERT INTO more VALUES (1)"))
    migrate(db, "here", later)
    migrate(db, "here", later)
    assert db.execute("SELECT count(*) FROM more").fetchone() == (1,)


def test_a_failed_migration_leaves_nothing_behind() -> None:
    db = sqlite3.connect(":memory:", isolation_level=None)
    with pytest.raises(sqlite3.OperationalError):
        migrate(db, "here", (("CREATE TABLE good (x)", "CREATE TABLE good (x)"),))
    assert db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    assert db.execute("PRAGMA user_version").fetchone() == (0,)
