"""Offers as Mesos makes them: what an agent has to give to one role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ciprov.foundation.json import JsonObject
from ciprov.framework.resources import Ranges

Attributes = Mapping[str, tuple[str, ...]]
"""Of an agent, by name: one text or number, the members of a set, or ranges as `begin-end`."""

UNRESERVED = "*"


@dataclass(frozen=True, slots=True)
class Part:
    """One resource of an offer. A task that uses some of it has to repeat `origin`.

    `amount` is in thousandths, of ports the number of ports; `ranges` are the port numbers and `items` the members of
    a set. `reserved_for` is the role that alone may use it, `*` where anyone may.
    """

    name: str
    amount: int
    ranges: Ranges = ()
    items: tuple[str, ...] = ()
    reserved_for: str = UNRESERVED
    origin: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unavailability:
    """A planned maintenance of an agent. Without `duration` it is not known to end."""

    start: datetime
    duration: timedelta | None = None

    @property
    def end(self) -> datetime | None:
        return None if self.duration is None else self.start + self.duration


@dataclass(frozen=True, slots=True)
class Offer:
    """What one agent offers to `role`. `left_alone` names what it holds besides `parts` and no task of ours may use:
    revocable resources, volumes, disks of their own, and what somebody reserved for a purpose.
    """

    id: str
    agent_id: str
    hostname: str
    role: str
    parts: tuple[Part, ...]
    attributes: Attributes = field(default_factory=dict)
    unavailability: Unavailability | None = None
    left_alone: tuple[str, ...] = ()
