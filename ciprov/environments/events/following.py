"""Follows what happens: Marathon's events as they come, and recorded operations by looking again and again."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from ciprov.domain.marathon import MarathonEvent, MarathonUnavailable
from ciprov.environments.events.from_marathon import FOLLOWED, Place, happenings
from ciprov.environments.events.happening import Happening, Sort
from ciprov.environments.events.news import Seen, news, seen
from ciprov.environments.outside import Outside
from ciprov.foundation.clock import timestamp
from ciprov.foundation.errors import CiprovError

LOOK_SECONDS = 2.0
NEWEST = 200
"""Operations looked at each time; more than that do not begin within `LOOK_SECONDS`."""

_MOST_WAITING = 10_000
"""Events; whoever reads so slowly loses the oldest ones."""

Tell = Callable[[Happening], None]


@dataclass(frozen=True, slots=True)
class Followed:
    """`name` of one environment; empty: all of them. `prefix` is the group above them. `known` are the operations that
    were told already.
    """

    name: str
    prefix: str
    known: Seen
    idle: Callable[[], None]
    """Called at each look: raises where nobody listens any more."""


def follow(outside: Outside, followed: Followed, tell: Tell) -> None:
    """Until `tell` or `followed.idle` raises. A store or a Marathon that is away is told, and tried again; one that
    refuses us is not. Raises `MarathonDenied` and `MarathonUntrusted`.
    """
    with suppress(MarathonUnavailable):
        outside.marathon.deployments()
    clock = outside.context.clock
    heard: deque[MarathonEvent] = deque(maxlen=_MOST_WAITING)
    wake = threading.Event()

    def hear(event: MarathonEvent) -> None:
        heard.append(event)
        wake.set()

    look = _Looks(outside, followed, tell)
    with outside.marathon.events(FOLLOWED, hear):
        due = clock.monotonic()
        while True:
            wake.clear()
            while heard:
                for one in happenings(heard.popleft(), look.place, timestamp(clock.now())):
                    tell(one)
            if clock.monotonic() >= due:
                followed.idle()
                look.again()
                due = clock.monotonic() + LOOK_SECONDS
            clock.wait(wake, max(0.0, due - clock.monotonic()))


class _Looks:
    """What the store said when it was looked at last."""

    def __init__(self, outside: Outside, followed: Followed, tell: Tell) -> None:
        self.place = Place({}, followed.prefix, followed.name)
        self._outside = outside
        self._name = followed.name
        self._known = followed.known
        self._tell = tell
        self._answers = True

    def again(self) -> None:
        store, cluster = self._outside.store, self._outside.context.cluster
        try:
            records = store.list(cluster)
            entries = store.history(cluster, self._name, NEWEST) if self._name else store.operations(cluster, NEWEST)
        except CiprovError as error:
            self._say(False, f"the records cannot be read: {error.message}")
            return
        self._say(True, "the records are read again")
        self.place = Place({one.group_path: one.name for one in records}, self.place.prefix, self._name)
        for one in news(self._known, entries):
            self._tell(one)
        self._known = seen(entries)

    def _say(self, answers: bool, text: str) -> None:
        if answers is not self._answers:
            self._answers = answers
            self._tell(Happening(timestamp(self._outside.context.clock.now()), Sort.STREAM, "", "", text))
