"""A lease is judged by both clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ciprov.domain.environment import LockHeld
from ciprov.store.sqlite import SqliteStore

START = datetime(2030, 1, 1, tzinfo=UTC)


def test_a_machine_that_slept_finds_its_lease_taken(tmp_path: Path) -> None:
    moments = {"ours": START, "theirs": START}
    ours = SqliteStore(tmp_path / "state.db", now=lambda: moments["ours"])
    theirs = SqliteStore(tmp_path / "state.db", now=lambda: moments["theirs"])
    with ours.lock("env/c/x", "we", wait_seconds=0, on_wait=print) as check:
        check()
        moments |= dict.fromkeys(moments, START + timedelta(minutes=5))
        check()  # nobody came meanwhile
        moments["theirs"] += timedelta(minutes=5)
        with theirs.lock("env/c/x", "they", wait_seconds=0, on_wait=print):
            moments["ours"] = moments["theirs"]
            with pytest.raises(LockHeld, match="they"):
                check()
    ours.close()
    theirs.close()
