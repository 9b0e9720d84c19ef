"""Extensions, pins and signs of use, beside whatever else writes the record."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ciprov.domain.environment import EnvironmentRecord, Phase
from ciprov.environments.lifetime import amending
from ciprov.environments.lifetime.amending import Ledger
from ciprov.environments.lifetime.expiry import after_up, last_use, relative, told
from ciprov.environments.status import NoSuchEnvironment
from ciprov.foundation.errors import CiprovError
from ciprov.store.sqlite import SqliteStore

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
RECORD = EnvironmentRecord(
    "c", "x", "/ciprov/x", "shop", "", "text", "dev", Phase.READY, NOW - HOUR, NOW - HOUR, ttl_seconds=7200
)


class Books:
    """A store with one record, and a clock that tests set."""

    def __init__(self, path, record):
        self.store = SqliteStore(path / "state.db")
        self.now = NOW
        self.store.save(record)
        self.ledger = Ledger(self.store, "c", "me@here, pid 1", lambda: self.now)

    @property
    def record(self):
        found = self.store.get("c", "x")
        assert found is not None
        return found

    @property
    def deeds(self):
        return [(one.operation, one.outcome) for one in reversed(self.store.history("c", "x"))]


@pytest.fixture
def books(tmp_path):
    made = Books(tmp_path, replace(RECORD, expires_at=NOW + HOUR))
    yield made
    made.store.close()


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(None, NOW + 2 * HOUR), (10 * 3600, NOW + 10 * HOUR), (60, NOW + HOUR)],
    ids=["the recorded time to live", "as long as asked for", "never shorter"],
)
def test_extending_counts_from_now_and_never_shortens(books, seconds, expected):
    amending.extend(books.ledger, "x", seconds)
    assert books.record.expires_at == expected
    assert books.record.updated_at == RECORD.updated_at
    assert books.deeds == [("extend", "unchanged" if seconds == 60 else "done")]


def test_extending_what_never_expires_leaves_it_so(tmp_path):
    books = Books(tmp_path, replace(RECORD, ttl_seconds=None))
    assert amending.extend(books.ledger, "x", 60).expires_at is None


def test_without_a_time_to_live_the_duration_must_be_said(tmp_path):
    books = Books(tmp_path, replace(RECORD, ttl_seconds=None, expires_at=NOW))
    with pytest.raises(CiprovError, match="no recorded time to live"):
        amending.extend(books.ledger, "x", None)
    assert books.deeds == []


def test_pins_and_signs_of_use_are_kept_and_told(books):
    amending.pin(books.ledger, "x", "demo")
    assert books.record.pinned == "demo"
    amending.touch(books.ledger, "x")
    books.now += timedelta(minutes=5)
    amending.touch(books.ledger, "x")
    assert books.record.last_used_at == NOW + timedelta(minutes=5)
    assert last_use(books.record) == books.record.last_used_at
    amending.unpin(books.ledger, "x")
    assert books.record.pinned == ""
    assert books.deeds == [("pin", "done"), ("touch", "done"), ("unpin", "done")]


def test_a_write_between_read_and_save_is_not_lost(books):
    """Whoever holds the lock writes just when a pin was about to be saved."""
    save, raced = books.store.save, []

    class Racing:
        get, begin, end = books.store.get, books.store.begin, books.store.end

        def save(self, record):
            if not raced:
                raced.append(save(replace(books.record, failure="written meanwhile")))
            return save(record)

    amending.pin(replace(books.ledger, store=Racing()), "x", "demo")
    assert (books.record.pinned, books.record.failure) == ("demo", "written meanwhile")


def test_what_is_being_removed_or_is_not_there_is_refused(books):
    with pytest.raises(NoSuchEnvironment):
        amending.touch(books.ledger, "y")
    books.store.save(replace(books.record, phase=Phase.REMOVING))
    with pytest.raises(CiprovError, match="being removed"):
        amending.pin(books.ledger, "x", "demo")
    assert books.record.pinned == ""


def test_up_counts_from_now_but_keeps_an_extension():
    day = 86400
    assert after_up(None, None, NOW) is None
    assert after_up(None, day, NOW) == NOW + 24 * HOUR
    extended = replace(RECORD, ttl_seconds=day, expires_at=NOW + 100 * HOUR)
    assert after_up(extended, day, NOW) == extended.expires_at
    assert after_up(extended, 3600, NOW) == NOW + HOUR
    assert after_up(replace(extended, expires_at=NOW), day, NOW) == NOW + 24 * HOUR


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "now"), (59, "in 59s"), (-61, "1m1s ago"), (12000, "in 3h20m"), (-187263, "2d4h ago"), (86400, "in 1d")],
)
def test_moments_are_told_in_two_units(seconds, text):
    assert relative(NOW + timedelta(seconds=seconds), NOW) == text


def test_expiry_is_told():
    assert told(RECORD, NOW) == "never expires"
    assert told(replace(RECORD, expires_at=NOW + HOUR), NOW) == "expires 2030-01-01T13:00:00.000Z (in 1h)"
    assert told(replace(RECORD, expires_at=NOW), NOW).startswith("expired")
