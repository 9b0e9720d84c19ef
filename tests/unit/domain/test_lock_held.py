"""Locks are told by what they lock, not by the store's keys."""

from datetime import UTC, datetime

import pytest

from ciprov.domain.environment import LockHeld, LockHolder

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("key", "what"),
    [
        ("env/local/k", "environment k on local"),
        ("env/team/blue/k", "environment k on team/blue"),
        ("ports/local", "the choice of ports on local"),
        ("agents/team/blue/ci", "agent service ci on team/blue"),
        ("reaper", "reaper"),
        ("env/odd", "env/odd"),
    ],
)
def test_people_read_what_is_locked(key, what):
    holder = LockHolder(key, "o", "ann@host, pid 12, env up", NOON, NOON)

    assert LockHeld(holder).way_out
    assert LockHeld(holder).message == f"{what} is locked by ann@host, pid 12, env up since 2030-01-01 12:00:00 UTC"
    assert holder.key == key


def test_a_lock_that_was_lost_to_nobody_known_is_told_as_that() -> None:
    error = LockHeld(LockHolder("env/staging/x", "", "as the session with ZooKeeper is", NOON, NOON))
    assert error.message == (
        "the lock of environment x on staging is lost, as the session with ZooKeeper is; nothing more is written"
    )
    assert "repeat the command" in error.way_out
