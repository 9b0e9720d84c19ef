"""What is believed of a node, and when an agent is gone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ciprov.agents.lifecycle import Act
from ciprov.agents.record import AgentRecord, Cause, Phase
from ciprov.agents.serving.books import Books
from ciprov.agents.serving.inbox import Acted, Inbox, Looked
from ciprov.agents.serving.jenkins_desk import JenkinsDesk, NodeAct
from ciprov.agents.serving.roster import Roster
from ciprov.agents.template import Template
from ciprov.agents.view.happenings import Happening, What
from ciprov.domain.agents import Key
from ciprov.domain.jenkins import AgentSecret, Build, JenkinsDenied, JenkinsUnavailable, Node, NotOurNode
from ciprov.foundation.json import JsonObject
from ciprov.framework.ledger.entry import Entry
from ciprov.framework.ledger.transitions import TaskState
from ciprov.framework.requests import Wanted
from ciprov.framework.resources import NOTHING

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MAVEN = Template("maven", ("maven",), Wanted(cpus=1))


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


class Nothing:
    """A Mesos without tasks but `tasks`, and a store that keeps nothing."""

    def __init__(self) -> None:
        self.tasks: dict[str, Entry] = {}

    def is_confirmed(self, _: str) -> bool:
        return True

    def task(self, name: str) -> Entry | None:
        return self.tasks.get(name)

    def load(self) -> Mapping[Key, JsonObject]:
        return {}

    def write(self, put: Mapping[Key, JsonObject], remove: Collection[Key] = ()) -> None:
        pass


class Desk(JenkinsDesk):
    """`begun` are the acts that it begins."""

    def __init__(self, jenkins: Any, begun: list[Act]) -> None:
        super().__init__(jenkins, Inbox(), lambda: T0)
        self._begun = begun

    def ask(self, work: NodeAct, now: datetime) -> None:
        if not self.is_busy_with(work.agent):
            self._begun.append(work.act)
        super().ask(work, now)


class Office:
    """Its desk's threads are not started: what is asked of Jenkins stays under way until it is `done`."""

    def __init__(self, *tasks: Entry) -> None:
        nothing: Any = Nothing()
        nothing.tasks = {task.task_id: task for task in tasks}
        self.books = Books(nothing, lambda _: None)
        self.acts: list[Act] = []
        self.jenkins = Desk(nothing, self.acts)
        self.told: list[Happening] = []
        self.roster = Roster(self.books, self.jenkins, nothing, lambda _: MAVEN, self.told.append)

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


def test_a_node_is_deleted_only_once_two_looks_in_a_row_did_not_find_it() -> None:
    office = Office()
    office.roster.add(AgentRecord("a1", "maven", ("maven",), T0, T0))
    office.turn(0)
    office.turn(1, Acted("a1", Act.CREATE_NODE, secret=AgentSecret("s" * 64)))
    for seconds, nodes in ((2, ()), (3, (Node("a1"),)), (4, ())):
        office.turn(seconds, Looked(at(seconds), nodes=nodes))
        assert office.phase() is Phase.NODE_CREATED
    office.turn(5, Looked(at(5), nodes=()))
    assert office.phase() is Phase.ENDED


def test_a_node_that_was_deleted_before_any_look_saw_it_is_missed() -> None:
    office = Office()
    office.roster.add(AgentRecord("a1", "maven", ("maven",), T0, T0))
    office.turn(0.5, Looked(at(0.5), nodes=()))
    office.turn(1, Acted("a1", Act.CREATE_NODE, secret=AgentSecret("s" * 64)))
    for seconds in (2, 3):
        office.turn(seconds, Looked(at(seconds), nodes=()))
    assert office.phase() is Phase.ENDED


class TestAfterARestartOfJenkins:
    IDLE = Looked(at(110), nodes=(Node("a1", idle_executors=1),))
    FENCED = Looked(at(110), nodes=(Node("a1", offline=True, fenced=True),))

    def office(self) -> Office:
        office = Office(Entry("a1", "a1", "maven", "S", "h", "*", NOTHING, T0, T0, state=TaskState.RUNNING))
        times = {Phase.BUSY.value: at(90), Phase.FENCED.value: at(91)}
        office.roster.add(AgentRecord("a1", "maven", ("maven",), T0, at(91), Phase.FENCED, times=times))
        office.roster.restarted_at = at(100)
        return office

    @pytest.mark.parametrize("starting", [False, True])
    def test_a_fence_that_was_asked_for_is_not_asked_for_again_before_a_later_look(self, starting: bool) -> None:
        office = self.office()
        office.turn(110, self.IDLE)
        assert office.jenkins.is_busy_with("a1")
        office.turn(111, Acted("a1", Act.WITHDRAW, starting=starting))
        assert not office.jenkins.is_busy_with("a1")
        office.turn(112, replace(self.IDLE, began=at(112)))
        assert office.jenkins.is_busy_with("a1")

    def test_nor_is_one_lifted_again(self) -> None:
        office = self.office()
        office.roster.goes_on(frozenset({"a1"}), at(109))
        office.turn(110, self.FENCED)
        assert office.jenkins.is_busy_with("a1")
        office.turn(111, Acted("a1", Act.UNFENCE))
        assert not office.jenkins.is_busy_with("a1")

    def test_who_was_withdrawn_is_set_online_whatever_labels_its_node_has(self) -> None:
        office = self.office()
        office.roster.goes_on(frozenset({"a1"}), at(109))
        labelled = Node("a1", frozenset({"a1", "linux"}), offline=True, fenced=True)
        office.turn(110, Looked(at(110), nodes=(labelled,)))
        office.turn(111, Acted("a1", Act.WITHDRAW))
        office.turn(112, Looked(at(112), nodes=(labelled,)))
        assert office.acts == [Act.WITHDRAW, Act.UNFENCE]

    def test_one_that_was_just_given_its_pipeline_is_not_fenced_because_it_was_idle_before(self) -> None:
        """The nodes are asked before the queue, which its item has left in between."""
        office = self.office()
        office.roster.goes_on(frozenset({"a1"}), at(109))
        office.turn(110.1, self.IDLE)
        office.roster.goes_on(frozenset(), at(110.1))
        office.turn(110.1)
        assert not office.jenkins.is_busy_with("a1")
        office.turn(111, Looked(at(111), nodes=(Node("a1", idle=False, builds=(Build("http://j/job/x/1/", 1),)),)))
        assert office.jenkins.is_busy_with("a1")


def test_a_node_that_became_somebody_elses_keeps_no_agent_waiting() -> None:
    """It is left alone; the agent is gone all the same, and takes up no place under the caps."""
    office = Office()
    office.roster.add(AgentRecord("a1", "maven", ("maven",), T0, T0))
    office.roster.end("a1", Cause.KILLED, "", at(1))
    office.turn(1, Looked(at(0.5), nodes=(Node("a1"),)))
    office.turn(2, Acted("a1", Act.DELETE_NODE, error=NotOurNode("the node 'a1' was not made by us")))
    assert office.phase() is None


class TestRefusals:
    def refused(self, acted: Acted) -> list[tuple[What, str]]:
        office = Office()
        office.roster.add(AgentRecord("a1", "maven", ("maven",), T0, T0))
        office.told.clear()
        office.turn(1, acted)
        return [(one.what, one.text) for one in office.told]

    def test_are_told_as_nothing_else_would_tell_of_them(self) -> None:
        denied = JenkinsDenied("the user of ciprov lacks Agent/Disconnect", way_out="grant it")
        text = "Jenkins does not let ciprov fence it: the user of ciprov lacks Agent/Disconnect; grant it"
        assert self.refused(Acted("a1", Act.FENCE, error=denied)) == [(What.REFUSED, text)]
        assert self.refused(Acted("ciprov-anchor-1", Act.CREATE_NODE, error=denied))

    def test_of_an_agents_own_node_are_told_as_its_end(self) -> None:
        refused = self.refused(Acted("a1", Act.CREATE_NODE, error=JenkinsDenied("no")))
        assert [what for what, _ in refused] == [What.ENDED]

    def test_outages_are_told_elsewhere(self) -> None:
        assert self.refused(Acted("a1", Act.FENCE, error=JenkinsUnavailable("away"))) == []


class TestWhoIsToBeLaunched:
    def office(self, count: int) -> Office:
        office = Office()
        office.roster.jenkins_answers = True
        for number in range(count):
            office.roster.add(AgentRecord(f"a{number}", "maven", ("maven",), T0, T0))
        office.turn(0)
        return office

    def names(self, office: Office) -> tuple[list[str], list[str]]:
        ready, coming = office.roster.to_launch()
        return [record.name for record in ready], [record.name for record in coming]

    def test_those_whose_nodes_are_made(self) -> None:
        office = self.office(2)
        office.turn(1, Acted("a1", Act.CREATE_NODE, secret=AgentSecret("s" * 64)))
        assert self.names(office) == (["a1"], ["a0"])

    def test_nobody_while_jenkins_is_away_as_after_a_start(self) -> None:
        """An agent fetches agent.jar from it. And what an earlier life wanted may be wanted no more."""
        office = self.office(2)
        office.turn(1, Acted("a1", Act.CREATE_NODE, secret=AgentSecret("s" * 64)))
        office.roster.jenkins_answers = False
        assert self.names(office) == ([], [])

    def test_offers_do_not_wait_for_those_who_wait_for_others_themselves(self) -> None:
        office = self.office(70)
        assert len(self.names(office)[1]) == 64
        for number in range(64):
            office.turn(1, Acted(f"a{number}", Act.CREATE_NODE, secret=AgentSecret("s" * 64)))
        ready, coming = self.names(office)
        assert (len(ready), coming) == (64, [])

    def test_nobody_who_is_held_back_or_leaves(self) -> None:
        office = self.office(3)
        office.roster.held_back = frozenset({"a0"})
        office.roster.release("a1", Cause.SURPLUS)
        assert self.names(office) == ([], ["a2"])
