"""The life of an agent: the table, and every awkward case by its name."""

from __future__ import annotations

from dataclasses import replace

import pytest
from agent_life import (
    BUSY,
    FENCED_BUSY,
    FENCED_IDLE,
    IDLE,
    MAVEN,
    OFFLINE,
    RUNNING,
    STARTING,
    agent,
    at,
    look,
    task,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from ciprov.agents.lifecycle import (
    TRANSITIONS,
    Act,
    BadTransition,
    Seen,
    advance,
    ended,
    moved,
)
from ciprov.agents.record import FAILURES, Cause, Phase, decode, encode
from ciprov.domain.jenkins import Build
from ciprov.framework.ledger.transitions import TaskState


class TestTheUsualWay:
    def test_from_wanted_to_gone(self) -> None:
        step = advance(agent(), Seen(), MAVEN, at(0))
        assert step.acts == (Act.CREATE_NODE,)
        step = advance(step.record, Seen(created=True), MAVEN, at(0.1))
        assert (step.record.phase, step.acts) == (Phase.NODE_CREATED, ())
        step = advance(step.record, Seen(created=True, task=task(TaskState.LAUNCHED)), MAVEN, at(0.2))
        assert step.record.phase is Phase.LAUNCHED
        step = look(step.record, 0.3, OFFLINE)
        assert step.record.phase is Phase.CONNECTING
        step = look(step.record, 0.7, IDLE)
        assert (step.record.phase, step.acts) == (Phase.ONLINE, ())
        step = look(step.record, 0.9, BUSY)
        assert (step.record.phase, step.acts) == (Phase.BUSY, (Act.FENCE,))
        step = look(step.record, 1.0, FENCED_BUSY)
        assert (step.record.phase, step.acts) == (Phase.FENCED, ())
        assert step.record.builds == ("http://j/job/x/1/",)
        step = look(step.record, 9.0, FENCED_IDLE)
        assert (step.record.phase, step.record.cause) == (Phase.ENDED, Cause.DONE)
        assert step.acts == (Act.DELETE_NODE, Act.STOP_TASK)
        step = look(step.record, 9.5, None, task(TaskState.ENDED))
        assert step.record.phase is Phase.REMOVED
        assert step.record.times.keys() == {phase.value for phase in Phase}

    def test_the_signal_of_its_task_is_as_good_as_a_look(self) -> None:
        step = look(agent(Phase.CONNECTING), 1, OFFLINE, signalled=True)
        assert (step.record.phase, step.acts) == (Phase.BUSY, (Act.FENCE,))

    def test_a_fence_that_jenkins_confirmed_needs_no_look(self) -> None:
        step = advance(agent(Phase.BUSY), Seen(task=RUNNING, fenced=True), MAVEN, at(1))
        assert step.record.phase is Phase.FENCED

    def test_what_is_not_seen_yet_is_asked_again(self) -> None:
        for record, act in ((agent(), Act.CREATE_NODE), (agent(Phase.BUSY), Act.FENCE)):
            assert act in look(record, 1, BUSY if record.phase is Phase.BUSY else None).acts
            assert act in look(record, 2, BUSY if record.phase is Phase.BUSY else None).acts


class TestBeforeItConnects:
    def test_its_task_dies(self) -> None:
        step = look(agent(Phase.LAUNCHED), 1, OFFLINE, task(TaskState.ENDED, outcome="TASK_FAILED", message="no java"))
        assert (step.record.phase, step.record.cause) == (Phase.ENDED, Cause.TASK_FAILED)
        assert step.record.detail == "TASK_FAILED: no java"
        assert step.acts == (Act.DELETE_NODE,)

    def test_its_launch_was_never_sent(self) -> None:
        step = look(agent(Phase.NODE_CREATED), 1, OFFLINE, task(TaskState.ENDED, outcome="NOT_SENT"), created=True)
        assert (step.record.phase, step.record.cause) == (Phase.ENDED, Cause.NOT_LAUNCHED)

    @pytest.mark.parametrize(
        ("outcome", "reason", "certain", "cause"),
        [
            ("TASK_DROPPED", "REASON_INVALID_OFFERS", False, Cause.LAUNCH_LOST),
            ("TASK_GONE", "REASON_RECONCILIATION", False, Cause.LAUNCH_LOST),
            ("TASK_KILLED", "REASON_AGENT_DRAINING", True, Cause.LAUNCH_LOST),
            ("TASK_FAILED", "REASON_AGENT_REREGISTERED", True, Cause.LAUNCH_LOST),
            ("FRAMEWORK_REMOVED", "the framework was removed", False, Cause.LAUNCH_LOST),
            ("TASK_FAILED", "REASON_RECONCILIATION", True, Cause.TASK_FAILED),
            ("TASK_ERROR", "REASON_TASK_INVALID", True, Cause.TASK_FAILED),
            ("TASK_DROPPED", "REASON_INVALID_FRAMEWORKID", False, Cause.TASK_FAILED),
        ],
    )
    def test_its_task_is_lost_before_it_connects(self, outcome: str, reason: str, certain: bool, cause: Cause) -> None:
        """Which is no fault of its template where Mesos is to blame."""
        ended = task(TaskState.ENDED, outcome=outcome, reason=reason, certain=certain)
        assert look(agent(Phase.CONNECTING), 1, OFFLINE, ended).record.cause is cause
        assert (cause in FAILURES) == (cause is not Cause.LAUNCH_LOST)

    def test_its_end_is_told_also_where_nothing_is_left_of_it(self) -> None:
        step = look(agent(Phase.CONNECTING), 1, None, task(TaskState.ENDED, outcome="TASK_FAILED"), deleted=True)
        assert step.record.phase is Phase.ENDED
        assert look(step.record, 2, None, task(TaskState.ENDED), deleted=True).record.phase is Phase.REMOVED

    def test_too_late_it_is_fenced_first_as_it_may_connect_this_very_moment(self) -> None:
        late = look(agent(Phase.CONNECTING), 121, OFFLINE)
        assert (late.record.phase, late.record.leaving, late.acts) == (
            Phase.CONNECTING,
            Cause.NOT_CONNECTED,
            (Act.WITHDRAW,),
        )
        step = look(late.record, 122, FENCED_IDLE)
        assert step.record.phase is Phase.FENCED
        step = look(step.record, 123, FENCED_IDLE)
        assert (step.record.phase, step.record.cause) == (Phase.ENDED, Cause.NOT_CONNECTED)

    def test_a_look_from_before_the_deadline_does_not_make_it_late(self) -> None:
        seen = Seen(task=RUNNING, node=OFFLINE, looked_at=at(119))
        assert advance(agent(Phase.CONNECTING), seen, MAVEN, at(121)).record.leaving is None

    def test_connected_after_the_time_out_its_build_is_let_finish(self) -> None:
        late = look(agent(Phase.CONNECTING), 121, OFFLINE)
        step = look(late.record, 122, BUSY)
        assert (step.record.phase, step.acts) == (Phase.BUSY, (Act.FENCE,))
        step = look(look(step.record, 123, FENCED_BUSY).record, 130, FENCED_IDLE)
        assert step.record.cause is Cause.DONE

    def test_somebody_deletes_its_node(self) -> None:
        for phase in (Phase.NODE_CREATED, Phase.LAUNCHED, Phase.CONNECTING, Phase.ONLINE, Phase.BUSY, Phase.FENCED):
            entry = None if phase is Phase.NODE_CREATED else RUNNING
            step = look(agent(phase), 2, None, entry, created=True, missed_at=at(1))
            assert (step.record.phase, step.record.cause) == (Phase.ENDED, Cause.NODE_DELETED), phase

    def test_one_look_that_does_not_find_its_node_proves_nothing(self) -> None:
        """Jenkins leaves a node out where the cause of its being offline changes while it answers."""
        for phase in (Phase.NODE_CREATED, Phase.LAUNCHED, Phase.CONNECTING, Phase.ONLINE, Phase.BUSY, Phase.FENCED):
            entry = None if phase is Phase.NODE_CREATED else RUNNING
            step = look(agent(phase), 1, None, entry, created=True, missed_at=at(1))
            assert step.record.phase not in {Phase.ENDED, Phase.REMOVED}, phase

    def test_a_look_from_before_its_node_was_made_says_nothing(self) -> None:
        record = agent(Phase.NODE_CREATED, since=5)
        step = advance(record, Seen(looked_at=at(6), missed_at=at(4), created=True), MAVEN, at(6))
        assert step.record is record

    def test_it_is_not_wanted_any_more(self) -> None:
        step = advance(agent(leaving=Cause.SURPLUS), Seen(), MAVEN, at(1))
        assert (step.record.phase, step.record.cause) == (Phase.ENDED, Cause.SURPLUS)
        step = advance(agent(Phase.NODE_CREATED, leaving=Cause.SURPLUS), Seen(created=True), MAVEN, at(1))
        assert (step.record.phase, step.record.cause) == (Phase.ENDED, Cause.SURPLUS)


class TestRestarts:
    def test_of_the_service_with_a_node_whose_secret_is_not_at_hand(self) -> None:
        assert look(agent(Phase.NODE_CREATED), 1, OFFLINE, None).acts == (Act.CREATE_NODE,)

    def test_of_the_service_after_an_intent_was_written(self) -> None:
        step = look(agent(Phase.NODE_CREATED), 1, OFFLINE, task(TaskState.LAUNCHED))
        assert step.record.phase is Phase.LAUNCHED

    def test_of_jenkins_the_agent_comes_back(self) -> None:
        step = look(agent(Phase.ONLINE), 1, OFFLINE)
        assert (step.record.phase, step.record.offline_since) == (Phase.CONNECTING, at(1))
        back = look(step.record, 200, IDLE)
        assert (back.record.phase, back.record.offline_since) == (Phase.ONLINE, None)

    def test_of_jenkins_the_agent_does_not_come_back(self) -> None:
        step = look(look(agent(Phase.ONLINE), 1, OFFLINE).record, 302, OFFLINE)
        assert step.record.leaving is Cause.DISCONNECTED

    def test_of_jenkins_without_its_node(self) -> None:
        assert look(agent(Phase.FENCED), 2, None, missed_at=at(1)).record.cause is Cause.NODE_DELETED


class TestItsHost:
    def test_out_of_reach_its_build_is_waited_for(self) -> None:
        away = task(TaskState.UNREACHABLE, since=1)
        record = agent(Phase.FENCED)
        assert look(record, 600, FENCED_BUSY, away).record.phase is Phase.FENCED
        step = look(record, 601, FENCED_BUSY, away)
        assert (step.record.phase, step.record.cause) == (Phase.ENDED, Cause.HOST_LOST)
        assert step.acts == (Act.DELETE_NODE, Act.STOP_TASK)

    def test_what_an_earlier_life_heard_ends_nothing_as_the_host_may_be_back(self) -> None:
        away = task(TaskState.UNREACHABLE, since=1)
        assert look(agent(Phase.FENCED), 9999, FENCED_BUSY, away, confirmed=False).record.phase is Phase.FENCED

    def test_gone_under_a_build(self) -> None:
        step = look(agent(Phase.BUSY), 1, BUSY, task(TaskState.ENDED, outcome="TASK_GONE"))
        assert (step.record.phase, step.record.cause) == (Phase.ENDED, Cause.TASK_DIED)

    def test_its_task_ends_after_its_build(self) -> None:
        step = look(agent(Phase.FENCED), 1, FENCED_IDLE, task(TaskState.ENDED, outcome="TASK_FINISHED"))
        assert step.record.cause is Cause.DONE


class TestSentAwayWhileIdle:
    def test_fenced_first_and_gone_once_a_later_look_finds_it_idle(self) -> None:
        step = look(agent(Phase.ONLINE, leaving=Cause.IDLE), 1, IDLE)
        assert (step.record.phase, step.acts) == (Phase.ONLINE, (Act.WITHDRAW,))
        step = look(step.record, 2, IDLE, fenced=True)
        assert step.record.phase is Phase.FENCED
        step = look(step.record, 3, FENCED_IDLE, fenced=True)
        assert (step.record.phase, step.record.cause) == (Phase.ENDED, Cause.IDLE)

    def test_a_build_that_slips_in_is_let_finish(self) -> None:
        record = agent(Phase.FENCED, since=2, leaving=Cause.IDLE)
        step = look(record, 3, FENCED_BUSY, fenced=True)
        assert step.record.phase is Phase.FENCED
        assert look(step.record, 9, FENCED_IDLE).record.cause is Cause.DONE

    def test_a_look_that_began_before_the_fence_does_not_count(self) -> None:
        record = agent(Phase.FENCED, since=2, leaving=Cause.IDLE)
        seen = Seen(task=RUNNING, node=FENCED_IDLE, looked_at=at(1))
        assert advance(record, seen, MAVEN, at(3)).record.phase is Phase.FENCED


class TestFences:
    def test_somebody_sets_it_online_again(self) -> None:
        step = look(agent(Phase.FENCED), 1, BUSY)
        assert (step.record.phase, step.acts) == (Phase.FENCED, (Act.FENCE,))
        idle = look(agent(Phase.FENCED), 1, IDLE)
        assert (idle.record.phase, idle.acts) == (Phase.FENCED, (Act.WITHDRAW,))

    def test_somebody_sets_an_idle_one_offline(self) -> None:
        """Or Jenkins does: it gets no build any more, and goes when an idle one would."""
        full = replace(FENCED_IDLE, offline_reason="Disk space is too low")
        assert look(agent(Phase.ONLINE), 59, full).acts == ()
        step = look(agent(Phase.ONLINE), 61, full)
        assert (step.record.phase, step.record.leaving) == (Phase.ONLINE, Cause.IDLE)
        assert step.record.detail == "its node was set offline: Disk space is too low"
        step = look(look(step.record, 62, FENCED_IDLE).record, 63, FENCED_IDLE)
        assert (step.record.phase, step.record.cause) == (Phase.ENDED, Cause.IDLE)
        assert look(agent(Phase.ONLINE), 61, FENCED_BUSY).record.phase is Phase.FENCED

    def test_a_second_build_is_counted(self) -> None:
        record = agent(Phase.BUSY, builds=("http://j/job/x/1/",))
        other = replace(BUSY, builds=(Build("http://j/job/y/7/", 7),))
        assert look(record, 1, other).record.leaks == 1
        assert look(record, 1, BUSY).record.leaks == 0

    def test_so_is_one_that_only_its_task_told_of(self) -> None:
        record = agent(Phase.FENCED, builds=("http://j/job/x/1/",))
        assert look(record, 1, FENCED_BUSY, signalled=True, jobs_told=2).record.leaks == 1
        assert look(record, 1, FENCED_BUSY, signalled=True, jobs_told=1).record.leaks == 0


class TestTheEnd:
    def test_a_look_from_before_the_end_does_not_prove_that_the_node_is_gone(self) -> None:
        record = replace(agent(Phase.ENDED, since=5), cause=Cause.DONE)
        seen = Seen(task=task(TaskState.ENDED), node=None, looked_at=at(4))
        assert advance(record, seen, MAVEN, at(6)).acts == (Act.DELETE_NODE,)

    def test_a_task_that_runs_keeps_it(self) -> None:
        record = replace(agent(Phase.ENDED), cause=Cause.DONE)
        step = look(record, 1, None, RUNNING, deleted=True)
        assert (step.record.phase, step.acts) == (Phase.ENDED, (Act.STOP_TASK,))

    def test_what_ended_stays_so(self) -> None:
        record = replace(agent(Phase.ENDED), cause=Cause.DONE)
        assert ended(record, Cause.KILLED, "", at(1)) is record


def test_the_table_refuses_what_it_does_not_have() -> None:
    for phase in Phase:
        for other in set(Phase) - TRANSITIONS[phase]:
            with pytest.raises(BadTransition):
                moved(agent(phase), other, at(1))


NODES = st.sampled_from([None, OFFLINE, IDLE, STARTING, BUSY, FENCED_IDLE, FENCED_BUSY])
TASKS = st.none() | st.builds(task, st.sampled_from(list(TaskState)))
SEEN = st.builds(
    Seen,
    task=TASKS,
    node=NODES,
    looked_at=st.none() | st.integers(-100, 2000).map(at),
    missed_at=st.none() | st.integers(-100, 2000).map(at),
    created=st.booleans(),
    fenced=st.booleans(),
    deleted=st.booleans(),
    signalled=st.booleans(),
    restarted_at=st.none() | st.integers(-100, 2000).map(at),
    resumed=st.booleans(),
)


@given(st.lists(st.tuples(SEEN, st.sampled_from([None, *Cause])), max_size=12))
@settings(max_examples=60, deadline=None)
def test_whatever_is_seen_it_obeys_the_table_and_can_be_taken_away(steps: list[tuple[Seen, Cause | None]]) -> None:
    record = agent()
    for number, (seen, leaving) in enumerate(steps):
        if leaving is not None and record.phase not in {Phase.ENDED, Phase.REMOVED}:
            record = replace(record, leaving=leaving)
        before = record.phase
        step = advance(record, seen, MAVEN, at(number))
        record = step.record
        assert not {Act.FENCE, Act.UNFENCE} <= set(step.acts)
        assert record.phase is before or _reachable(before, record.phase)
        assert decode(encode(record)) == record
    if record.phase is not Phase.REMOVED:
        record = ended(record, Cause.KILLED, "", at(3000))
        gone = advance(record, Seen(task=task(TaskState.ENDED), deleted=True), MAVEN, at(3001))
        assert gone.record.phase is Phase.REMOVED


def _reachable(begin: Phase, end: Phase) -> bool:
    found: set[Phase] = set()
    todo = [begin]
    while todo:
        for phase in TRANSITIONS[todo.pop()] - found:
            found.add(phase)
            todo.append(phase)
    return end in found


def test_one_whose_host_is_out_of_reach_did_not_fail_by_itself() -> None:
    unreachable = task(TaskState.UNREACHABLE, since=10)
    assert look(agent(Phase.CONNECTING), 121, OFFLINE, unreachable).record.leaving is Cause.LAUNCH_LOST


def test_the_time_in_which_jenkins_was_away_is_nobodys_fault() -> None:
    seen = Seen(task=RUNNING, node=OFFLINE, looked_at=at(500), answers_since=at(499))
    assert advance(agent(Phase.CONNECTING), seen, MAVEN, at(500)).record.leaving is None
    later = replace(seen, looked_at=at(620))
    assert advance(agent(Phase.CONNECTING), later, MAVEN, at(620)).record.leaving is Cause.NOT_CONNECTED
