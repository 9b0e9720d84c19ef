"""Reconciliation: what to ask Mesos about tasks, and when. Pure.

After every registration each task that has not ended is asked about by its id; those without an answer are asked about
again, ever more rarely. Then once, and from then on now and then, Mesos is asked for all tasks that it knows: so
orphans turn up, of which the ledger knows nothing. That a task is unknown is believed only of a master that settled.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ciprov.framework.ledger.book import Ledger
from ciprov.framework.ledger.entry import Entry
from ciprov.framework.ledger.status import TaskStatus
from ciprov.framework.ledger.transitions import Seen, TaskState

AGAIN_AFTER_S = 1.0
"""An answer takes milliseconds. Each further time twice as long, up to a minute."""
AGAIN_AT_MOST_S = 60.0
ALL_EVERY_S = 900.0
DOUBTFUL_AFTER_S = 10.0
"""A launch that nothing was heard of for so long is asked about."""
SETTLING_S = 14.0
"""A master that took over may know a task again only once the task's agent came back to it."""


@dataclass(frozen=True, slots=True)
class Reconcile:
    """RECONCILE these `(task id, agent id)`; none: all tasks that Mesos knows."""

    tasks: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"reconcile {', '.join(task for task, _ in self.tasks) or 'everything'}"


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """`open` are the tasks without an answer, asked about `tries` times and next at `next_at`; `all_at` is when Mesos
    is next asked for all. `since` is when the framework registered.
    """

    next_at: datetime
    all_at: datetime
    since: datetime
    open: frozenset[str] = frozenset()
    tries: int = 0


def registered(ledger: Ledger, now: datetime) -> Reconciliation:
    """Begin, after each registration or re-registration with a master."""
    tasks = frozenset(entry.task_id for entry in ledger.live())
    all_at = now + timedelta(seconds=AGAIN_AFTER_S if tasks else 0)
    return Reconciliation(next_at=now, all_at=all_at, since=now, open=tasks)


def asking_about(reconciliation: Reconciliation, task_ids: Iterable[str], now: datetime) -> Reconciliation:
    """Ask about these, too, and soon: their agent failed, or a call about them was lost."""
    new = frozenset(task_ids) - reconciliation.open
    if not new:
        return reconciliation
    return replace(reconciliation, open=reconciliation.open | new, next_at=now, tries=0)


def on_agent(ledger: Ledger, agent_id: str) -> tuple[str, ...]:
    """The tasks to ask about when an agent is said to have failed. That alone is no proof of anything."""
    return tuple(entry.task_id for entry in ledger.live() if entry.agent_id == agent_id)


def with_offer(ledger: Ledger, offer_id: str) -> tuple[str, ...]:
    """The tasks to ask about when an offer is rescinded: those sent with it will be dropped by Mesos, which then tells.

    Whoever decides must not use the offer any more.
    """
    return tuple(entry.task_id for entry in ledger.live() if offer_id in entry.offer_ids and _unheard(entry))


def is_premature(reconciliation: Reconciliation, ledger: Ledger, status: TaskStatus, now: datetime) -> bool:
    """Whether an answer is not to be believed yet, so that it counts for nothing and is asked for again: soon after a
    registration a task of before is unknown, and its agent may only not have come back to a new master. That holds for
    tasks that Mesos never spoke of, too: one may have begun while the old master went.
    """
    entry = ledger.entries.get(status.task_id)
    if entry is None or entry.ended or status.seen is not Seen.UNKNOWN or not status.reconciled:
        return False
    of_before = not _unheard(entry) or entry.intended_at <= reconciliation.since
    return of_before and now < reconciliation.since + timedelta(seconds=SETTLING_S)


def heard(reconciliation: Reconciliation, task_id: str) -> Reconciliation:
    """Any update of a task answers."""
    if task_id not in reconciliation.open:
        return reconciliation
    return replace(reconciliation, open=reconciliation.open - {task_id})


def due(reconciliation: Reconciliation, ledger: Ledger, now: datetime) -> tuple[Reconciliation, tuple[Reconcile, ...]]:
    """What to ask now."""
    doubtful = (
        entry.task_id
        for entry in ledger.live()
        if _unheard(entry) and now >= entry.since + timedelta(seconds=DOUBTFUL_AFTER_S)
    )
    current = asking_about(reconciliation, doubtful, now)
    live = {entry.task_id: entry.agent_id for entry in ledger.live()}
    current = replace(current, open=current.open & live.keys())
    calls: list[Reconcile] = []
    if current.open and now >= current.next_at:
        calls.append(Reconcile(tuple((task_id, live[task_id]) for task_id in sorted(current.open))))
        wait = min(AGAIN_AFTER_S * 2.0 ** min(current.tries, 16), AGAIN_AT_MOST_S)
        current = replace(current, tries=current.tries + 1, next_at=now + timedelta(seconds=wait))
    if now >= current.all_at:
        calls.append(Reconcile())
        current = replace(current, all_at=now + timedelta(seconds=ALL_EVERY_S))
    return current, tuple(calls)


def _unheard(entry: Entry) -> bool:
    return entry.state is TaskState.LAUNCHED
