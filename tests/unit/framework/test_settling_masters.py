"""What a master says that has only just taken over, and may not have heard of its agents yet."""

from __future__ import annotations

from datetime import timedelta

import pytest
from framework_examples import NOW, launch_of, status

from ciprov.framework import reconciliation
from ciprov.framework.ledger import book
from ciprov.framework.ledger.status import TaskStatus

SOON, LATE = NOW + timedelta(seconds=5), NOW + timedelta(seconds=reconciliation.SETTLING_S)
UNKNOWN = TaskStatus("t-q", "TASK_UNKNOWN", "agent-a", reason="REASON_RECONCILIATION")


def ledger(*states: str) -> book.Ledger:
    found = book.sent(book.intend(book.Ledger(), [launch_of("q")], lambda _: "t-q", NOW).ledger, ["t-q"], NOW).ledger
    for state in states:
        found = book.updated(found, status("t-q", state), NOW).ledger
    return found


def test_a_task_that_was_seen_is_not_given_up_before_the_master_has_settled() -> None:
    running = ledger("RUNNING")
    begun = reconciliation.registered(running, NOW)
    assert reconciliation.is_premature(begun, running, UNKNOWN, SOON)
    assert not reconciliation.is_premature(begun, running, UNKNOWN, LATE)


def test_nor_is_one_that_began_while_the_master_before_it_went() -> None:
    unheard = ledger()
    begun = reconciliation.registered(unheard, NOW + timedelta(seconds=1))
    assert reconciliation.is_premature(begun, unheard, UNKNOWN, SOON)
    assert not reconciliation.is_premature(begun, unheard, UNKNOWN, LATE + timedelta(seconds=1))


def test_one_launched_with_this_master_that_it_does_not_know_never_was() -> None:
    unheard = ledger()
    begun = reconciliation.registered(book.Ledger(), NOW - timedelta(seconds=1))
    assert not reconciliation.is_premature(begun, unheard, UNKNOWN, SOON)


def test_it_is_asked_about_again_until_then() -> None:
    running = ledger("RUNNING")
    current, asked = reconciliation.registered(running, NOW), []
    for second in range(int(reconciliation.SETTLING_S) + 4):
        at = NOW + timedelta(seconds=second)
        current, calls = reconciliation.due(current, running, at)
        asked += [at for call in calls if call.tasks]
    assert len(asked) >= 4
    assert asked[-1] >= LATE


@pytest.mark.parametrize(
    ("states", "told"),
    [
        (("RUNNING",), status("t-q", "FAILED")),
        (("RUNNING",), TaskStatus("t-q", "TASK_UNKNOWN", "agent-a", reason="REASON_SLAVE_REMOVED")),
        (("RUNNING", "FINISHED"), UNKNOWN),
    ],
    ids=["an-end", "not-an-answer", "ended-before"],
)
def test_all_else_is_believed_at_once(states: tuple[str, ...], told: TaskStatus) -> None:
    book_then = ledger(*states)
    assert not reconciliation.is_premature(reconciliation.registered(book_then, NOW), book_then, told, SOON)


def test_a_stranger_is_believed() -> None:
    nobody = book.Ledger()
    assert not reconciliation.is_premature(reconciliation.registered(nobody, NOW), nobody, UNKNOWN, SOON)
