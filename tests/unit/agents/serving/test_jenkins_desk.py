"""Who waits for whom when Jenkins is slow."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from ciprov.agents.lifecycle import Act
from ciprov.agents.serving.inbox import Acted, Inbox
from ciprov.agents.serving.jenkins_desk import JenkinsDesk, NodeAct
from ciprov.domain.jenkins import JenkinsUnavailable, NewNode, Withdrawn

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Slow:
    """A Jenkins that makes no node before it is let."""

    def __init__(self) -> None:
        self.let = threading.Event()

    def create_node(self, _: NewNode) -> bool:
        assert self.let.wait(10)
        return True

    def fence(self, _name: str, _message: str) -> bool:
        return True


def test_no_fence_waits_for_nodes_that_are_being_made() -> None:
    jenkins, inbox = Slow(), Inbox()
    desk = JenkinsDesk(jenkins, inbox, lambda: NOW)  # type: ignore[arg-type]
    desk.start()
    for number in range(50):
        new = NewNode(f"new-{number}", ("linux",), "/w")
        desk.ask(NodeAct(new.name, Act.CREATE_NODE, new, wants_secret=False), NOW)
    desk.ask(NodeAct("busy", Act.FENCE), NOW)
    first = inbox.take(10)
    jenkins.let.set()
    desk.stop()
    assert first == [Acted("busy", Act.FENCE)]


@pytest.mark.parametrize("became", Withdrawn)
def test_what_became_of_a_node_that_was_withdrawn(became: Withdrawn) -> None:
    class One(Slow):
        def withdraw(self, _name: str, _message: str) -> Withdrawn:
            return became

    inbox = Inbox()
    desk = JenkinsDesk(One(), inbox, lambda: NOW)  # type: ignore[arg-type]
    desk.start()
    desk.ask(NodeAct("a1", Act.WITHDRAW), NOW)
    told = inbox.take(10)
    desk.stop()
    found, starting = became is not Withdrawn.GONE, became is Withdrawn.STARTING
    assert told == [Acted("a1", Act.WITHDRAW, found=found, starting=starting)]


def test_what_failed_is_not_remembered_for_ever() -> None:
    desk = JenkinsDesk(Slow(), Inbox(), lambda: NOW)  # type: ignore[arg-type]
    for number in range(100):
        failed = Acted(f"a{number}", Act.DELETE_NODE, error=JenkinsUnavailable("away"))
        desk.heard(failed, NOW + timedelta(minutes=number))
    assert len(desk._failed) < 20


def test_what_failed_while_jenkins_was_away_is_done_as_soon_as_it_answers() -> None:
    jenkins, inbox = Slow(), Inbox()
    desk = JenkinsDesk(jenkins, inbox, lambda: NOW)  # type: ignore[arg-type]
    for _ in range(10):
        desk.heard(Acted("busy", Act.FENCE, error=JenkinsUnavailable("away")), NOW)
    desk.ask(NodeAct("busy", Act.FENCE), NOW + timedelta(seconds=10))
    assert not desk.is_busy_with("busy")
    desk.answers_again()
    desk.ask(NodeAct("busy", Act.FENCE), NOW + timedelta(seconds=10))
    assert desk.is_busy_with("busy")
