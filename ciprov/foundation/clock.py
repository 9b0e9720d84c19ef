"""Where the time comes from. Decisions take `now` as an argument; only shells ask a clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

Now = Callable[[], datetime]
"""Gives the current time, timezone-aware, in UTC."""

Monotonic = Callable[[], float]
"""Gives seconds from an arbitrary start that never run backwards: for deadlines within one process."""


def utc_now() -> datetime:
    return datetime.now(UTC)


monotonic: Monotonic = time.monotonic


def timestamp(moment: datetime) -> str:
    """`moment` as ISO-8601 in UTC with milliseconds and `Z`, the form that Marathon uses."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
