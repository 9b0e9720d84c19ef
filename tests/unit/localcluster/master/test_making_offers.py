"""Who is offered what."""

from __future__ import annotations

import math

import pytest

from ciprov.localcluster.master.offers import (
    Candidate,
    Market,
    Offer,
    Refusal,
    made,
    next_end,
    refuse_seconds,
    standing,
    untenable,
)
from ciprov.localcluster.model import Agent, Resources
from ciprov.localcluster.scheduling.agents import Ledger

RED, BLUE = Candidate("f", "red"), Candidate("g", "blue")


def agent(number: int, role: str = "*", gpus: int = 0, **changes: bool) -> Agent:
    return Agent(f"agent-{number}", "h", Resources(4, 1000, 0, gpus), role=role, **changes)


def market(*agents: Agent, to: tuple[Candidate, ...] = (RED, BLUE), **fields: object) -> Market:
    return Market(Ledger.of(agents), to, fields.get("used", {}))  # type: ignore[arg-type]


def who(offers: list[Offer]) -> list[tuple[str, str, float]]:
    return [(offer.role, offer.agent_id, offer.resources.cpus) for offer in offers]


def test_agents_are_split_between_roles() -> None:
    found = made(market(agent(1), agent(2), agent(3)), [], {}, 0)
    assert who(found) == [("red", "agent-1", 4), ("blue", "agent-2", 4), ("red", "agent-3", 4)]


def test_who_uses_less_comes_first() -> None:
    assert who(made(market(agent(1), used={("f", "red"): Resources(1)}), [], {}, 0)) == [("blue", "agent-1", 4)]


def test_what_is_offered_counts_as_had() -> None:
    before = Offer("O", "f", "red", "agent-1", Resources(3, 900))
    assert who(made(market(agent(1)), [before], {}, 0)) == [("blue", "agent-1", 1)]


@pytest.mark.parametrize(
    ("kept_for", "offered"), [("*", ["red"]), ("blue", ["blue"]), ("green", [])], ids=["anyone", "one", "nobody here"]
)
def test_an_agent_that_is_kept_for_a_role(kept_for: str, offered: list[str]) -> None:
    assert [offer.role for offer in made(market(agent(1, kept_for)), [], {}, 0)] == offered


def test_gpus_are_for_those_who_know_them() -> None:
    knows = Candidate("h", "z", gpus=True)
    assert who(made(market(agent(1, gpus=1), to=(RED, knows)), [], {}, 0)) == [("z", "agent-1", 4)]


def test_an_agent_that_is_not_active_offers_nothing() -> None:
    assert made(market(agent(1, active=False)), [], {}, 0) == []


def test_crumbs_are_not_offered() -> None:
    small = Agent("agent-1", "h", Resources(0.005, 31))
    assert made(market(small), [], {}, 0) == []


def test_a_refusal_is_for_its_time_its_role_and_its_amount() -> None:
    refusals = {("f", "red", "agent-1"): [Refusal(Resources(4, 1000), until=10)]}
    assert who(made(market(agent(1)), [], refusals, 9)) == [("blue", "agent-1", 4)]
    assert who(made(market(agent(1)), [], refusals, 10)) == [("red", "agent-1", 4)]
    smaller = {("f", "red", "agent-1"): [Refusal(Resources(3, 1000), until=10)]}
    assert who(made(market(agent(1)), [], smaller, 9)) == [("red", "agent-1", 4)]


def test_only_who_wants_offers_waits_for_the_end_of_a_refusal() -> None:
    refusals = {
        ("f", "red", "agent-1"): [Refusal(Resources(), 10), Refusal(Resources(), 4)],
        ("g", "blue", "agent-1"): [Refusal(Resources(), 7)],
    }
    assert next_end(refusals, [RED], 5) == 10
    assert next_end(refusals, [RED, BLUE], 5) == 7
    assert next_end(refusals, [], 5) is None
    assert standing(refusals, 7) == {("f", "red", "agent-1"): [Refusal(Resources(), 10)]}


@pytest.mark.parametrize(
    ("filters", "seconds"),
    [
        (None, 5),
        ({}, 5),
        ({"refuse_seconds": -1}, 5),
        ({"refuse_seconds": math.nan}, 5),
        ({"refuse_seconds": 0}, 0.1),
        ({"refuse_seconds": 7.5}, 7.5),
        ({"refuse_seconds": math.inf}, 365 * 24 * 3600),
    ],
)
def test_how_long_a_refusal_holds(filters: dict[str, float] | None, seconds: float) -> None:
    assert refuse_seconds(filters) == seconds


def test_the_newest_offers_are_taken_back_and_no_more_than_must_be() -> None:
    offers = [Offer(f"O{number}", "f", "red", "agent-1", Resources(1)) for number in range(3)]
    elsewhere = Offer("P", "f", "red", "agent-2", Resources(4))
    ledger = Ledger.of([agent(1), agent(2)]).take("agent-1", Resources(2))
    assert [offer.id for offer in untenable([*offers, elsewhere], ledger)] == ["O2"]
    gone = ledger.with_agent(agent(2, active=False))
    assert [offer.id for offer in untenable([*offers, elsewhere], gone)] == ["O2", "P"]
