"""What is remembered of agents, so that it is known what they could take when they have nothing to offer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from ciprov.framework.joined_offers import JoinedOffers
from ciprov.framework.resources import NOTHING, Amounts, merged
from ciprov.framework.state import KnownAgent

FORGOTTEN_AFTER = timedelta(hours=24)
"""An agent that offered nothing for so long, and where no task of ours is, is not counted on any more."""


def learn(
    known: Mapping[str, KnownAgent], joined: Iterable[JoinedOffers], used: Mapping[str, Amounts], now: datetime
) -> dict[str, KnownAgent]:
    """`used` is what our tasks use, by agent id."""
    agents = {agent.id: agent for agent in known.values() if agent.id in used or agent.seen_at > now - FORGOTTEN_AFTER}
    by_agent: dict[str, list[JoinedOffers]] = {}
    for one in joined:
        by_agent.setdefault(one.agent_id, []).append(one)
    for agent_id, offers in by_agent.items():
        capacity, before = used.get(agent_id, NOTHING), agents.get(agent_id)
        for one in offers:
            capacity = capacity.plus(one.free)
        roles = frozenset(one.role for one in offers)
        ports = merged(part for one in offers for part in one.free_ranges)
        if before is not None:
            capacity = capacity.most(before.capacity)
            roles |= before.roles
            ports = ports if ports == before.ports else merged((*ports, *before.ports))
        first = offers[0]
        agents[agent_id] = KnownAgent(
            id=agent_id,
            hostname=first.hostname,
            attributes=first.attributes,
            capacity=capacity,
            ports=ports,
            roles=roles,
            seen_at=now,
            maintenance=min((one.maintenance for one in offers if one.maintenance), default=None),
        )
    return agents
