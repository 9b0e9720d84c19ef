"""What is believed of a node, and when an agent is gone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ciprov.agents.lifecycle import Act
from ciprov.agents.record import AgentRecord, Cause, Phase
from ciprov.agents.serving.books import Books
from ciprov.agents.serving.inbox import Acted, Inbox, Looked
from ciprov.agents.serving.jenkins_desk import JenkinsDesk
from ciprov.agents.serving.roster import Roster
from ciprov.agents.template import Template
from ciprov.domain.agents import Key
from ciprov.domain.jenkins import AgentSecret, Node
from ciprov.foundation.json import JsonObject
from ciprov.framework.requests import Wanted

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MAVEN = Template("maven", ("maven",), Wanted(cpus=1))


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


class Nothing:
    """A Mesos without tasks and a store that keeps nothing."""

    def task(self, _: str) -> None:
        return None

    def load(self) -> Mapping[Key, JsonObject]:
        return {}

    def write(self, put: Mapping[Key, JsonObject], remove: Collection[Key] = ()) -> None:
        pass


class Office:
    """Its desk's threads are not started: what is asked of Jenkins stays under way until it is `done`."""

    def __init__(self) -> None:
        nothing: Any = Nothing()
        self.books = Books(nothing, lambda _: None)
        self.jenkins = JenkinsDesk(nothing, Inbox(), lambda: T0)
        self.roster = Roster(self.books, self.jenkins, nothing, lambda _: MAVEN, lambda _: None)

    def turn(self, seconds: float, *events: Looked | Acted) -> None:
        for event in events:
            if isinstance(event, Looked):
                self.roster.looked(event)
            else:
                self.jenkins.heard(event, at(seconds))
                self.roster.acted(event, at(seconds))
        self.roster.advance(at(seconds))
        self.books.close_turn()

    def phase(self) -> Phase | None:
        record = self.roster.records.get("a1")
        return record.phase if record else None


def test_a_node_that_comes_into_being_after_its_agent_ended_is_deleted() -> None:
    office = Office()
    office.roster.add(AgentRecord("a1", "maven", ("maven",), T0, T0))
    office.turn(0)
    office.roster.end("a1", Cause.KILLED, "", at(1))
    office.turn(1)
    made = Acted("a1", Act.CREATE_NODE, secret=AgentSecret("s" * 64))
    # A look that did not see it, as it began while the node was not made yet.
    office.turn(2, Looked(at(1.5), nodes=()), made)
    office.turn(2.1)
    assert office.phase() is Phase.ENDED
    assert office.jenkins.is_busy_with("a1")
    office.turn(3, Looked(at(2.5), nodes=(Node("a1"),)))
    office.turn(4, Acted("a1", Act.DELETE_NODE))
    office.turn(4.1)
    assert office.phase() is None
