"""All offers of one agent to one role, joined: what Mesos lets one ACCEPT use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ciprov.framework.asks import Ask
from ciprov.framework.decisions import Placement, Taken
from ciprov.framework.offers import UNRESERVED, Attributes, Offer
from ciprov.framework.resources import Amounts, Ranges, contains, merged, size, without

_SCALARS = ("cpus", "mem", "disk", "gpus")


@dataclass(slots=True)
class _Pool:
    """What is left of one part of an offer."""

    amount: int
    ranges: Ranges
    origin: dict[str, object]


@dataclass(slots=True)
class JoinedOffers:
    """`free` and `ports` are what is left; `index` is the place in the order of agents."""

    index: int
    agent_id: str
    hostname: str
    role: str
    attributes: Attributes
    offers: tuple[Offer, ...]
    maintenance: datetime | None
    free: Amounts
    ports: int
    has_gpus: bool
    pools: dict[str, list[_Pool]]
    placements: list[Placement] = field(default_factory=list)

    @property
    def roles(self) -> tuple[str, ...]:
        return (self.role,)

    @property
    def free_ranges(self) -> Ranges:
        return merged(part for pool in self.pools.get("ports", ()) for part in pool.ranges)

    def fits(self, ask: Ask) -> bool:
        """As far as amounts go. Which ports are free is asked by `missing_port`."""
        return self.free.covers(ask.amounts) and self.ports >= ask.free_ports

    def missing_port(self, ask: Ask) -> int | None:
        """A fixed port that is not free here."""
        pools = self.pools.get("ports", ())
        for port in ask.fixed_ports:
            if not any(contains(pool.ranges, port) for pool in pools):
                return port
        return None

    def take(self, ask: Ask) -> Placement:
        """Take what is asked for, reserved resources first; it must fit."""
        taken: list[Taken] = []
        for name, amount in zip(_SCALARS, ask.amounts, strict=True):
            if amount:
                taken += self._take(name, amount)
        ports: tuple[int, ...] = ()
        if ask.free_ports:
            ports = self._take_ports(ask, taken)
            self.ports -= len(ports)
        cpus, mem, disk, gpus = ask.amounts
        free = self.free
        self.free = Amounts(free.cpus - cpus, free.mem - mem, free.disk - disk, free.gpus - gpus)
        placement = Placement(ask.request.id, ask.request.label, ask.amounts, tuple(taken), ports)
        self.placements.append(placement)
        return placement

    def _take(self, name: str, amount: int) -> list[Taken]:
        result = []
        for pool in self.pools[name]:
            part = min(pool.amount, amount)
            if part:
                pool.amount -= part
                amount -= part
                result.append(Taken(name, part, origin=pool.origin))
            if not amount:
                break
        return result

    def _take_ports(self, ask: Ask, taken: list[Taken]) -> tuple[int, ...]:
        pools = self.pools["ports"]
        from_pool: dict[int, list[int]] = {}

        def take(number: int, port: int) -> int:
            pools[number].ranges = without(pools[number].ranges, port)
            from_pool.setdefault(number, []).append(port)
            return port

        for port in ask.fixed_ports:
            take(next(number for number, pool in enumerate(pools) if contains(pool.ranges, port)), port)
        result = []
        for port in ask.request.wanted.ports:
            if port:
                result.append(port)
            else:
                number = next(number for number, pool in enumerate(pools) if pool.ranges)
                result.append(take(number, pools[number].ranges[0][0]))
        for number, ports in sorted(from_pool.items()):
            taken.append(
                Taken("ports", len(ports), merged((port, port) for port in ports), origin=pools[number].origin)
            )
        return tuple(result)


def join(offers: Iterable[Offer], now: datetime) -> list[JoinedOffers]:
    """In the order of host names, whatever the order in which offers came."""
    by_agent: dict[tuple[str, str, str], list[Offer]] = {}
    for offer in offers:
        by_agent.setdefault((offer.hostname, offer.agent_id, offer.role), []).append(offer)
    return [
        _joined(index, sorted(group, key=lambda o: o.id), now)
        for index, (_, group) in enumerate(sorted(by_agent.items()))
    ]


def _joined(index: int, offers: Sequence[Offer], now: datetime) -> JoinedOffers:
    pools: dict[str, list[_Pool]] = {}
    parts = sorted((part for offer in offers for part in offer.parts), key=lambda p: p.reserved_for == UNRESERVED)
    for part in parts:
        pools.setdefault(part.name, []).append(_Pool(part.amount, part.ranges, part.origin))
    free = Amounts(*(sum(pool.amount for pool in pools.get(name, ())) for name in _SCALARS))
    planned = [
        offer.unavailability.start
        for offer in offers
        if offer.unavailability and (offer.unavailability.end is None or offer.unavailability.end > now)
    ]
    first = offers[0]
    return JoinedOffers(
        index=index,
        agent_id=first.agent_id,
        hostname=first.hostname,
        role=first.role,
        attributes=first.attributes,
        offers=tuple(offers),
        maintenance=min(planned, default=None),
        free=free,
        ports=sum(size(pool.ranges) for pool in pools.get("ports", ())),
        has_gpus=free.gpus > 0,
        pools=pools,
    )
