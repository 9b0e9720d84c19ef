"""Which agents are counted on, and when a template's failures are forgotten."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ciprov.agents.record import AgentRecord, Cause, Phase
from ciprov.agents.serving.books import Books
from ciprov.agents.serving.demand_desk import DemandDesk
from ciprov.agents.serving.inbox import Inbox, Looked
from ciprov.agents.serving.jenkins_desk import JenkinsDesk
from ciprov.agents.serving.roster import Roster
from ciprov.agents.template import Limits, Rules, ServiceRules, Template
from ciprov.agents.template_digest import digest
from ciprov.agents.view.happenings import Happening, What
from ciprov.domain.agents import Key
from ciprov.domain.jenkins import Node, QueueItem, Stage
from ciprov.foundation.json import JsonObject
from ciprov.framework.requests import Wanted

T0 = datetime(2026, 1, 1, tzinfo=UTC)
LINUX = Template("linux", ("linux",), Wanted(cpus=1))
RULES = Rules(ServiceRules(anchors=False), (LINUX,))
RULES_OF_ONE = replace(RULES, templates=(replace(LINUX, limits=Limits(most=1)),))
RULES_OF_ONE_IN_ALL = replace(RULES, service=replace(RULES.service, most=1))
ITEM = QueueItem(1, Stage.BUILDABLE, label="linux", since=T0, buildable_since=T0)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


class Nothing:
    """A Mesos without tasks and a store that keeps nothing."""

    def is_confirmed(self, _: str) -> bool:
        return True

    def task(self, _: str) -> None:
        return None

    def load(self) -> Mapping[Key, JsonObject]:
        return {}

    def write(self, put: Mapping[Key, JsonObject], remove: Collection[Key] = ()) -> None:
        pass


class Office:
    def __init__(self, *agents: AgentRecord) -> None:
        nothing: Any = Nothing()
        books = Books(nothing, lambda _: None)
        jenkins = JenkinsDesk(nothing, Inbox(), lambda: T0)
        self.roster = Roster(books, jenkins, nothing, lambda _: LINUX, lambda _: None)
        self.told: list[Happening] = []
        self.desk = DemandDesk(RULES, books, jenkins, self.roster, self.told.append)
        self.desk.recovered(books.read(), T0)
        for agent in agents:
            self.roster.add(agent)

    def look(self, seconds: float) -> int:
        """At an item that waits, and an agent that is offline; gives how many agents there are then."""
        looked = Looked(at(seconds), nodes=(Node("a1", frozenset({"a1", "linux"}), offline=True),), items=(ITEM,))
        self.roster.looked(looked)
        self.desk.looked(looked, at(seconds))
        return len(self.roster.records)


def agent(phase: Phase, *passed: tuple[Phase, float], **more: Any) -> AgentRecord:
    """One that came into `phase` last, and into those that it `passed` at so many seconds."""
    times = {each.value: at(seconds) for each, seconds in passed}
    since = max(times.values(), default=T0)
    return AgentRecord("a1", "linux", ("linux",), T0, since, phase, template_digest=digest(LINUX), times=times, **more)


class TestAnAgentThatLostItsConnection:
    def test_is_counted_on_for_half_a_minute(self) -> None:
        office = Office(agent(Phase.CONNECTING, offline_since=at(0)))
        assert office.look(29) == 1
        assert office.look(31) == 2

    def test_after_a_restart_of_jenkins_from_when_it_answers_again(self) -> None:
        office = Office(agent(Phase.CONNECTING, offline_since=at(0)))
        office.roster.answers_since = at(60)
        assert office.look(89) == 1
        assert office.look(91) == 2

    @pytest.mark.parametrize("rules", [RULES_OF_ONE, RULES_OF_ONE_IN_ALL])
    def test_makes_room_for_another_where_a_cap_is_in_the_way(self, rules: Rules) -> None:
        office = Office(agent(Phase.CONNECTING, offline_since=at(0)))
        office.desk.rules = rules
        assert office.look(29) == 1
        assert office.roster.records["a1"].leaving is None
        assert office.look(31) == 1
        assert office.roster.records["a1"].leaving is Cause.DISCONNECTED

    def test_one_that_never_was_connected_is_on_its_way(self) -> None:
        assert Office(agent(Phase.CONNECTING)).look(91) == 1


class TestAnAgentThatSeemsIdle:
    def leaving(
        self, online: float, looked_at: float, restarted_at: datetime | None, rules: Rules = RULES
    ) -> Cause | None:
        made_of = digest(rules.templates[0])
        there = agent(Phase.ONLINE, (Phase.LAUNCHED, online - 1), (Phase.ONLINE, online))
        office = Office(replace(there, template_digest=made_of))
        office.desk.rules = rules
        office.roster.restarted_at = restarted_at
        looked = Looked(at(looked_at), nodes=(Node("a1", frozenset({"a1", "linux"}), idle_executors=1),), items=())
        office.roster.looked(looked)
        office.desk.looked(looked, at(looked_at))
        return office.roster.records["a1"].leaving

    def test_is_sent_away_after_its_time(self) -> None:
        assert self.leaving(0, 200, None) is Cause.IDLE

    def test_stays_for_a_while_after_jenkins_restarted(self) -> None:
        """A pipeline may have come to it while this service was away, and go on there in a moment."""
        assert self.leaving(0, 200, at(171)) is None
        assert self.leaving(0, 202, at(171)) is Cause.IDLE

    def test_is_sent_away_as_ever_where_it_came_after_the_restart(self) -> None:
        short = replace(RULES, templates=(replace(LINUX, limits=Limits(idle_s=5)),))
        assert self.leaving(172, 180, at(171), short) is Cause.IDLE


class TestFailures:
    def office(self) -> Office:
        office = Office()
        office.roster.jenkins_answers, office.roster.answers_since = True, T0
        failed = agent(Phase.ENDED, (Phase.LAUNCHED, 1), (Phase.ENDED, 2), cause=Cause.TASK_FAILED)
        office.desk.moved_on(failed, at(2))
        assert office.desk.pauses(at(2))
        return office

    @pytest.mark.parametrize(
        "good",
        [
            agent(Phase.ONLINE, (Phase.LAUNCHED, 4), (Phase.ONLINE, 5)),
            agent(Phase.BUSY, (Phase.LAUNCHED, 4), (Phase.BUSY, 5)),
            agent(Phase.FENCED, (Phase.LAUNCHED, 4), (Phase.BUSY, 5), (Phase.FENCED, 5)),
        ],
        ids=lambda record: record.phase.value,
    )
    def test_are_forgotten_once_an_agent_works_however_quickly(self, good: AgentRecord) -> None:
        office = self.office()
        office.desk.moved_on(good, at(5))
        assert not office.desk.pauses(at(2))

    @pytest.mark.parametrize("phase", [Phase.FENCED, Phase.ENDED, Phase.REMOVED])
    def test_are_not_forgotten_as_an_agent_from_before_them_ends_its_build(self, phase: Phase) -> None:
        office = self.office()
        office.desk.moved_on(agent(phase, (Phase.ONLINE, 0), (Phase.BUSY, 0.5), (phase, 9), cause=Cause.DONE), at(9))
        assert office.desk.pauses(at(2))

    @pytest.mark.parametrize(("answers", "since"), [(False, 0), (True, 3)])
    def test_are_not_counted_where_jenkins_was_away_since_the_launch(self, answers: bool, since: float) -> None:
        office = Office()
        office.roster.jenkins_answers, office.roster.answers_since = answers, at(since)
        failed = agent(Phase.ENDED, (Phase.LAUNCHED, 2), (Phase.ENDED, 4), cause=Cause.TASK_FAILED)
        office.desk.moved_on(failed, at(4))
        assert not office.desk.pauses(at(4))

    def test_are_not_counted_again_when_the_agent_is_removed(self) -> None:
        office = self.office()
        (before,) = office.desk.pauses(at(2)).values()
        gone = agent(Phase.ENDED, (Phase.LAUNCHED, 4), (Phase.ENDED, 5), cause=Cause.TASK_FAILED)
        office.desk.moved_on(replace(gone, phase=Phase.REMOVED, since=at(6)), at(6))
        (after,) = office.desk.pauses(at(2)).values()
        assert after == before

    @pytest.mark.parametrize(
        ("rules", "resumed"),
        [
            (replace(RULES, templates=(replace(LINUX, labels=("linux", "new")),)), ["linux"]),
            (replace(RULES, templates=(replace(LINUX, name="other"),)), []),
        ],
        ids=["changed", "removed"],
    )
    def test_a_template_is_told_to_be_tried_again_if_it_is_still_there(self, rules: Rules, resumed: list[str]) -> None:
        office = self.office()
        office.desk.follow(rules, at(2.5))
        assert not office.desk.pauses(at(2.5))
        assert [one.template for one in office.told if one.what is What.RESUMED] == resumed


def test_orders_tell_for_which_templates_they_change_anything() -> None:
    office, linux = Office(), frozenset({"linux"})
    desk = office.desk
    assert [desk.undrain(linux), desk.drain(linux), desk.drain(linux)] == [set(), linux, set()]
    assert desk.undrain(linux) == linux
    office.roster.jenkins_answers, office.roster.answers_since = True, at(0)
    desk.moved_on(agent(Phase.ENDED, (Phase.LAUNCHED, 1), (Phase.ENDED, 2), cause=Cause.TASK_FAILED), at(2))
    assert [desk.resume(linux, at(2)), desk.resume(linux, at(2))] == [linux, set()]
    assert not desk.follow(RULES, at(3))
    assert desk.follow(RULES_OF_ONE, at(3)).adjusted == ("linux",)
