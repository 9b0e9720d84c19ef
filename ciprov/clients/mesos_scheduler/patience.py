"""How long the driver waits for what, and how often it tries. All in seconds."""

from __future__ import annotations

from dataclasses import dataclass

MESOS_HEARTBEAT_S = 15.0


@dataclass(frozen=True, slots=True)
class Patience:
    """`heartbeat_s` of None: what the master says in SUBSCRIBED. After `heartbeats_missed` of them in a row the
    connection is taken for dead. `refusals` is how many refusals in a row (wrong credentials, no trust, an impossible
    framework) end the driver.
    """

    heartbeat_s: float | None = None
    heartbeats_missed: float = 3.0
    connect_s: float = 5.0
    subscribe_s: float = 15.0
    call_s: float = 10.0
    first_pause_s: float = 0.5
    longest_pause_s: float = 15.0
    refusals: int = 3
    redirects: int = 3
    farewell_s: float = 1.0

    def silence(self, told_s: float) -> float:
        """After how long without an event a subscription is dead, where the master told its interval."""
        interval = self.heartbeat_s or (told_s if told_s > 0 else MESOS_HEARTBEAT_S)
        return interval * self.heartbeats_missed
