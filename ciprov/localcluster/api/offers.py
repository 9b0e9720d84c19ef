"""`lastUnusedOffers` of the queue: what agents have to offer, and why an app could not use it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from ciprov.localcluster.model import Agent, Resources
from ciprov.localcluster.timestamps import timestamp

Json = dict[str, Any]


def unused_offers(
    refusals: Mapping[str, str], agents: Sequence[Agent], free: Mapping[str, Resources], at: datetime
) -> list[Json]:
    """One for each agent that refused: `refusals` are reasons by agent id, `free` is what each agent has left."""
    return [
        {"offer": _offer(agent, free[agent.id]), "reason": [refusals[agent.id]], "timestamp": timestamp(at)}
        for agent in agents
        if agent.active and agent.id in refusals
    ]


def _offer(agent: Agent, free: Resources) -> Json:
    amounts = (("cpus", free.cpus), ("mem", free.mem), ("disk", free.disk), ("gpus", free.gpus))
    resources: list[Json] = [{"name": name, "role": agent.role, "scalar": amount} for name, amount in amounts if amount]
    if free.ports:
        resources.append({"name": "ports", "role": agent.role, "ranges": _ranges(sorted(free.ports))})
    return {
        "id": f"{agent.id}-offer",
        "agentId": agent.id,
        "hostname": agent.hostname,
        "resources": resources,
        "attributes": [_attribute(name, value) for name, value in agent.attributes.items()],
    }


def _attribute(name: str, value: str) -> Json:
    return (
        {"name": name, "scalar": float(value)}
        if re.fullmatch(r"-?\d+(\.\d+)?", value)
        else {"name": name, "text": value}
    )


def _ranges(ports: Sequence[int]) -> list[dict[str, int]]:
    found: list[dict[str, int]] = []
    for port in ports:
        if found and port == found[-1]["end"] + 1:
            found[-1]["end"] = port
        else:
            found.append({"begin": port, "end": port})
    return found
