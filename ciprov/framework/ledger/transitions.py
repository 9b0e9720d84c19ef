"""The states of a task and what leads from one to the other, as one table that prints itself.

The awkward cases in it: an update may come before we know that the launch was sent; updates come again and, with the
answers to reconciliation in between, out of order; an unreachable task may come back; what has ended stays ended, and
if it is seen alive all the same it is killed.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class TaskState(StrEnum):
    """INTENDED is written before the launch is sent; LAUNCHED was sent, or perhaps sent before a crash."""

    INTENDED = "intended"
    LAUNCHED = "launched"
    STAGING = "staging"
    STARTING = "starting"
    RUNNING = "running"
    KILLING = "killing"
    UNREACHABLE = "unreachable"
    ENDED = "ended"


class Seen(StrEnum):
    """What happens to a task. The first four happen here, the rest is what Mesos tells."""

    SENT = "sent"
    NOT_SENT = "not sent"
    RECOVERED = "recovered"
    GIVEN_UP = "given up"
    STAGING = "staging"
    STARTING = "starting"
    RUNNING = "running"
    KILLING = "killing"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"
    ENDED = "ended"


_S = TaskState
_ALIVE = (Seen.STAGING, Seen.STARTING, Seen.RUNNING, Seen.KILLING)
_PROGRESS = (_S.INTENDED, _S.LAUNCHED, _S.STAGING, _S.STARTING, _S.RUNNING, _S.KILLING)


def _table() -> dict[TaskState, dict[Seen, TaskState]]:
    table: dict[TaskState, dict[Seen, TaskState]] = {}
    for state in TaskState:
        row = dict.fromkeys(Seen, state)
        if state is not _S.ENDED:
            row |= {Seen.UNREACHABLE: _S.UNREACHABLE, Seen.UNKNOWN: _S.ENDED, Seen.ENDED: _S.ENDED}
            row[Seen.GIVEN_UP] = _S.ENDED
        if state is _S.INTENDED:
            row |= {Seen.SENT: _S.LAUNCHED, Seen.RECOVERED: _S.LAUNCHED, Seen.NOT_SENT: _S.ENDED}
        for seen in _ALIVE:
            told = TaskState(seen.value)
            # A task only goes forward, whatever order updates come in, unless it was out of reach.
            if state is _S.UNREACHABLE or (state in _PROGRESS and _PROGRESS.index(told) > _PROGRESS.index(state)):
                row[seen] = told
        table[state] = row
    return table


TRANSITIONS: Mapping[TaskState, Mapping[Seen, TaskState]] = _table()
"""For every state and everything that may happen: the state after it."""

ALIVE = frozenset(_ALIVE)
"""What tells that a task is there."""


def describe() -> str:
    """The table as text: a row for each state; `·` where it stays the same."""
    columns = [max(len(seen), *(len(row[seen]) for row in TRANSITIONS.values())) for seen in Seen]
    first = max(map(len, TaskState))

    def line(name: str, cells: list[str]) -> str:
        return " | ".join([name.ljust(first), *(c.ljust(w) for c, w in zip(cells, columns, strict=True))]).rstrip()

    rows = [
        line(state, ["·" if row[seen] is state else row[seen].value for seen in Seen])
        for state, row in TRANSITIONS.items()
    ]
    return "\n".join([line("", list(Seen)), "-|-".join("-" * width for width in (first, *columns)), *rows])
