"""When an environment expires, and how that is told. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from ciprov.domain.environment import EnvironmentRecord
from ciprov.environments.blueprint import durations
from ciprov.foundation.clock import timestamp


def later(one: datetime | None, other: datetime | None) -> datetime | None:
    """None is never, and so the latest of all."""
    return None if one is None or other is None else max(one, other)


def after_up(before: EnvironmentRecord | None, ttl: int | None, now: datetime) -> datetime | None:
    """When an environment expires that is brought up now, to live `ttl` seconds (None: for ever).

    What somebody extended stays extended, unless the time to live itself is another one now.
    """
    if ttl is None:
        return None
    fresh = now + timedelta(seconds=ttl)
    if before is None or before.ttl_seconds != ttl or before.expires_at is None:
        return fresh
    return max(fresh, before.expires_at)


def last_use(record: EnvironmentRecord) -> datetime:
    """The last `up`, or a later sign of use."""
    return max(record.updated_at, record.last_used_at or record.updated_at)


def relative(moment: datetime, now: datetime) -> str:
    """`in 3h20m`, `2d4h ago`, `now`: the two largest units are enough for people."""
    seconds = int((moment - now).total_seconds())
    if abs(seconds) < 1:
        return "now"
    told = _rounded(abs(seconds))
    return f"in {told}" if seconds > 0 else f"{told} ago"


def _rounded(seconds: int) -> str:
    for unit in (86400, 3600, 60):
        if seconds >= unit:
            finer = {86400: 3600, 3600: 60, 60: 1}[unit]
            return durations.shown(seconds - seconds % finer)
    return durations.shown(seconds)


def told(record: EnvironmentRecord, now: datetime) -> str:
    """`expires 2030-01-01T08:00:00.000Z (in 3h20m)`, for people."""
    if record.expires_at is None:
        return "never expires"
    word = "expired" if record.expires_at <= now else "expires"
    return f"{word} {timestamp(record.expires_at)} ({relative(record.expires_at, now)})"
