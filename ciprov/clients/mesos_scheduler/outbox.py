"""Calls on their way to the master, and what becomes of them when they cannot be sent. Pure; not safe for threads.

Calls about offers belong to the subscription that brought the offers. The others outlive subscriptions, and one that
says the same as a later one is dropped. All but ACCEPT and TEARDOWN are idempotent, and are sent again when in doubt.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, replace

from ciprov.foundation.json import JsonObject

_OF_SUBSCRIPTION = frozenset({"ACCEPT", "DECLINE", "ACCEPT_INVERSE_OFFERS", "DECLINE_INVERSE_OFFERS", "TEARDOWN"})
_ONCE = frozenset({"ACCEPT", "TEARDOWN"})


@dataclass(frozen=True, slots=True)
class Call:
    """`body` is what Mesos calls by the name of the type in lower case. `subscription`: during which it was made, 0
    for none. `tries` failed so far; not to be sent before `due`, in seconds of the monotonic clock.
    """

    type: str
    body: JsonObject
    ids: tuple[str, ...] = ()
    subscription: int = 0
    tries: int = 0
    due: float = 0.0

    @property
    def may_be_repeated(self) -> bool:
        return self.type not in _ONCE

    @property
    def outlives(self) -> bool:
        """Whether it means the same in a later subscription."""
        return self.type not in _OF_SUBSCRIPTION

    @property
    def says(self) -> Hashable:
        """Of two calls that say the same, the later is enough. None: it stands for itself."""
        if self.type in {"SUPPRESS", "REVIVE"}:
            return ("offers", *self.ids)
        return (self.type, *self.ids) if self.outlives else None


class Outbox:
    def __init__(self) -> None:
        self._waiting: deque[Call] = deque()
        self._said: set[Hashable] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, call: Call) -> None:
        said = call.says
        if said is not None:
            if said in self._said:
                self._waiting = deque(waiting for waiting in self._waiting if waiting.says != said)
            self._said.add(said)
        self._waiting.append(call)

    def put_back(self, call: Call, due: float) -> None:
        """After a failure; first in line again once it is `due`, unless something later says the same."""
        said = call.says
        if said is None or said not in self._said:
            self._waiting.appendleft(replace(call, tries=call.tries + 1, due=due))
            if said is not None:
                self._said.add(said)

    def next(self, subscription: int, now: float) -> Call | None:
        """The first that may be sent now, taken out."""
        for index, call in enumerate(self._waiting):
            if call.due <= now and (call.outlives or call.subscription == subscription):
                del self._waiting[index]
                self._said.discard(call.says)
                return call
        return None

    def next_due(self) -> float | None:
        """When the earliest of those that wait for their time may be sent."""
        return min((call.due for call in self._waiting), default=None)

    def void(self, subscription: int) -> tuple[Call, ...]:
        """Those that cannot be sent any more as they are not of this subscription, taken out."""
        lost = tuple(c for c in self._waiting if not c.outlives and c.subscription != subscription)
        if lost:
            self._waiting = deque(c for c in self._waiting if c.outlives or c.subscription == subscription)
        return lost

    def everything(self) -> tuple[Call, ...]:
        return tuple(self._waiting)
