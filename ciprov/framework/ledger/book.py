"""The ledger itself: everything that may happen to it gives a new one and what is to be done.

A launch is written before it is sent, and is sent by the step that intended it or never: after a crash in between
nobody knows whether it was sent, so it counts as launched, and reconciliation tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from ciprov.foundation.errors import CiprovError
from ciprov.framework.decisions import Launch, Placement
from ciprov.framework.ledger.effects import Acknowledge, Effect, Ended, Kill, Persist, SendLaunch
from ciprov.framework.ledger.entry import Entry
from ciprov.framework.ledger.status import CERTAIN, TaskStatus
from ciprov.framework.ledger.transitions import ALIVE, Seen, TaskState
from ciprov.framework.state import PlacedTask

NOT_SENT = "NOT_SENT"
"""The launch was never sent."""
GIVEN_UP = "GIVEN_UP"
"""It was out of reach for too long."""
FRAMEWORK_REMOVED = "FRAMEWORK_REMOVED"
"""Mesos removed the framework, and killed all its tasks."""


class LaunchedTwice(CiprovError):
    """A task id that is in the ledger already must never be launched."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """Every task by its id, those that ended too until they are forgotten."""

    entries: Mapping[str, Entry] = field(default_factory=dict)

    def live(self) -> tuple[Entry, ...]:
        """All that have not ended, by task id."""
        return tuple(entry for _, entry in sorted(self.entries.items()) if not entry.ended)

    def placed(self) -> tuple[PlacedTask, ...]:
        """For the state of a decision."""
        return tuple(entry.placed for entry in self.live())

    def with_entries(self, entries: Iterable[Entry]) -> Ledger:
        return Ledger({**self.entries, **{entry.task_id: entry for entry in entries}})


@dataclass(frozen=True, slots=True)
class Step:
    """The ledger afterwards, and what is to be done, in this order."""

    ledger: Ledger
    effects: tuple[Effect, ...] = ()


def intend(ledger: Ledger, launches: Sequence[Launch], name_task: Callable[[Placement], str], now: datetime) -> Step:
    """Write down all `launches`, then send them. `name_task` gives the id of each task, a new one every time.

    Raises `LaunchedTwice` for an id that was used before, before anything is done.
    """
    entries: dict[str, Entry] = {}
    sends: list[SendLaunch] = []
    for launch in launches:
        named = [(name_task(placement), placement) for placement in launch.placements]
        for task_id, placement in named:
            if task_id in ledger.entries or task_id in entries:
                raise LaunchedTwice(
                    f"task {task_id} was launched before",
                    place=f"request {placement.request_id}",
                    way_out="This is a fault of ciprov: task ids have to be new each time.",
                )
            entries[task_id] = Entry(
                task_id=task_id,
                request_id=placement.request_id,
                label=placement.label,
                agent_id=launch.agent_id,
                hostname=launch.hostname,
                role=launch.role,
                amounts=placement.amounts,
                intended_at=now,
                since=now,
                offer_ids=launch.offer_ids,
                ports=placement.ports,
                attributes=launch.attributes,
            )
        sends.append(SendLaunch(launch, tuple(task_id for task_id, _ in named)))
    if not entries:
        return Step(ledger)
    return Step(ledger.with_entries(entries.values()), (Persist(tuple(entries.values())), *sends))


def sent(ledger: Ledger, task_ids: Iterable[str], now: datetime) -> Step:
    """Mesos took the call, or may have: a time-out too is told so. This need not be written: a restart assumes it."""
    entries = [entry.after(Seen.SENT, now) for entry in _known(ledger, task_ids)]
    kills = [_kill(entry) for entry in entries if entry.stop_since and not entry.ended]
    return Step(ledger.with_entries(entries), tuple(kills))


def not_sent(ledger: Ledger, task_ids: Iterable[str], reason: str, now: datetime) -> Step:
    """The call certainly did not reach Mesos, or Mesos refused it: no task came of it."""
    return _end(ledger, _known(ledger, task_ids), Seen.NOT_SENT, (NOT_SENT, reason), now)


def recovered(entries: Iterable[Entry], now: datetime) -> Step:
    """After a start, from what the store has: with the same framework id Mesos still runs what ran.

    Then everything that has not ended is to be reconciled, and what was asked to end is killed.
    """
    ledger = Ledger({entry.task_id: entry.after(Seen.RECOVERED, now) for entry in entries})
    return Step(ledger, tuple(_kill(entry) for entry in ledger.live() if entry.stop_since))


def torn_down(ledger: Ledger, now: datetime) -> Step:
    """The framework is gone from Mesos, so all its tasks are; a new one gets a new id and knows none of them."""
    return _end(ledger, ledger.live(), Seen.GIVEN_UP, (FRAMEWORK_REMOVED, "the framework was removed"), now)


def updated(ledger: Ledger, status: TaskStatus, now: datetime) -> Step:
    """Mesos told of a task; whether for the first time, again, or out of order."""
    acknowledge = (Acknowledge(status.task_id, status.agent_id, status.uuid),) if status.uuid else ()
    before = ledger.entries.get(status.task_id)
    if before is None:
        # All that we launch is written first: this one is of another time, and nobody waits for it.
        orphan = (Kill(status.task_id, status.agent_id, "it is not in the ledger"),) if status.seen in ALIVE else ()
        return Step(ledger, (*acknowledge, *orphan))
    if before.ended and status.seen in ALIVE:
        back = () if before.certain else (Kill(status.task_id, status.agent_id, "it was thought to have ended"),)
        return Step(ledger, (*acknowledge, *back))
    after = before.after(status.seen, now)
    if after.ended and not before.certain and (not before.ended or status.state in CERTAIN):
        after = replace(
            after,
            outcome=status.state,
            reason=status.reason,
            message=status.message,
            certain=status.state in CERTAIN,
        )
    if after == before:
        return Step(ledger, acknowledge)
    more: list[Effect] = [Persist((after,)), *acknowledge]
    if after.ended and not before.ended:
        more.append(Ended(after))
    elif after.stop_since and before.state is TaskState.UNREACHABLE and status.seen in ALIVE:
        more.append(_kill(after))
    return Step(ledger.with_entries([after]), tuple(more))


def stop(ledger: Ledger, task_ids: Iterable[str], now: datetime) -> Step:
    """Ask tasks to end. Whatever has ended, was asked already or is not known is left alone."""
    entries = [
        replace(entry, stop_since=now, killed_at=now, kills=1)
        for task_id in dict.fromkeys(task_ids)
        if (entry := ledger.entries.get(task_id)) and not entry.ended and not entry.stop_since
    ]
    if not entries:
        return Step(ledger)
    kills = [_kill(entry) for entry in entries if entry.state is not TaskState.INTENDED]
    return Step(ledger.with_entries(entries), (Persist(tuple(entries)), *kills))


def give_up(ledger: Ledger, task_ids: Iterable[str], reason: str, now: datetime) -> Step:
    """Count tasks as ended without knowing. One that turns up again is killed."""
    return _end(ledger, _known(ledger, task_ids), Seen.GIVEN_UP, (GIVEN_UP, reason), now)


def _end(ledger: Ledger, entries: Iterable[Entry], seen: Seen, how: tuple[str, str], now: datetime) -> Step:
    """End those that `seen` ends, by our own judgement: that is never certain."""
    ended = tuple(
        replace(after, outcome=how[0], reason=how[1])
        for entry in entries
        if not entry.ended and (after := entry.after(seen, now)).ended
    )
    if not ended:
        return Step(ledger)
    return Step(ledger.with_entries(ended), (Persist(ended), *map(Ended, ended)))


def _known(ledger: Ledger, task_ids: Iterable[str]) -> list[Entry]:
    return [entry for task_id in task_ids if (entry := ledger.entries.get(task_id))]


def _kill(entry: Entry) -> Kill:
    return Kill(entry.task_id, entry.agent_id, "it was asked to end")
