"""Which agent takes the next instance of an app, and with which ports. Pure."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.model import HOLDS_RESOURCES, Agent, Condition, Instance, Resources
from ciprov.localcluster.scheduling.agents import Ledger, resources_of
from ciprov.localcluster.scheduling.constraints import allowed, crowding
from ciprov.localcluster.scheduling.rejects import Reason

DYNAMIC = 0
NO_PORT = None


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the next instance goes. Pass `resources` to `Ledger.take`.

    `ports` has one entry per port definition or mapping, in order; 0 where a mapping takes no host port. `declined`
    are the agents that were asked before and why they did not fit.
    """

    agent_id: str
    host: str
    ports: tuple[int, ...]
    resources: Resources
    declined: Mapping[str, Reason] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejection:
    """No agent fits now: the first reason of the funnel, by agent id.

    `blocked_ports` are fixed ports that only foreign processes keep from the app: nobody tells when those end, so
    they are worth asking again after a while.
    """

    declined: Mapping[str, Reason]
    blocked_ports: frozenset[int] = frozenset()


def match(
    app: App,
    instances: Sequence[Instance],
    ledger: Ledger,
    unavailable: Collection[int] = frozenset(),
    seed: str = "",
) -> Placement | Rejection:
    """Find an agent for one more instance of `app`.

    `instances` are all of the app. For its constraints count those that hold resources on agents that are not lost and
    run its present configuration: an old one must not keep the one that replaces it from its agent. Only active agents
    make offers.
    `unavailable` are ports that processes outside the cluster hold; they are left out of every offer. `seed` decides
    which agent is asked first and which dynamic ports are taken: the same seed gives the same answer, another seed
    (the task's id, say) most likely others, so a port that was just freed is not the next one handed out.
    """
    chance = random.Random(seed)
    placed = [instance for instance in instances if _counts(instance, app)] if app.constraints else []
    wanted = host_ports(app)
    order = [agent for agent in ledger.agents.values() if agent.active]
    first = chance.randrange(len(order)) if order else 0
    declined: dict[str, Reason] = {}
    blocked: set[int] = set()
    asked = sorted(order[first:] + order[:first], key=lambda agent: crowding(app, agent, placed, ledger.agents))
    for agent in asked:
        free = ledger.free[agent.id]
        reason = _reason(app, agent, placed, ledger)
        if reason is None:
            offered = _Offered(free.ports, free.ports & (agent.share or free.ports), _publishes(app))
            ports = _assign(wanted, offered, unavailable, chance)
            if ports is not None:
                return Placement(agent.id, agent.hostname, ports, resources_of(app, ports), declined)
            reason = Reason.INSUFFICIENT_PORTS
            blocked |= {port for port in wanted if port and port in free.ports and port in unavailable}
        declined[agent.id] = reason
    return Rejection(declined, frozenset(blocked))


def host_ports(app: App) -> tuple[int | None, ...]:
    """The host ports that one instance asks for, in order: a fixed one, 0 for any, None for none at all."""
    mode = app.networks[0].mode if app.networks else "host"
    if mode == "host":
        return tuple(definition.port if app.require_ports else DYNAMIC for definition in app.port_definitions)
    mappings = app.container.port_mappings if app.container else None
    if mode == "container/bridge":
        return tuple(mapping.host_port or DYNAMIC for mapping in mappings or ())
    return tuple(mapping.host_port for mapping in mappings or ())


def fixed_ports(app: App) -> frozenset[int]:
    """The host ports that every instance of `app` insists on."""
    return frozenset(port for port in host_ports(app) if port)


def _counts(instance: Instance, app: App) -> bool:
    return (
        instance.condition in HOLDS_RESOURCES
        and instance.condition is not Condition.UNREACHABLE
        and instance.app_version >= (app.version_info.last_config_change_at or "")
    )


def _reason(app: App, agent: Agent, placed: Sequence[Instance], ledger: Ledger) -> Reason | None:
    free = ledger.free[agent.id]
    accepted = app.accepted_resource_roles or ("*", app.role)
    if agent.role not in accepted or agent.role not in {"*", app.role}:
        return Reason.UNFULFILLED_ROLE
    if not allowed(app, agent, placed, ledger.agents):
        return Reason.UNFULFILLED_CONSTRAINT
    for needed, available, reason in (
        (app.cpus, free.cpus, Reason.INSUFFICIENT_CPUS),
        (app.mem, free.mem, Reason.INSUFFICIENT_MEMORY),
        (app.disk, free.disk, Reason.INSUFFICIENT_DISK),
        (app.gpus, free.gpus, Reason.INSUFFICIENT_GPUS),
    ):
        if round(needed, 3) > available:
            return reason
    return None


@dataclass(frozen=True, slots=True)
class _Offered:
    """An agent's free ports, and those among them that no other agent hands out."""

    free: frozenset[int]
    own: frozenset[int]
    publishes: bool

    @property
    def fixed(self) -> frozenset[int]:
        """Published ports are at the bridge's gateway as well, which all agents share."""
        return self.own if self.publishes else self.free


def _publishes(app: App) -> bool:
    return bool(app.networks) and app.networks[0].mode != "host"


def _assign(
    wanted: Sequence[int | None], offered: _Offered, unavailable: Collection[int], chance: random.Random
) -> tuple[int, ...] | None:
    """The host port for each of `wanted` (0 for none), or None where they cannot all be had."""
    fixed = {port for port in wanted if port}
    if (
        len(fixed) < sum(1 for port in wanted if port)
        or not fixed <= offered.fixed
        or any(port in unavailable for port in fixed)
    ):
        return None
    dynamic = wanted.count(DYNAMIC)
    picked: list[int] = []
    if dynamic:
        candidates = sorted(offered.own.difference(fixed, unavailable))
        if len(candidates) < dynamic:
            return None
        picked = chance.sample(candidates, dynamic)
    return tuple(0 if port is NO_PORT else port or picked.pop() for port in wanted)
