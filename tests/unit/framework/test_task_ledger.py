"""The ledger: what is written, sent, acknowledged and killed, and in which order."""

from datetime import timedelta
from pathlib import Path

import pytest
from framework_examples import NOW, launch_of, status

from ciprov.framework.ledger import book
from ciprov.framework.ledger.effects import Acknowledge, Ended, Kill, Persist, SendLaunch
from ciprov.framework.ledger.entry import decode, encode
from ciprov.framework.ledger.status import SEEN, TaskStatus
from ciprov.framework.ledger.transitions import TRANSITIONS, Seen, TaskState, describe
from ciprov.framework.ledger.upkeep import Patience, kept_up

LATER = NOW + timedelta(seconds=60)


def task_of(placement):
    return f"t-{placement.request_id}"


def told(*states, ledger=None):
    """A ledger with the launched task `t-q`, of which Mesos told these states."""
    ledger = ledger or book.sent(book.intend(book.Ledger(), [launch_of("q")], task_of, NOW).ledger, ["t-q"], NOW).ledger
    for state in states:
        ledger = book.updated(ledger, status("t-q", state), NOW).ledger
    return ledger


def texts(step):
    return [str(effect) for effect in step.effects]


def test_all_launches_are_written_before_any_is_sent():
    launches = [launch_of("q", "r"), launch_of("s", host="b", offer_id="o2")]
    step = book.intend(book.Ledger(), launches, task_of, NOW)
    assert texts(step) == [
        "persist t-q intended, t-r intended, t-s intended",
        "send launch q, r on a from o1",
        "send launch s on b from o2",
    ]
    assert step.effects[1].task_ids == ("t-q", "t-r")
    assert [task.request_id for task in step.ledger.placed()] == ["q", "r", "s"]


def test_a_task_id_is_never_used_twice_not_even_after_the_end():
    for ledger in (told("RUNNING"), told("FINISHED")):
        with pytest.raises(book.LaunchedTwice, match="t-q was launched before"):
            book.intend(ledger, [launch_of("q")], task_of, NOW)
    with pytest.raises(book.LaunchedTwice):
        book.intend(book.Ledger(), [launch_of("q", "r")], lambda _: "same", NOW)


def test_nothing_to_launch_does_nothing():
    assert book.intend(book.Ledger(), [], task_of, NOW).effects == ()


def test_an_update_is_written_before_it_is_acknowledged():
    step = book.updated(told(), status("t-q", "RUNNING", uuid="u1"), LATER)
    assert texts(step) == ["persist t-q running", "acknowledge t-q u1"]
    assert step.ledger.entries["t-q"].since == LATER


def test_an_update_that_changes_nothing_is_acknowledged_again_and_not_written():
    step = book.updated(told("RUNNING"), status("t-q", "STARTING", uuid="u0"), LATER)
    assert step.effects == (Acknowledge("t-q", "agent-a", "u0"),)


def test_an_update_without_uuid_is_not_acknowledged():
    step = book.updated(told(), status("t-q", "STAGING", reason="REASON_RECONCILIATION"), NOW)
    assert texts(step) == ["persist t-q staging"]


def test_the_end_is_told_once_with_mesos_own_words():
    ledger = told("RUNNING")
    failed = TaskStatus("t-q", "TASK_FAILED", "agent-a", "u9", "REASON_CONTAINER_LAUNCH_FAILED", "no such image")
    first = book.updated(ledger, failed, NOW)
    assert texts(first) == ["persist t-q ended", "acknowledge t-q u9", "t-q ended: TASK_FAILED"]
    entry = first.ledger.entries["t-q"]
    assert (entry.reason, entry.message, entry.certain) == ("REASON_CONTAINER_LAUNCH_FAILED", "no such image", True)
    assert book.updated(first.ledger, failed, NOW).effects == (Acknowledge("t-q", "agent-a", "u9"),)


def test_a_task_of_which_nothing_is_known_is_an_orphan_and_killed_if_it_lives():
    alive = book.updated(book.Ledger(), status("x", "RUNNING", uuid="u"), NOW)
    assert texts(alive) == ["acknowledge x u", "kill x: it is not in the ledger"]
    assert book.updated(book.Ledger(), status("x", "FINISHED", uuid="u"), NOW).effects == (
        Acknowledge("x", "agent-a", "u"),
    )
    assert book.updated(book.Ledger(), status("x", "UNREACHABLE"), NOW).effects == ()


@pytest.mark.parametrize("end", ["LOST", "GONE", "GONE_BY_OPERATOR", "DROPPED", "UNKNOWN"])
def test_what_comes_back_after_an_uncertain_end_is_killed_and_stays_ended(end):
    step = book.updated(told("RUNNING", end), status("t-q", "RUNNING"), NOW)
    assert texts(step) == ["kill t-q: it was thought to have ended"]
    assert step.ledger.entries["t-q"].ended
    assert book.updated(step.ledger, status("t-q", "UNREACHABLE"), NOW).effects == ()
    assert book.updated(step.ledger, status("t-q", "GONE" if end == "LOST" else "LOST"), NOW).effects == ()
    certain = book.updated(step.ledger, status("t-q", "KILLED", uuid="u"), NOW)
    assert texts(certain) == ["persist t-q ended", "acknowledge t-q u"]
    assert certain.ledger.entries["t-q"].outcome == "TASK_KILLED"


def test_after_a_certain_end_a_late_update_is_only_acknowledged():
    assert texts(book.updated(told("FINISHED"), status("t-q", "RUNNING", uuid="u"), NOW)) == ["acknowledge t-q u"]


def test_an_unreachable_task_may_come_back_and_is_killed_then_if_that_was_asked_meanwhile():
    away = told("RUNNING", "UNREACHABLE")
    assert book.updated(away, status("t-q", "RUNNING"), NOW).ledger.entries["t-q"].state is TaskState.RUNNING
    asked = book.stop(away, ["t-q"], NOW).ledger
    assert texts(book.updated(asked, status("t-q", "RUNNING"), NOW)) == [
        "persist t-q running",
        "kill t-q: it was asked to end",
    ]


def test_a_task_is_asked_to_end_once_and_the_wish_is_written_first():
    step = book.stop(told("RUNNING"), ["t-q", "t-q", "unknown"], NOW)
    assert texts(step) == ["persist t-q running", "kill t-q: it was asked to end"]
    assert book.stop(step.ledger, ["t-q"], NOW).effects == ()
    assert book.stop(told("FINISHED"), ["t-q"], NOW).effects == ()


def test_a_wish_to_end_that_comes_before_the_launch_is_sent_is_granted_right_after():
    intended = book.intend(book.Ledger(), [launch_of("q")], task_of, NOW).ledger
    stopped = book.stop(intended, ["t-q"], NOW)
    assert texts(stopped) == ["persist t-q intended"]
    assert texts(book.sent(stopped.ledger, ["t-q"], NOW)) == ["kill t-q: it was asked to end"]


def test_a_launch_that_was_not_sent_ends_there_but_not_one_of_which_mesos_has_told():
    intended = book.intend(book.Ledger(), [launch_of("q")], task_of, NOW).ledger
    step = book.not_sent(intended, ["t-q"], "connection refused", NOW)
    assert texts(step) == ["persist t-q ended", "t-q ended: NOT_SENT"]
    assert book.not_sent(told("STAGING"), ["t-q"], "connection refused", NOW).effects == ()


def test_an_update_may_come_before_it_is_known_that_the_launch_was_sent():
    intended = book.intend(book.Ledger(), [launch_of("q")], task_of, NOW).ledger
    running = told("RUNNING", ledger=intended)
    assert book.sent(running, ["t-q"], NOW).ledger.entries["t-q"].state is TaskState.RUNNING


def test_after_a_restart_an_intended_launch_counts_as_launched_and_wishes_to_end_are_repeated():
    ledger = book.intend(book.Ledger(), [launch_of("q", "r")], task_of, NOW).ledger
    ledger = book.stop(ledger, ["t-r"], NOW).ledger
    step = book.recovered([decode(encode(entry)) for entry in ledger.entries.values()], LATER)
    assert texts(step) == ["kill t-r: it was asked to end"]
    assert {entry.state for entry in step.ledger.live()} == {TaskState.LAUNCHED}
    assert not any(isinstance(effect, SendLaunch) for effect in step.effects)


def test_when_the_framework_is_removed_all_its_tasks_have_ended():
    step = book.torn_down(told("RUNNING"), NOW)
    assert texts(step) == ["persist t-q ended", "t-q ended: FRAMEWORK_REMOVED"]


def test_an_entry_survives_the_store_as_it_is():
    ledger = book.stop(told("RUNNING"), ["t-q"], LATER).ledger
    assert decode(encode(ledger.entries["t-q"])) == ledger.entries["t-q"]


def test_a_kill_that_is_not_heard_is_repeated_ever_more_rarely():
    ledger = book.stop(told("RUNNING"), ["t-q"], NOW).ledger
    killed_after = []
    for second in range(1, 100):
        step = kept_up(ledger, Patience(), NOW + timedelta(seconds=second))
        ledger = step.ledger
        killed_after += [second for effect in step.effects if isinstance(effect, Kill)]
    assert killed_after == [5, 15, 35, 75]


def test_a_task_that_does_not_die_for_weeks_is_killed_all_the_same():
    ledger = book.stop(told("RUNNING"), ["t-q"], NOW).ledger
    for count in range(5000):
        ledger = kept_up(ledger, Patience(), NOW + timedelta(seconds=300 * count)).ledger
    assert ledger.entries["t-q"].kills > 4900


def test_what_is_out_of_reach_for_too_long_is_given_up_and_killed_when_it_comes_back():
    assert kept_up(told("RUNNING"), Patience(), NOW + timedelta(days=9)).effects == ()
    away = told("RUNNING", "UNREACHABLE")
    assert kept_up(away, Patience(), NOW + timedelta(seconds=899)).effects == ()
    assert kept_up(away, Patience(), NOW + timedelta(seconds=900), {"t-q"}).effects == ()
    step = kept_up(away, Patience(), NOW + timedelta(seconds=900))
    assert texts(step) == ["persist t-q ended", "t-q ended: GIVEN_UP"]
    assert isinstance(book.updated(step.ledger, status("t-q", "RUNNING"), LATER).effects[-1], Kill)


def test_what_ended_is_forgotten_after_a_while():
    ledger = told("FINISHED")
    assert kept_up(ledger, Patience(), NOW + timedelta(seconds=3599)).effects == ()
    step = kept_up(ledger, Patience(), NOW + timedelta(seconds=3600))
    assert (texts(step), step.ledger.entries) == (["forget t-q"], {})


@pytest.mark.parametrize("state", TaskState)
@pytest.mark.parametrize("seen", Seen)
def test_the_table_answers_everything_and_never_leads_back(state, seen):
    order = list(TaskState)
    after = TRANSITIONS[state][seen]
    if after is not state:
        assert order.index(after) > order.index(state) or state is TaskState.UNREACHABLE
    assert state is not TaskState.ENDED or after is TaskState.ENDED


def test_every_state_of_mesos_is_in_the_table():
    assert set(SEEN.values()) == set(Seen) - {Seen.SENT, Seen.NOT_SENT, Seen.RECOVERED, Seen.GIVEN_UP}


def test_the_table_in_the_documents_is_the_table():
    assert describe() in (Path(__file__).resolve().parents[3] / "docs" / "framework.md").read_text()


def test_effects_that_depend_on_the_store_come_after_it():
    for step in (
        book.intend(book.Ledger(), [launch_of("q")], task_of, NOW),
        book.updated(told(), status("t-q", "FINISHED", uuid="u"), NOW),
        book.stop(told("RUNNING"), ["t-q"], NOW),
        book.give_up(told("UNREACHABLE"), ["t-q"], "enough", NOW),
    ):
        assert isinstance(step.effects[0], Persist)
        assert {type(effect) for effect in step.effects[1:]} <= {SendLaunch, Acknowledge, Kill, Ended}
        assert len(step.effects) > 1
