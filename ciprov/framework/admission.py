"""Whether an agent may take a request: the questions, in order, and why one was answered with no."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from ciprov.framework.asks import Ask, Kind, Turn
from ciprov.framework.constraints import Crowd, meets, values
from ciprov.framework.decisions import Lack, Refusal
from ciprov.framework.joined_offers import JoinedOffers
from ciprov.framework.offers import Attributes
from ciprov.framework.resources import shown
from ciprov.framework.state import Hold, Policy

AMOUNTS = (Lack.CPUS, Lack.MEM, Lack.DISK, Lack.GPUS)


class Place(Protocol):
    """What the standing questions look at: an agent on offer, or one that was once."""

    @property
    def roles(self) -> Collection[str]: ...
    @property
    def hostname(self) -> str: ...
    @property
    def attributes(self) -> Attributes: ...
    @property
    def has_gpus(self) -> bool: ...
    @property
    def maintenance(self) -> datetime | None: ...


class Admission:
    """`maintenances` are starts of those planned, in order; `holds` by agent id, with the turn of their requests."""

    def __init__(
        self, maintenances: Sequence[datetime], policy: Policy, holds: Mapping[str, tuple[Hold, Turn]], crowd: Crowd
    ) -> None:
        self._maintenances = maintenances
        self._policy = policy
        self._holds = dict(holds)
        self._crowd = crowd

    def hold(self, hold: Hold, turn: Turn) -> None:
        self._holds[hold.agent_id] = hold, turn

    def release(self, agent_id: str) -> None:
        self._holds.pop(agent_id, None)

    def standing(self, kind: Kind, one: Place) -> Refusal | None:
        """What does not change while a decision is made: roles, constraints on the agent, gpus, maintenance."""
        if not any(role in one.roles for role in kind.roles):
            offers_to = ", ".join(sorted(one.roles))
            return Refusal(Lack.ROLE, f"it offers to the role {offers_to} and not to {', '.join(kind.roles)}")
        for constraint in kind.constraints:
            there = values(constraint.field, one.hostname, one.attributes)
            if not meets(constraint, there):
                has = " and ".join(there) if there else "nothing"
                return Refusal(Lack.CONSTRAINT, f"{constraint} is not met by {constraint.field}: {has}")
        if one.has_gpus and not kind.needs_gpus and not self._policy.gpu_agents_for_all:
            return Refusal(Lack.GPUS_KEPT, "it has gpus, which the request does not need")
        if one.maintenance and bisect_left(self._maintenances, one.maintenance) < kind.endures:
            return Refusal(Lack.MAINTENANCE, f"its maintenance begins at {one.maintenance:%Y-%m-%d %H:%M} UTC")
        return None

    def passing(self, ask: Ask, one: JoinedOffers) -> Refusal | None:
        """What changes with every placement, amounts left aside."""
        if ask.fixed_ports and (port := one.missing_port(ask)) is not None:
            return Refusal(Lack.PORTS, f"port {port} is not free")
        if self._holds and one.agent_id in self._holds:
            hold, turn = self._holds[one.agent_id]
            if hold.request_id != ask.request.id and turn >= ask.turn:
                return Refusal(Lack.HELD, f"it is held for {hold.request_id}")
        return self.crowded(ask, one) if ask.crowding else None

    def crowded(self, ask: Ask, one: Place) -> Refusal | None:
        """Whether other tasks of the label are where this one then may not be."""
        for constraint in ask.crowding:
            there = values(constraint.field, one.hostname, one.attributes)
            if not self._crowd.allows(constraint, ask.request.label, there):
                return Refusal(Lack.CROWDED, f"{constraint} is not met by another task at {' and '.join(there)}")
        return None


def shortage(ask: Ask, one: JoinedOffers) -> Refusal | None:
    """Of what the agent has too little left."""
    for lack, wanted, free in zip(AMOUNTS, ask.amounts, one.free, strict=True):
        if free < wanted:
            return Refusal(lack, f"it has {shown(free)} of {shown(wanted)} {lack}")
    if one.ports < ask.free_ports:
        return Refusal(Lack.PORTS, f"it has {one.ports} of {ask.free_ports} ports")
    return None
