"""Who is offered what, and what was refused. Pure.

An offer holds nothing back: what an offer names may still be taken by Marathon, and then the offer is rescinded. So
offers and launches never give anything twice, and Marathon never waits for a framework that makes up its mind.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

from ciprov.localcluster.master.resources import NONE, above_zero, fits, total, worth_offering
from ciprov.localcluster.model import Agent, Resources
from ciprov.localcluster.scheduling.agents import Ledger, add, subtract

DEFAULT_REFUSE_SECONDS = 5.0
LEAST_REFUSE_SECONDS = 0.1
"""So long at least the same is not offered again: else a framework that refuses for no time is asked without end."""
MOST_REFUSE_SECONDS = 365 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Offer:
    """Resources of one agent for one role of one framework."""

    id: str
    framework_id: str
    role: str
    agent_id: str
    resources: Resources


Who = tuple[str, str, str]
"""Framework id, role and agent id."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """No more than `resources` of an agent is not offered to a role until then, in seconds since the epoch."""

    resources: Resources
    until: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A role of a connected framework that wants offers."""

    framework_id: str
    role: str
    gpus: bool = False


@dataclass(frozen=True, slots=True)
class Market:
    """All that decides who is offered what. `insisted` are ports that apps of Marathon need."""

    ledger: Ledger
    candidates: Sequence[Candidate]
    used: Mapping[tuple[str, str], Resources]
    """What tasks hold, by framework and role."""
    insisted: Collection[int] = frozenset()


def refuse_seconds(filters: Mapping[str, float] | None) -> float:
    """As asked for, within what Mesos allows."""
    given = (filters or {}).get("refuse_seconds")
    if given is None or math.isnan(given) or given < 0:
        return DEFAULT_REFUSE_SECONDS
    return float(min(max(given, LEAST_REFUSE_SECONDS), MOST_REFUSE_SECONDS))


def untenable(offers: Iterable[Offer], ledger: Ledger) -> list[Offer]:
    """Offers to take back: their agent makes none any more, or something else has taken what they name.

    The newest first, as few as do.
    """
    gone: list[Offer] = []
    per_agent: dict[str, list[Offer]] = {}
    for offer in offers:
        per_agent.setdefault(offer.agent_id, []).append(offer)
    for agent_id, there in per_agent.items():
        agent = ledger.agents.get(agent_id)
        while there and (
            agent is None or not agent.active or not fits(total(one.resources for one in there), ledger.free[agent_id])
        ):
            gone.append(there.pop())
    return gone


def made(market: Market, offers: Iterable[Offer], refusals: Mapping[Who, Sequence[Refusal]], now: float) -> list[Offer]:
    """New offers (without ids) of all that is free and not offered, each agent's to the role that has least."""
    offered: dict[str, Resources] = {}
    held = dict(market.used)
    for offer in offers:
        offered[offer.agent_id] = add(offered.get(offer.agent_id, NONE), offer.resources)
        who = offer.framework_id, offer.role
        held[who] = add(held.get(who, NONE), offer.resources)
    result: list[Offer] = []
    everything = total(agent.total for agent in market.ledger.agents.values())
    for agent in market.ledger.agents.values():
        available = _available(agent, market, offered.get(agent.id, NONE))
        if not agent.active or not worth_offering(available):
            continue
        fit = [one for one in market.candidates if _may_have(one, agent, available, refusals, now)]
        if not fit:
            continue
        chosen = min(fit, key=lambda one: (_share(one, held, everything), one.framework_id, one.role))
        offer = Offer("", chosen.framework_id, chosen.role, agent.id, available)
        result.append(offer)
        who = chosen.framework_id, chosen.role
        held[who] = add(held.get(who, NONE), available)
    return result


def numbered(offers: Iterable[Offer], prefix: str, numbers: count[int]) -> list[Offer]:
    return [replace(offer, id=f"{prefix}-O{next(numbers)}") for offer in offers]


def standing(refusals: Mapping[Who, Sequence[Refusal]], now: float) -> dict[Who, list[Refusal]]:
    """Those that are not over."""
    kept = {who: [one for one in there if one.until > now] for who, there in refusals.items()}
    return {who: there for who, there in kept.items() if there}


def next_end(refusals: Mapping[Who, Sequence[Refusal]], candidates: Iterable[Candidate], now: float) -> float | None:
    """When the first refusal of somebody who wants offers is over."""
    wanting = {(one.framework_id, one.role) for one in candidates}
    ends = (one.until for who, there in refusals.items() if who[:2] in wanting for one in there if one.until > now)
    return min(ends, default=None)


def _available(agent: Agent, market: Market, offered: Resources) -> Resources:
    """Of the ports, only the agent's own: others hand out the rest, on this same machine."""
    left = above_zero(subtract(market.ledger.free[agent.id], offered))
    own = agent.share or agent.total.ports
    return replace(left, ports=(left.ports & own) - frozenset(market.insisted))


def _may_have(
    one: Candidate, agent: Agent, available: Resources, refusals: Mapping[Who, Sequence[Refusal]], now: float
) -> bool:
    if agent.role not in {"*", one.role} or (agent.total.gpus and not one.gpus):
        return False
    refused = refusals.get((one.framework_id, one.role, agent.id), ())
    return not any(refusal.until > now and fits(available, refusal.resources) for refusal in refused)


def _share(one: Candidate, held: Mapping[tuple[str, str], Resources], everything: Resources) -> tuple[float, float]:
    """The dominant share of the role over all frameworks, and of the framework in it."""
    whole = total(amount for (_, role), amount in held.items() if role == one.role)
    return _dominant(whole, everything), _dominant(held.get((one.framework_id, one.role), NONE), everything)


def _dominant(amount: Resources, everything: Resources) -> float:
    pairs = ((amount.cpus, everything.cpus), (amount.mem, everything.mem), (amount.disk, everything.disk))
    return max((part / whole for part, whole in pairs if whole), default=0.0)
