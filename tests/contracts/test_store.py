"""The SQLite store against the contract of all stores, and what only a file can go through."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from store_cases import MOMENT, StoreContract, entry, processes, record, run_all
from store_dead_lock_cases import DeadLockContract
from store_history_cases import HistoryContract

from ciprov.store.errors import StoreError
from ciprov.store.schema import MIGRATIONS
from ciprov.store.sqlite import HISTORY_KEPT, HISTORY_OF_CLUSTER_KEPT, SqliteStore


def open_sqlite(place: str, lease_seconds: float) -> SqliteStore:
    return SqliteStore(Path(place), lease_seconds=lease_seconds)


def open_and_list(place: str) -> None:
    assert list(open_sqlite(place, 30.0).list("staging")) == []


class TestSqliteStore(StoreContract, HistoryContract, DeadLockContract):
    open_store = staticmethod(open_sqlite)

    @pytest.fixture
    def place(self, tmp_path: Path) -> str:
        return str(tmp_path / "state" / "ciprov" / "state.db")

    def test_what_it_makes_is_for_this_user_alone(self, place: str) -> None:
        open_sqlite(place, 30.0).save(record())
        assert Path(place).parent.stat().st_mode & 0o777 == 0o700
        assert all(file.stat().st_mode & 0o077 == 0 for file in Path(place).parent.iterdir())

    def test_many_processes_may_make_it_at_once(self, place: str) -> None:
        run_all([(open_and_list, (place,))] * 4)
        assert processes is not None

    def test_a_newer_schema_is_refused(self, place: str) -> None:
        open_sqlite(place, 30.0).save(record())
        with sqlite3.connect(place) as db:
            db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
        with pytest.raises(StoreError, match=rf"(?s)schema version {len(MIGRATIONS) + 1}.*newer ciprov"):
            open_sqlite(place, 30.0).list("staging")

    def test_a_file_that_is_no_database_is_a_clear_error_and_is_left_alone(self, place: str) -> None:
        Path(place).parent.mkdir(parents=True)
        Path(place).write_text("dear diary, " * 500)
        with pytest.raises(StoreError, match=r"(?s)damaged or no database.*mv "):
            open_sqlite(place, 30.0).list("staging")
        assert Path(place).read_text().startswith("dear diary")

    def test_a_damaged_database_is_a_clear_error(self, place: str) -> None:
        store = open_sqlite(place, 30.0)
        for number in range(50):
            store.save(record(f"env-{number}"))
        store.close()
        with Path(place).open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * (Path(place).stat().st_size - 4096))
        with pytest.raises(StoreError, match="damaged"):
            open_sqlite(place, 30.0).list("staging")

    def test_a_damaged_record_names_the_environment(self, place: str) -> None:
        store = open_sqlite(place, 30.0)
        store.save(record())
        with sqlite3.connect(place) as db:
            db.execute("UPDATE environments SET document = '[]'")
        with pytest.raises(StoreError, match="feature-x on cluster staging"):
            store.get("staging", "feature-x")

    def test_a_place_that_is_a_directory_is_a_clear_error(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match=r"(?s)cannot be opened for writing.*CIPROV_STATE_DIR"):
            open_sqlite(str(tmp_path), 30.0).list("staging")

    def test_a_path_below_a_file_is_a_clear_error(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(StoreError, match="cannot be opened for writing"):
            open_sqlite(str(tmp_path / "file" / "state.db"), 30.0).list("staging")

    def test_history_does_not_grow_for_ever(self, place: str) -> None:
        store = open_sqlite(place, 30.0)
        ids = [store.begin(entry()) for _ in range(HISTORY_KEPT + 5)]
        kept = store.history("staging", "feature-x", limit=10_000)
        assert [found.id for found in kept] == list(reversed(ids[-HISTORY_KEPT:]))

    def test_the_history_of_names_that_come_and_go_does_not_grow_for_ever(self, place: str) -> None:
        store = open_sqlite(place, 30.0)
        store.begin(entry(name="first"))
        columns = "(cluster, name, operation, at, who, summary, outcome)"
        with sqlite3.connect(place) as db:
            names = (("staging", f"old-{n}", "up", MOMENT.isoformat()) for n in range(HISTORY_OF_CLUSTER_KEPT))
            db.executemany(f"INSERT INTO history {columns} VALUES (?, ?, ?, ?, '', '', '')", names)
        newest = store.begin(entry())
        found = store.operations("staging", limit=2 * HISTORY_OF_CLUSTER_KEPT)
        assert (len(found), found[0].id) == (HISTORY_OF_CLUSTER_KEPT, newest)
        assert list(store.history("staging", "first")) == list(store.history("staging", "old-0")) == []
