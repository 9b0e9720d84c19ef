"""When Jenkins is asked next, and what for. Pure.

- While it does not answer: after a pause that doubles, with jitter; where there are agents of ours, a second at most.
- While an agent of ours is about to connect or idle, or its build about to begin: its node every 0.1 s, as it is
  fenced once it has a build.
- Where something came a short while ago, the queue every 0.4 s; where something waits for longer, every second. The
  nodes with it, unless there is nothing of ours to see.
- Else one request in a second: the queue, and at times the nodes instead.

Where the queue alone was asked and something waits in it, nodes and queue are asked at once: agents are only made from
looks at both. The nodes are always asked first; see `demand`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ciprov.agents.queue.demand import Demand, Spare
from ciprov.agents.record import AgentRecord, Phase

WATCHED_S = 0.1
FAST_S = 0.4
CALM_S = 1.0
IDLE_S = 1.04
"""Now and then Jenkins is asked for its clock besides, or for its load: all of it is to be at most one request in a
second.
"""
NODES_S = 5.0
"""So old is what is known of nodes while agents have their builds."""
IDLE_NODES_S = 60.0
"""So old is it where there is no agent of ours."""

_LINGERS_S = 10.0
_LINGERS_AT_MOST_S = 30.0
_NEAR = timedelta(seconds=WATCHED_S / 2)
_FIRST_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 15.0
_OURS_PAUSE_S = 1.0
"""A Jenkins that restarted has forgotten who was set offline, and its agents are back within seconds."""

_WAITING = frozenset({Spare.SERVED, Spare.LABEL_HIDDEN})


@dataclass(frozen=True, slots=True)
class Look:
    """To be begun at `at`, not before."""

    nodes: bool
    queue: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class Facts:
    """`waiting`: an item waits for an agent. `watched`: a build may begin on an agent of ours any moment. `ours`: there
    are agents of ours.
    """

    waiting: bool = False
    watched: bool = False
    ours: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """When looks at the nodes and at the queue began, when the last look ended and how many seconds it took.

    `failures` in a row. `items` were waiting in the last queue; `came_at` is when a new one was seen last, and `gap_s`
    how long after the one before.
    """

    nodes_at: datetime | None = None
    queue_at: datetime | None = None
    ended_at: datetime | None = None
    took_s: float = 0.0
    failures: int = 0
    items: frozenset[int] = frozenset()
    came_at: datetime | None = None
    gap_s: float = 0.0


def facts(demand: Demand, records: Iterable[AgentRecord]) -> Facts:
    """From the last queue that was seen, and all agents that are not removed."""
    there = [record for record in records if record.phase is not Phase.REMOVED]
    return Facts(
        bool(demand.needs) or any(each.why in _WAITING for each in demand.spared),
        any(record.phase in {Phase.CONNECTING, Phase.ONLINE, Phase.BUSY} for record in there),
        bool(there),
    )


def answered(history: History, look: Look, began: datetime, now: datetime, demand: Demand) -> History:
    """After a look. `demand` is what the queue asks for, or the one before where `look` left the queue out."""
    after = replace(
        history,
        nodes_at=began if look.nodes else history.nodes_at,
        queue_at=began if look.queue else history.queue_at,
        ended_at=now,
        took_s=max(0.0, (now - began).total_seconds()),
        failures=0,
    )
    if not look.queue:
        return after
    ours = (each.item_id for each in demand.spared if each.why in {*_WAITING, Spare.QUIET})
    items = frozenset([*(need.item_id for need in demand.needs), *ours])
    if items <= history.items:
        return replace(after, items=items)
    gap_s = (now - history.came_at).total_seconds() if history.came_at is not None else _LINGERS_AT_MOST_S
    return replace(after, items=items, came_at=now, gap_s=gap_s)


def unanswered(history: History, began: datetime, now: datetime) -> History:
    """After a look that failed."""
    took_s = max(0.0, (now - began).total_seconds())
    return replace(history, ended_at=now, took_s=took_s, failures=history.failures + 1)


def cadence(facts: Facts, history: History, now: datetime, jitter: float) -> Look:
    """The next look, to be asked for anew whenever something happened.

    `jitter`, from 0 to 1 and drawn once for each service, shortens pauses after failures, so that many services do not
    come at once.
    """
    if history.failures and history.ended_at is not None:
        longest = _OURS_PAUSE_S if facts.ours else _LONGEST_PAUSE_S
        pause = timedelta(seconds=min(_pause_s(history.failures, jitter), longest))
        return Look(nodes=True, queue=True, at=max(now, history.ended_at + pause))
    if history.queue_at is None or history.nodes_at is None:
        return Look(nodes=True, queue=True, at=now)
    if facts.waiting and history.queue_at > history.nodes_at:
        return Look(nodes=True, queue=True, at=now)
    look = _due(facts, history, history.nodes_at, history.queue_at, now)
    return replace(look, at=max(now, look.at, _earliest(history, now)))


def _due(facts: Facts, history: History, nodes_at: datetime, queue_at: datetime, now: datetime) -> Look:
    lingers = _is_within(history.came_at, _lingering_s(history.gap_s), now)
    if facts.waiting or facts.watched or lingers:
        queue_due = queue_at + timedelta(seconds=FAST_S if lingers else CALM_S)
        if not facts.watched:
            return Look(nodes=facts.waiting or facts.ours, queue=True, at=queue_due)
        nodes_due = nodes_at + timedelta(seconds=WATCHED_S)
        return Look(nodes=True, queue=queue_due <= max(now, nodes_due) + _NEAR, at=nodes_due)
    at = max(nodes_at, queue_at) + timedelta(seconds=IDLE_S)
    nodes = at >= nodes_at + timedelta(seconds=NODES_S if facts.ours else IDLE_NODES_S)
    return Look(nodes=nodes, queue=not nodes, at=at)


def _earliest(history: History, now: datetime) -> datetime:
    """A Jenkins that is slow gets half as long to itself as it took."""
    return history.ended_at + timedelta(seconds=history.took_s / 2) if history.ended_at is not None else now


def _lingering_s(gap_s: float) -> float:
    """How long after an item the next one is waited for closely: where they come often, until it is overdue."""
    longest = 2 * gap_s
    return longest if _LINGERS_S < longest <= _LINGERS_AT_MOST_S else _LINGERS_S


def _is_within(since: datetime | None, seconds: float, now: datetime) -> bool:
    return since is not None and now < since + timedelta(seconds=seconds)


def _pause_s(failures: int, jitter: float) -> float:
    doubled = min(_FIRST_PAUSE_S * 2.0 ** min(failures - 1, 16), _LONGEST_PAUSE_S)
    return _FIRST_PAUSE_S + (doubled - _FIRST_PAUSE_S) * (1.0 - jitter / 2)
