"""The launch queue: how many instances of which app wait, since when, and what keeps them.

`handle(queue, event, now)` gives the next queue; nothing here launches anything. Entries and back-off belong to an app
*and the version of its last configuration change*: scaling keeps a delay, a changed definition starts without one.
A restart starts without one too if it moves `versionInfo.lastConfigChangeAt`, as Marathon does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from ciprov.localcluster.api.port import QueueEntry
from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.model import Condition
from ciprov.localcluster.scheduling.backoff import Delay, advanced, grown
from ciprov.localcluster.scheduling.matching import Placement, Rejection
from ciprov.localcluster.scheduling.rejects import Reason, funnel

T = TypeVar("T")

Key = tuple[str, str]
"""App id and version of its last configuration change."""

ADDS_DELAY = frozenset({Condition.FINISHED, Condition.FAILED, Condition.ERROR, Condition.LOST})

_SWEPT_EVERY = 64
"""Forgotten delays are removed when there are a multiple of so many: at each end it would cost all of them."""


def key_of(app: App) -> Key:
    return app.id, app.version_info.last_config_change_at or app.version


@dataclass(frozen=True, slots=True)
class Offers:
    """What became of the offers seen for one entry. `last` is the latest refusal of each agent."""

    processed: int = 0
    unused: int = 0
    last_used_at: datetime | None = None
    last_unused_at: datetime | None = None
    last: Mapping[str, Reason] = field(default_factory=dict)
    attempt: Mapping[Reason, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entry:
    """`count` instances of `app` wait since `since`."""

    app: App
    count: int
    since: datetime
    offers: Offers = Offers()


@dataclass(frozen=True, slots=True)
class LaunchQueue:
    entries: Mapping[Key, Entry] = field(default_factory=dict)
    delays: Mapping[Key, Delay] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """`count` more instances of `app` wait (fewer where negative: scaled down or killed while waiting)."""

    app: App
    count: int = 1


@dataclass(frozen=True, slots=True)
class Matched:
    """An agent took one waiting instance of `app`."""

    app: App
    placement: Placement


@dataclass(frozen=True, slots=True)
class Refused:
    """No agent took an instance of `app`."""

    app: App
    rejection: Rejection


@dataclass(frozen=True, slots=True)
class TaskUp:
    """A task of `app` is staging or running: its delay, if any, counts from now."""

    app: App


@dataclass(frozen=True, slots=True)
class TaskEnded:
    """A task of `app` ended. Ends by themselves add delay, whatever the exit code; kills add none."""

    app: App
    condition: Condition


@dataclass(frozen=True, slots=True)
class DelayReset:
    """`DELETE /v2/queue/{id}/delay`, or a restart."""

    app_id: str


@dataclass(frozen=True, slots=True)
class AppGone:
    """The app was deleted: nothing of it waits any more."""

    app_id: str


Event = Wanted | Matched | Refused | TaskUp | TaskEnded | DelayReset | AppGone


def handle(queue: LaunchQueue, event: Event, now: datetime) -> LaunchQueue:
    match event:
        case Wanted(app, count):
            queue = _count(queue, app, count, now)
        case Matched(app, placement):
            queue = _count(_seen(queue, app, placement.declined, now, used=True), app, -1, now)
        case Refused(app, rejection):
            queue = _seen(queue, app, rejection.declined, now, used=False)
        case TaskUp(app):
            delay = _delay(queue, key_of(app), now)
            queue = queue if delay is None else _delayed(queue, app, advanced(delay, now))
        case TaskEnded(app, condition):
            if condition in ADDS_DELAY:
                queue = _delayed(queue, app, grown(queue.delays.get(key_of(app)), app, now))
        case DelayReset(app_id):
            queue = LaunchQueue(queue.entries, _without(queue.delays, app_id))
        case AppGone(app_id):
            queue = LaunchQueue(_without(queue.entries, app_id), _without(queue.delays, app_id))
    return queue


def waiting(queue: LaunchQueue, app_id: str) -> int:
    """How many instances of the app wait, over all its versions."""
    return sum(entry.count for (owner, _), entry in queue.entries.items() if owner == app_id)


def delayed_until(queue: LaunchQueue, app: App, now: datetime) -> datetime:
    """When the next instance of `app` may be launched: `now` where nothing delays it."""
    delay = _delay(queue, key_of(app), now)
    return now if delay is None else max(now, delay.until)


def due(queue: LaunchQueue, now: datetime) -> tuple[Entry, ...]:
    """The entries whose delay is over, longest waiting first: these wait for nothing but an agent that fits."""
    ready = (entry for entry in queue.entries.values() if delayed_until(queue, entry.app, now) <= now)
    return tuple(sorted(ready, key=lambda entry: entry.since))


def next_wakeup(queue: LaunchQueue, now: datetime) -> datetime | None:
    """When the next delay of a waiting app ends; None where none is delayed."""
    moments = (delayed_until(queue, entry.app, now) for entry in queue.entries.values())
    return min((moment for moment in moments if moment > now), default=None)


def view(queue: LaunchQueue, now: datetime) -> tuple[QueueEntry, ...]:
    """The queue as `GET /v2/queue` tells it."""
    return tuple(_view(queue, entry, now) for entry in queue.entries.values())


def _view(queue: LaunchQueue, entry: Entry, now: datetime) -> QueueEntry:
    left = (delayed_until(queue, entry.app, now) - now).total_seconds()
    offers = entry.offers
    last: dict[Reason, int] = {}
    for reason in offers.last.values():
        last[reason] = last.get(reason, 0) + 1
    return QueueEntry(
        app=entry.app,
        count=entry.count,
        since=entry.since,
        delay_seconds=left,
        overdue=left <= 0,
        processed=offers.processed,
        unused=offers.unused,
        last_unused_at=offers.last_unused_at,
        last_used_at=offers.last_used_at,
        rejects_last=funnel(len(offers.last), last),
        rejects_attempt=funnel(offers.processed, offers.attempt),
        refusals={agent_id: reason.value for agent_id, reason in offers.last.items()},
    )


def _seen(queue: LaunchQueue, app: App, declined: Mapping[str, Reason], now: datetime, *, used: bool) -> LaunchQueue:
    entry = queue.entries.get(key_of(app))
    if entry is None:
        return queue
    old = entry.offers
    attempt = dict(old.attempt)
    for reason in declined.values():
        attempt[reason] = attempt.get(reason, 0) + 1
    offers = Offers(
        processed=old.processed + len(declined) + used,
        unused=old.unused + len(declined),
        last_used_at=now if used else old.last_used_at,
        last_unused_at=now if declined else old.last_unused_at,
        last={**old.last, **declined},
        attempt=attempt,
    )
    return _put(queue, replace(entry, offers=offers))


def _count(queue: LaunchQueue, app: App, change: int, now: datetime) -> LaunchQueue:
    key = key_of(app)
    old = queue.entries.get(key)
    count = (old.count if old else 0) + change
    if count <= 0:
        return LaunchQueue({other: entry for other, entry in queue.entries.items() if other != key}, queue.delays)
    return _put(queue, replace(old, app=app, count=count) if old else Entry(app, count, now))


def _put(queue: LaunchQueue, entry: Entry) -> LaunchQueue:
    return LaunchQueue({**queue.entries, key_of(entry.app): entry}, queue.delays)


def _delayed(queue: LaunchQueue, app: App, delay: Delay) -> LaunchQueue:
    delays = {**queue.delays, key_of(app): delay}
    if len(delays) % _SWEPT_EVERY == 0:
        delays = {key: other for key, other in delays.items() if not other.forgotten(delay.since)}
    return LaunchQueue(queue.entries, delays)


def _delay(queue: LaunchQueue, key: Key, now: datetime) -> Delay | None:
    delay = queue.delays.get(key)
    return None if delay is None or delay.forgotten(now) else delay


def _without(table: Mapping[Key, T], app_id: str) -> dict[Key, T]:
    return {key: value for key, value in table.items() if key[0] != app_id}
