"""Recorded operations as lines, and what is new among them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ciprov.domain.environment import HistoryEntry
from ciprov.environments.deed import OWN_NAME, Deed
from ciprov.environments.events.happening import began, ended, recorded
from ciprov.environments.events.news import news, seen

AT = datetime(2030, 1, 1, tzinfo=UTC)


def entry(number: int, seconds: float | None = None, **more: Any) -> HistoryEntry:
    at = AT + timedelta(minutes=number)
    over = {} if seconds is None else {"outcome": "ready", "ended_at": at + timedelta(seconds=seconds)}
    return HistoryEntry("local", "x", "up", at, "ann@h", summary="1 to create", id=number, **(over | more))


def states(before: list[HistoryEntry], now: list[HistoryEntry]) -> list[tuple[int, str]]:
    return [(int(str(one.facts["id"])), one.state) for one in news(seen(before), now)]


def test_an_operation_is_one_line_with_its_time_end_and_author():
    line = "2030-01-01T00:01:00.000Z  x  up: ready (after 9.0 s, by ann@h; 1 to create)"
    assert str(recorded(entry(1, 9.0))) == line
    assert "has not ended" in str(recorded(entry(1)))
    assert str(began(entry(1))) == "2030-01-01T00:01:00.000Z  x  up: began (by ann@h; 1 to create)"
    assert str(ended(entry(1, 9.0))).startswith("2030-01-01T00:01:09.000Z  x  up: ready (after 9.0 s")


def test_a_long_outcome_is_cut_in_the_line_and_whole_in_the_document():
    one = recorded(entry(1, 1.0, outcome="failed: a\n  b"))
    assert "\n" not in str(one)
    assert one.to_json()["outcome"] == "failed: a\n  b"


def test_new_operations_and_new_ends_are_news_in_the_order_of_time():
    before = [entry(2), entry(1, 1.0)]
    now = [entry(4, 3.0), entry(3), entry(2, 70.0), entry(1, 1.0)]
    assert states(before, now) == [(3, "began"), (2, "ready"), (4, "began"), (4, "ready")]
    assert states(now, now) == []


def test_what_is_over_at_once_is_told_once():
    assert states([], [entry(1, 0.1)]) == [(1, "ready")]


def test_what_is_older_than_all_that_was_seen_is_no_news():
    assert states([entry(5, 1.0)], [entry(5, 1.0), entry(4)]) == []
    assert states([], [entry(1)]) == [(1, "began")]


def test_a_deed_has_its_own_name_and_says_of_what():
    assert OWN_NAME.told("up", "1 to create") == ("up", "1 to create")
    assert Deed("clone", "of x").told("up", "1 to create") == ("clone", "of x: 1 to create")
    assert Deed("resume").told("down", "2 apps") == ("resume", "down: 2 apps")
