"""What agent services keep, in SQLite, against the contract of all stores."""

from __future__ import annotations

import shlex
import sqlite3
from pathlib import Path

import pytest
from agent_store_cases import ELECTION, AgentStoreContract, leading, numbered

from ciprov.domain.agents import Key
from ciprov.domain.environment import LockHeld
from ciprov.store.schema import MIGRATIONS
from ciprov.store.sqlite import SqliteStore


def open_sqlite(place: str, lease_seconds: float) -> SqliteStore:
    return SqliteStore(Path(place), lease_seconds=lease_seconds)


class TestSqliteAgents(AgentStoreContract):
    open_store = staticmethod(open_sqlite)

    @pytest.fixture
    def place(self, tmp_path: Path) -> str:
        return str(tmp_path / "state.db")

    def take_the_lock_away(self, place: str) -> None:
        self.execute(place, "DELETE FROM locks WHERE key = ?", ELECTION)

    def overwrite(self, place: str, key: Key, text: str) -> None:
        self.execute(place, "UPDATE agents SET document = ? WHERE kind = ? AND id = ?", text, key.kind, key.id)

    def follow(self, place: str, way_out: str) -> None:
        program, file, statement = shlex.split(way_out[way_out.index("sqlite3 ") :])
        assert (program, file) == ("sqlite3", place)
        self.execute(place, statement)

    def execute(self, place: str, statement: str, *values: str) -> None:
        with sqlite3.connect(place) as db:
            assert db.execute(statement, values).rowcount == 1
        db.close()

    def test_a_store_from_before_agents_gets_their_table(self, place: str) -> None:
        with sqlite3.connect(place) as db:
            for statement in (statement for step in MIGRATIONS[:2] for statement in step):
                db.execute(statement)
            db.execute("PRAGMA user_version = 2")
        db.close()
        with leading(open_sqlite(place, 30.0)) as (agents, _):
            agents.write(numbered(2))
        assert self.kept(place) == numbered(2)

    def test_a_lead_of_another_file_does_not_count(self, tmp_path: Path, place: str) -> None:
        elsewhere = open_sqlite(str(tmp_path / "another.db"), 30.0)
        with elsewhere.election(ELECTION, "me") as lead:
            assert lead.wait(10)
            with pytest.raises(LockHeld):
                open_sqlite(place, 30.0).agents("staging", "ci", lead).write(numbered(1))
        assert self.kept(place) == {}
