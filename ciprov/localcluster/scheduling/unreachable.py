"""How long an unreachable instance is waited for: the app's `unreachableStrategy`. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.model import Condition

_FOR_EVER_SECONDS = 100 * 365 * 86400.0


def judged(app: App, since: datetime, now: datetime) -> Condition | None:
    """What an instance unreachable since `since` is by now; None where it is to be forgotten.

    Unreachable: waited for. Inactive: another one takes its place. With strategy "disabled" it is waited for as long
    as it takes.
    """
    waits = _waits(app)
    if waits is None:
        return Condition.UNREACHABLE
    inactive, expunge = waits
    if now >= since + expunge:
        return None
    return Condition.UNREACHABLE_INACTIVE if now >= since + inactive else Condition.UNREACHABLE


def next_verdict(app: App, since: datetime, now: datetime) -> datetime | None:
    """When `judged` will say something else; None where never."""
    return min((since + wait for wait in _waits(app) or () if since + wait > now), default=None)


def _waits(app: App) -> tuple[timedelta, timedelta] | None:
    strategy = app.unreachable_strategy
    if isinstance(strategy, str):
        return None
    inactive, expunge = (strategy.get(name) or 0 for name in ("inactiveAfterSeconds", "expungeAfterSeconds"))
    return _span(inactive), _span(expunge)


def _span(seconds: float) -> timedelta:
    """Marathon allows numbers that no date could hold."""
    return timedelta(seconds=min(seconds, _FOR_EVER_SECONDS))
