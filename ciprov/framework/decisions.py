"""What a decision says: one answer for every offer, and for every request either a place or why it has none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ciprov.foundation.json import JsonObject
from ciprov.framework.offers import Attributes
from ciprov.framework.resources import Amounts, Ranges
from ciprov.framework.state import Memory


@dataclass(frozen=True, slots=True)
class Taken:
    """So much of one resource, from one reservation: `amount` in thousandths, of ports the `ranges`."""

    name: str
    amount: int
    ranges: Ranges = ()
    origin: JsonObject = field(default_factory=dict)

    def as_json(self) -> JsonObject:
        """As a task's `resources` name it in Mesos' v1 API."""
        if self.ranges:
            value = {"range": [{"begin": begin, "end": end} for begin, end in self.ranges]}
            return {"name": self.name, "type": "RANGES", "ranges": value, **self.origin}
        return {"name": self.name, "type": "SCALAR", "scalar": {"value": self.amount / 1000}, **self.origin}


@dataclass(frozen=True, slots=True)
class Placement:
    """A request with what it gets. `ports` are numbers in the order in which the request names its ports."""

    request_id: str
    label: str
    amounts: Amounts
    resources: tuple[Taken, ...]
    ports: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Launch:
    """One ACCEPT: these tasks on one agent, from these offers. What is left is not offered for `filter_s` seconds."""

    agent_id: str
    hostname: str
    role: str
    offer_ids: tuple[str, ...]
    placements: tuple[Placement, ...]
    filter_s: float
    attributes: Attributes = field(default_factory=dict)

    def __str__(self) -> str:
        tasks = ", ".join(placement.request_id for placement in self.placements)
        return f"launch {tasks} on {self.hostname} from {', '.join(self.offer_ids)}"


@dataclass(frozen=True, slots=True)
class Decline:
    """One offer that is not used, and for how many seconds it need not come again."""

    offer_id: str
    agent_id: str
    reason: str
    filter_s: float

    def __str__(self) -> str:
        return f"decline {self.offer_id} for {self.filter_s:g} s: {self.reason}"


class Lack(StrEnum):
    """Why an agent cannot take a request, in the order in which it is asked: the later, the closer it came."""

    ROLE = "role"
    CONSTRAINT = "constraint"
    GPUS_KEPT = "gpus kept for those who need them"
    MAINTENANCE = "maintenance"
    CPUS = "cpus"
    MEM = "mem"
    DISK = "disk"
    GPUS = "gpus"
    PORTS = "ports"
    HELD = "held for another request"
    CROWDED = "where other tasks of the label are"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why one agent cannot take one request."""

    lack: Lack
    detail: str


@dataclass(frozen=True, slots=True)
class Funnel:
    """Why no agent took a request: how many agents failed at which question, and the one that came closest."""

    refused: Mapping[Lack, int]
    closest: str = ""
    closest_refusal: Refusal | None = None

    def __str__(self) -> str:
        if self.closest_refusal is None:
            return "no offers at hand"
        counts = ", ".join(f"{count} by {lack}" for lack, count in self.refused.items())
        total = sum(self.refused.values())
        return f"{total} agents refuse it ({counts}); {self.closest} came closest: {self.closest_refusal.detail}"


@dataclass(frozen=True, slots=True)
class Held:
    """A request that has to wait. `never` tells that no agent seen so far could take it even when empty.

    `as_request` names a request that asks no more than this one and failed already: the funnel is of that one.
    """

    request_id: str
    reason: str
    funnel: Funnel | None = None
    as_request: str = ""
    never: bool = False
    held_agent: str = ""

    def __str__(self) -> str:
        return f"{self.request_id} waits: {self.reason}"


@dataclass(frozen=True, slots=True)
class Decisions:
    """In the order in which they were made. `memory` goes into the state of the next decision."""

    launches: tuple[Launch, ...]
    declines: tuple[Decline, ...]
    held: tuple[Held, ...]
    memory: Memory

    def __str__(self) -> str:
        return "\n".join(str(decision) for decision in (*self.launches, *self.declines, *self.held))
