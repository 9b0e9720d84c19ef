"""Where the time comes from. Decisions take `now` as an argument; only shells ask a clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Now = Callable[[], datetime]
"""Gives the current time, timezone-aware, in UTC."""

Monotonic = Callable[[], float]
"""Gives seconds from an arbitrary start that never run backwards: for deadlines within one process."""


def utc_now() -> datetime:
    return datetime.now(UTC)


monotonic: Monotonic = time.monotonic

_CATCHING_UP = 0.75


class SteadyClock:
    """A `Now` that follows `wall` and never runs backwards; for several threads.

    Where the clock was set back, it goes on at three quarters of its speed until the clock has caught up with it: who
    waits for a moment is kept waiting little longer, not for as long as the clock was set back.
    """

    def __init__(self, wall: Now = utc_now, ticks: Monotonic = monotonic) -> None:
        self._wall = wall
        self._ticks = ticks
        self._guard = threading.Lock()
        self._told = wall()
        self._told_at = ticks()

    def __call__(self) -> datetime:
        with self._guard:
            at = self._ticks()
            slowed = self._told + timedelta(seconds=(at - self._told_at) * _CATCHING_UP)
            self._told, self._told_at = max(self._wall(), slowed), at
            return self._told


def timestamp(moment: datetime) -> str:
    """`moment` as ISO-8601 in UTC with milliseconds and `Z`, the form that Marathon uses."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def for_people(moment: datetime) -> str:
    """As `timestamp`, to the second, for texts and tables."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
