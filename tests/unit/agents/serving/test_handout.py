"""Secrets that are fetched: once, and with their ticket alone."""

from __future__ import annotations

from ciprov.agents.serving.handout import Handout


def test_once_and_with_its_ticket_alone() -> None:
    handout = Handout()
    ticket = handout.leave("a1", "A=1")
    assert handout.take("a1", "") is None
    assert handout.take("a1", ticket + "x") is None
    assert handout.take("a2", ticket) is None
    assert handout.take("a1", ticket) == "A=1"
    assert handout.take("a1", ticket) is None


def test_nothing_is_left_of_an_agent_that_ended() -> None:
    handout = Handout()
    ticket = handout.leave("a1", "A=1")
    handout.forget("a1")
    assert handout.take("a1", ticket) is None
    assert handout.take("a1", "") is None
