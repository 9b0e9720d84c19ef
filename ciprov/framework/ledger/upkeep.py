"""What time alone brings: kills that were not heard, tasks out of reach for too long, and what may be forgotten."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ciprov.framework.ledger.book import Ledger, Step, give_up
from ciprov.framework.ledger.effects import Forget, Kill, Persist
from ciprov.framework.ledger.transitions import TaskState


@dataclass(frozen=True, slots=True)
class Patience:
    """All in seconds. A kill is repeated after `kill_again`, and then after twice as long each time up to
    `kill_again_at_most`. A task is given up `unreachable` after it went out of reach. One that ended is forgotten after
    `remembered`, so that a late update of it is still understood.
    """

    kill_again: float = 5.0
    kill_again_at_most: float = 300.0
    unreachable: float = 900.0
    remembered: float = 3600.0


def kept_up(ledger: Ledger, patience: Patience, now: datetime, unconfirmed: Collection[str] = ()) -> Step:
    """To be asked for about every second. `unconfirmed` are ids of tasks of which Mesos may have more to tell by now:
    they may be in reach again.
    """
    lost = [
        entry.task_id
        for entry in ledger.live()
        if entry.state is TaskState.UNREACHABLE
        and _past(entry.since, patience.unreachable, now)
        and entry.task_id not in unconfirmed
    ]
    given_up = give_up(ledger, lost, f"out of reach for more than {patience.unreachable:g} s", now)
    again = tuple(
        replace(entry, kills=entry.kills + 1, killed_at=now)
        for entry in given_up.ledger.live()
        if entry.killed_at
        and entry.state not in {TaskState.UNREACHABLE, TaskState.INTENDED}
        and _past(
            entry.killed_at,
            min(patience.kill_again * 2.0 ** min(entry.kills - 1, 16), patience.kill_again_at_most),
            now,
        )
    )
    old = tuple(
        sorted(
            entry.task_id
            for entry in given_up.ledger.entries.values()
            if entry.ended and _past(entry.since, patience.remembered, now)
        )
    )
    kept = {task_id: entry for task_id, entry in given_up.ledger.entries.items() if task_id not in set(old)}
    persist = (Persist(again),) if again else ()
    kills = tuple(Kill(entry.task_id, entry.agent_id, f"asked for the {entry.kills}. time to end") for entry in again)
    forget = (Forget(old),) if old else ()
    return Step(Ledger(kept).with_entries(again), (*given_up.effects, *persist, *kills, *forget))


def _past(since: datetime, seconds: float, now: datetime) -> bool:
    return now >= since + timedelta(seconds=seconds)
