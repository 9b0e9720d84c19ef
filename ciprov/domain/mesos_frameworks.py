"""Frameworks as a Mesos master tells of them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MasterFramework:
    """One that the master keeps, subscribed or away. `tasks` are the ids of those that have not ended.

    The master removes it, with its tasks, when it was away for `failover_timeout_s` seconds; since when it is away is
    not told.
    """

    id: str
    name: str
    connected: bool
    tasks: tuple[str, ...] = ()
    hostname: str = ""
    failover_timeout_s: float = 0.0
