"""The event bus: whoever publishes never waits, whoever reads too slowly is dropped.

Everything runs on the daemon's one event loop. There is no replay: a subscriber sees what is published from then on.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter, deque
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ciprov.localcluster.timestamps import timestamp

PENDING_LIMIT = 20_000
"""One change may bring some thousands at once: five for each of a thousand tasks. All readers share their texts."""
PENDING_CHARACTERS = 32 * 2**20
"""As much as some hundred plans of five hundred apps, or two definitions of the greatest size."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """One event, ready to be sent: `data` is one line of JSON with `eventType` and `timestamp`."""

    type: str
    data: str


class Subscription:
    """The events for one reader, of `types` only unless empty. At most `limit` wait; one more and it is dropped.

    The same where they are more than `PENDING_CHARACTERS` together.

    `ended` is set when the subscription is closed, by whomever.
    """

    def __init__(self, reader: str, types: Collection[str], limit: int) -> None:
        self.reader = reader
        self.dropped = False
        self._types = frozenset(types)
        self._limit = limit
        self._pending: deque[Event] = deque()
        self._characters = 0
        self._wake = asyncio.Event()
        self.ended = asyncio.Event()

    @property
    def closed(self) -> bool:
        return self.ended.is_set()

    def offer(self, event: Event) -> None:
        if self.closed or (self._types and event.type not in self._types):
            return
        self._characters += len(event.data)
        waiting = len(self._pending)
        if waiting >= self._limit or (waiting and self._characters > PENDING_CHARACTERS):
            logger.warning("event stream of %s is dropped: %d events wait to be read", self.reader, waiting)
            self.dropped = True
            self._pending.clear()
            self.close()
            return
        self._pending.append(event)
        self._wake.set()

    async def next(self, patience_seconds: float) -> tuple[Event, ...]:
        """All events that wait, at once; empty after so long without one, or where the subscription is closed."""
        if not self._pending and not self.closed:
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), patience_seconds)
            except TimeoutError:
                return ()
        events = tuple(self._pending)
        self._pending.clear()
        self._characters = 0
        return events

    def close(self) -> None:
        """End the reader's stream after what waits already; a second call does nothing."""
        self.ended.set()
        self._wake.set()


class EventBus:
    """Implements `Events` of `api/port.py`. `now` gives aware UTC times."""

    def __init__(self, now: Callable[[], datetime], limit: int = PENDING_LIMIT) -> None:
        self._now = now
        self._limit = limit
        self._subscriptions: list[Subscription] = []
        self._published: Counter[tuple[str, str]] = Counter()
        self._reactions: dict[str, Callable[[], None]] = {}
        self._closed = False

    def publish(self, event_type: str, fields: Mapping[str, Any]) -> None:
        """Tell all subscribers now; `eventType` and `timestamp` are added unless `fields` has them."""
        self._published[event_type, ""] += 1
        if condition := fields.get("condition"):
            self._published[event_type, condition] += 1
        if event_type in self._reactions:
            asyncio.get_running_loop().call_soon(self._reactions[event_type])
        if not self._subscriptions:
            return
        body = {"eventType": event_type, "timestamp": timestamp(self._now()), **fields}
        event = Event(event_type, json.dumps(body, default=str, separators=(",", ":")))
        for subscription in self._subscriptions:
            subscription.offer(event)
        self._subscriptions = [each for each in self._subscriptions if not each.closed]

    def react(self, event_type: str, reaction: Callable[[], None]) -> None:
        """Call the daemon's own `reaction` soon after each event of the type."""
        self._reactions[event_type] = reaction

    def published(self, event_type: str, condition: str = "") -> int:
        """See `api.port.Events`."""
        return self._published[event_type, condition]

    def subscribe(self, reader: str, types: Collection[str] = ()) -> Subscription:
        """A subscription for `reader` (its address); everybody, itself included, hears `event_stream_attached`."""
        subscription = Subscription(reader, types, self._limit)
        if self._closed:
            subscription.close()
            return subscription
        self._subscriptions.append(subscription)
        self.publish("event_stream_attached", {"remoteAddress": reader})
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """To be called once by every reader, also by one whose subscription was closed or dropped."""
        subscription.close()
        self._subscriptions = [each for each in self._subscriptions if each is not subscription]
        self.publish("event_stream_detached", {"remoteAddress": subscription.reader})

    def close(self) -> None:
        """End all streams, for the daemon stops; later subscriptions end at once."""
        self._closed = True
        for subscription in self._subscriptions:
            subscription.close()
        self._subscriptions = []
