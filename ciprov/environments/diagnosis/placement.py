"""Why no agent takes an app: the queue's reasons, made out with what the agents have, where that is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ciprov.environments.agent_ports import AgentPorts, agent_ports, offered_text
from ciprov.environments.diagnosis.cause import Cause
from ciprov.environments.diagnosis.constraints import constraint_cause
from ciprov.environments.diagnosis.kinds import Kind
from ciprov.environments.fixed_ports import fixed_host_ports
from ciprov.environments.needs import instance_needs
from ciprov.foundation.json import JsonObject

_AMOUNTS: Mapping[str, tuple[str, Kind, str]] = {
    "InsufficientCpus": ("cpus", Kind.CPUS_SHORT, "cpus"),
    "InsufficientMemory": ("mem", Kind.MEM_SHORT, "MiB of memory"),
    "InsufficientDisk": ("disk", Kind.DISK_SHORT, "MiB of disk"),
    "InsufficientGpus": ("gpus", Kind.GPUS_SHORT, "gpus"),
}
_PLAIN: Mapping[str, tuple[Kind, str]] = {
    "UnfulfilledRole": (Kind.ROLE_NOT_OFFERED, "no offer is for its role"),
    "NoCorrespondingReservationFound": (
        Kind.RESERVATION_MISSING,
        "its reserved resources are on no agent that offers any",
    ),
    "AgentMaintenance": (Kind.AGENTS_IN_MAINTENANCE, "the agents are about to be maintained"),
    "DeclinedScarceResources": (
        Kind.GPUS_SHORT,
        "the agents left have scarce resources that it does not ask for",
    ),
}
_FUNNEL = (
    "UnfulfilledRole",
    "UnfulfilledConstraint",
    "NoCorrespondingReservationFound",
    "AgentMaintenance",
    "InsufficientCpus",
    "InsufficientMemory",
    "InsufficientDisk",
    "InsufficientGpus",
    "InsufficientNetworkBandwidth",
    "InsufficientPorts",
    "DeclinedScarceResources",
)
_ROUNDING = 1e-6


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known of the cluster: the master's list of agents (None: unknown) and the apps of others."""

    slaves: Sequence[JsonObject] | None = None
    apps: Sequence[JsonObject] = ()

    @property
    def active(self) -> list[JsonObject] | None:
        return None if self.slaves is None else [slave for slave in self.slaves if slave.get("active", True)]


def placement_causes(app: JsonObject, queued: JsonObject, around: Surroundings) -> tuple[Cause, ...]:
    """Why the last offers did not do, the reason of those that came furthest first: all else fitted there."""
    active = around.active
    if active is not None and not active:
        return (Cause(Kind.NO_AGENTS, "the cluster has no active agent"),)
    rejections = _rejections(queued)
    causes = [_cause(reason, told, app, around) for reason, told in rejections]
    # The agents tell what a fixed port lacks even where offers did not come so far.
    if all(cause.kind is not Kind.PORT_NOT_OFFERED for cause in causes):
        causes = [*_never_offered(app, active), *causes]
    return tuple(causes) or _unlooked(app, active)


def has_rejections(queued: JsonObject) -> bool:
    return bool(_rejections(queued))


def _rejections(queued: JsonObject) -> list[tuple[str, str]]:
    """Reason and its figures, of the last offers that were declined, else of this launch attempt."""
    summary = queued.get("processedOffersSummary") or {}
    for key in ("rejectSummaryLastOffers", "rejectSummaryLaunchAttempt"):
        found = [
            (str(one.get("reason")), f"queue: {one.get('reason')} declined {one['declined']} of {one.get('processed')}")
            for one in summary.get(key) or []
            if one.get("declined")
        ]
        if found:
            return sorted(found, key=lambda one: -_FUNNEL.index(one[0]) if one[0] in _FUNNEL else 1)
    return []


_FOR_MORE_PLACES = "bring back the agents that are away, add agents, or ask for fewer instances"


def _cause(reason: str, told: str, app: JsonObject, around: Surroundings) -> Cause:
    if reason == "InsufficientPorts":
        return _ports(app, told, around)
    if reason == "UnfulfilledConstraint":
        return constraint_cause(app, around.active, (told,))
    if reason in _AMOUNTS:
        return _amount(reason, app, around.active, told)
    if reason in _PLAIN:
        kind, text = _PLAIN[reason]
        role = ", ".join(app.get("acceptedResourceRoles") or []) or app.get("role")
        return Cause(kind, f"{text} ({role})" if role and kind is Kind.ROLE_NOT_OFFERED else text, (told,))
    return Cause(Kind.NO_OFFERS, f"no agent will do: {reason}", (told,))


def _amount(reason: str, app: JsonObject, active: list[JsonObject] | None, told: str) -> Cause:
    resource, kind, unit = _AMOUNTS[reason]
    wanted = instance_needs(app)[resource]
    known = [agent for agent in active or [] if resource in (agent.get("resources") or {})]
    if not known:
        return Cause(kind, f"no agent has {wanted:.10g} {unit} free", (told,))
    largest = max(known, key=lambda agent: float(agent["resources"][resource]))
    most = float(largest["resources"][resource])
    if wanted > most + _ROUNDING:
        return Cause(
            kind,
            f"it asks for {wanted:.10g} {unit}, which no agent has: {_name(largest)} has the most, {most:.10g}",
            (told,),
            "ask for less, or add a larger agent",
        )
    freest = max(known, key=lambda agent: _free(agent, resource))
    return Cause(
        kind,
        f"no agent has {wanted:.10g} {unit} free",
        (told, f"{_name(freest)} has the most left: {max(0.0, _free(freest, resource)):.10g} of "
         f"{float(freest['resources'][resource]):.10g}"),
    )  # fmt: skip


def _ports(app: JsonObject, told: str, around: Surroundings) -> Cause:
    fixed = fixed_host_ports(app)
    listed = ", ".join(map(str, fixed))
    if not fixed:
        return Cause(Kind.PORTS_SHORT, "no agent has enough host ports free", (told,))
    active = around.active
    if missing := _never_offered(app, active, told):
        return missing[0]
    text = f"host port {listed} is held" if len(fixed) == 1 else f"no agent has its host ports free ({listed})"
    holders = _holders(app, fixed, around.apps)
    if holders:
        text += f" by {', '.join(holders)}"
    using = (
        [] if active is None else [agent for agent in agent_ports(active) if any(agent.uses(port) for port in fixed)]
    )
    where = tuple(f"in use on {agent.hostname or agent.id}" for agent in using)
    if using and not holders and {agent.hostname for agent in using} <= _own_hosts(app, fixed):
        others = "other instances of it are on every agent that offers"
        return Cause(Kind.PORT_HELD, f"{others} host port {listed}", (told, *where), _FOR_MORE_PLACES)
    return Cause(Kind.PORT_HELD, text, (told, *where))


def _never_offered(app: JsonObject, active: list[JsonObject] | None, *told: str) -> list[Cause]:
    """A fixed port that no agent offers; nothing where the agents or their ports are not known."""
    agents: tuple[AgentPorts, ...] = agent_ports(active or [])
    if not any(agent.offered for agent in agents):
        return []
    missing = [port for port in fixed_host_ports(app) if not any(agent.offers(port) for agent in agents)]
    if not missing:
        return []
    ports = ", ".join(map(str, missing))
    text = f"no agent offers host port {ports} (offered: {offered_text(agents)})"
    return [Cause(Kind.PORT_NOT_OFFERED, text, told)]


def _holders(app: JsonObject, ports: tuple[int, ...], apps: Sequence[JsonObject]) -> list[str]:
    found = []
    for other in apps:
        if other.get("id") == app.get("id") or not int(other.get("instances", 1)):
            continue
        if set(fixed_host_ports(other)) & set(ports) or _tasks_hold(other, ports):
            environment = (other.get("labels") or {}).get("CIPROV_ENV")
            found.append(f"{other['id']} (environment {environment})" if environment else str(other["id"]))
    return found


def _own_hosts(app: JsonObject, ports: tuple[int, ...]) -> set[str]:
    return {str(task.get("host")) for task in app.get("tasks") or [] if set(task.get("ports") or ()) & set(ports)}


def _tasks_hold(app: JsonObject, ports: tuple[int, ...]) -> bool:
    return any(set(task.get("ports") or ()) & set(ports) for task in app.get("tasks") or [])


def _unlooked(app: JsonObject, active: list[JsonObject] | None) -> tuple[Cause, ...]:
    """No offer was looked at: either it is early, or nobody has anything to offer."""
    if active:
        wanted = instance_needs(app)
        for resource, kind, unit in _AMOUNTS.values():
            known = [agent for agent in active if resource in (agent.get("resources") or {})]
            if known and wanted[resource] and all(_free(agent, resource) < wanted[resource] for agent in known):
                return (Cause(kind, f"no agent has {wanted[resource]:.10g} {unit} free"),)
    return (Cause(Kind.NO_OFFERS, "no offer was looked at yet"),)


def _free(agent: JsonObject, resource: str) -> float:
    return float(agent["resources"][resource]) - float((agent.get("used_resources") or {}).get(resource) or 0)


def _name(agent: JsonObject) -> str:
    return str(agent.get("hostname") or agent.get("id"))
