"""Changed apps on the embedded cluster's own rules: none is ever stuck, and a plain PUT is where the table says so."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from replacing_cases import Case, cases
from replacing_outcomes import by_a_plain_put, by_chance, by_ciprov, by_ciprov_killed

TABLE = [
    (Case("fixed", (1, 1), 1, "unchecked", 0), "stuck"),
    (Case("fixed", (1, 1), 1, "healthy", 0), "stuck"),
    (Case("fixed", None, 1, "healthy", 0), "stuck"),
    (Case("fixed", (1, 0), 1, "healthy", 0), "stuck"),
    (Case("mapped", (1, 0), 1, "healthy", 0), "stuck"),
    (Case("fixed", (0, 0), 1, "unchecked", 0), "works"),
    (Case("fixed", (0, 0), 1, "healthy", 0), "works"),
    (Case("fixed", (0, 1), 1, "healthy", 0), "works"),
    (Case("fixed", (0, 0), 1, "sick", 0), "stuck"),
    (Case("fixed", (0, 1), 1, "sick", 0), "stuck"),
    (Case("fixed", (0, 0), 1, "silent", 0), "stuck"),
    (Case("fixed", (0.8, 0), 5, "healthy", 0), "works"),
    (Case("fixed", (0.9, 0), 5, "healthy", 0), "stuck"),
    (Case("fixed", (1, 0), 1, "healthy", 1), "works"),
    (Case("moved", (1, 1), 1, "healthy", 0), "works"),
    (Case("free", (1, 0), 2, "sick", 1), "stuck"),
    (Case("swapped", None, 1, "healthy", 0, dependent=True), "stuck"),
    (Case("external", None, 1, "healthy", 1), "doubled"),
    (Case("first volume", None, 1, "healthy", 1), "refused"),
]


@pytest.mark.parametrize(("case", "verdict"), TABLE, ids=str)
def test_the_table_by_a_plain_put_and_by_ciprov(case: Case, verdict: str) -> None:
    assert by_a_plain_put(case) == verdict
    assert by_ciprov(case).fault == ""


@pytest.mark.parametrize("part", range(4))
def test_none_of_the_generated_cases_is_stuck(part: int) -> None:
    outcomes = [by_ciprov(case) for case in cases(seed=4, count=120)[part::4]]
    assert [outcome for outcome in outcomes if outcome.fault] == []
    ways = Counter(way for outcome in outcomes for way in outcome.ways)
    assert ways.keys() == {"rolling", "in-place", "scale-to-zero", "delete-create"}


KILLED = [
    Case("fixed", None, 1, "healthy", 0),
    Case("fixed", None, 2, "sick", 0, persistent=True),
    Case("fixed", (1, 0), 2, "healthy", 1, dependent=True),
    Case("fixed", (1, 1), 1, "unchecked", 0, role=True),
    Case("swapped", None, 1, "healthy", 0, dependent=True),
    Case("external", None, 1, "healthy", 1),
]


@pytest.mark.parametrize("case", KILLED, ids=str)
def test_killed_at_any_call_and_run_again(case: Case) -> None:
    """At every third one, and in each case at others."""
    at = range(KILLED.index(case) % 3, 500, 3)
    calls = itertools.takewhile(lambda outcome: outcome is not None, (by_ciprov_killed(case, n) for n in at))
    outcomes = [outcome for outcome in calls if outcome is not None]
    assert len(outcomes) > 4
    assert [outcome.fault for outcome in outcomes if outcome.fault] == []


def test_killed_or_without_an_agent_by_chance() -> None:
    outcomes = [outcome for case in cases(seed=5, count=60)[40:] for outcome in by_chance(case, seed=5)]
    assert len(outcomes) > 30
    assert [outcome for outcome in outcomes if outcome.fault] == []


def test_an_update_whose_old_tasks_fall_sick_in_between_is_mended() -> None:
    outcome = by_ciprov(Case("fixed", None, 2, "sick at the put", 0))
    assert outcome.ways == ("in-place",)
    assert outcome.fault == ""
    assert outcome.seconds > 13, "only after the kill grace and ten seconds does it count as standing still"
