"""How long an app whose tasks keep ending waits for its next launch: `backoffSeconds`, then times `backoffFactor`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ciprov.localcluster.definitions.app import App

SHORTEST_SECONDS = 0.5
"""Even without a delay of its own: a real cluster offers what was freed again only with its next allocation, so a task
that cannot run is not tried without a pause."""


@dataclass(frozen=True, slots=True)
class Delay:
    """`seconds` counted from `since`; after `quiet_seconds` without an end or a launch it is forgotten."""

    since: datetime
    seconds: float
    quiet_seconds: float

    @property
    def until(self) -> datetime:
        return self.since + timedelta(seconds=self.seconds)

    def forgotten(self, now: datetime) -> bool:
        """Also where the clock was set back behind its beginning: that would prolong it by as much."""
        return not self.since <= now <= self.since + timedelta(seconds=self.quiet_seconds)


def grown(delay: Delay | None, app: App, now: datetime) -> Delay:
    """The delay after one more task of `app` has ended by itself."""
    limit = max(SHORTEST_SECONDS, app.max_launch_delay_seconds)
    seconds = app.backoff_seconds if delay is None or delay.forgotten(now) else delay.seconds * app.backoff_factor
    return Delay(now, min(max(SHORTEST_SECONDS, seconds), limit), limit)


def advanced(delay: Delay, now: datetime) -> Delay:
    """The same delay, counted from now: a task was launched or came up, so quiet time begins anew."""
    return Delay(now, delay.seconds, delay.quiet_seconds)
