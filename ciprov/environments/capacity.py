"""What the agents can never give, as far as their sizes tell. Notes, no conflicts: larger agents may join."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ciprov.environments.agent_ports import agent_ports
from ciprov.environments.diagnosis.constraints import impossible
from ciprov.environments.needs import instance_needs, number
from ciprov.environments.plan import AppPlan, Plan
from ciprov.environments.tree import apps_of
from ciprov.foundation.json import JsonObject

_UNITS: Mapping[str, str] = {
    "cpus": "cpus",
    "mem": "MiB of memory",
    "disk": "MiB of disk",
    "gpus": "gpus",
    "ports": "host ports",
}
_ROUNDING = 1e-6
"""Mesos counts to a thousandth; sums of fractions are a little off."""


@dataclass(frozen=True, slots=True)
class _Agent:
    """`has` are its resources in all, used or not, as far as the master names them."""

    name: str
    has: Mapping[str, float]


def with_capacity_notes(plan: Plan, group: JsonObject, slaves: Sequence[JsonObject] | None) -> Plan:
    """`plan` with a note on each amount that no agent has, or all agents together have not, and on each constraint that
    no agent satisfies.

    `group` is the one to reach, `slaves` the master's list (None: unknown).
    """
    if slaves is None:
        return plan
    definitions = apps_of(group)
    asking = [(app, instance_needs(definitions[app.app_id])) for app in plan.apps if app.instances]
    if not asking:
        return plan
    active = [slave for slave in slaves if slave.get("active", True)]
    never = [(app, impossible(definitions[app.app_id], active)) for app, _ in asking if active]
    constrained = [f"{app.app}: {why}. It waits until such an agent joins" for app, why in never if why]
    return replace(plan, notes=(*plan.notes, *_notes(asking, _agents(slaves)), *constrained))


def _notes(asking: list[tuple[AppPlan, dict[str, float]]], agents: list[_Agent]) -> list[str]:
    if not agents:
        return ["the cluster has no active agent: nothing starts until one joins"]
    notes: list[str] = []
    for resource, unit in _UNITS.items():
        known = [agent for agent in agents if resource in agent.has]
        if not known:
            continue
        largest = max(known, key=lambda agent: agent.has[resource])
        most = largest.has[resource]
        too_large = [(app, needs[resource]) for app, needs in asking if needs[resource] > most + _ROUNDING]
        notes += [
            f"{app.app} asks for {_shown(amount)} {unit} per instance, which no agent has: {largest.name} has the "
            f"most, {_shown(most)}. It waits until a larger one joins"
            for app, amount in too_large
        ]
        sums = [(needs[resource] * app.instances, app.app) for app, needs in asking]
        wanted, total = sum(amount for amount, _ in sums), sum(agent.has[resource] for agent in known)
        if not too_large and wanted > total + _ROUNDING:
            amount, greediest = max(sums, key=lambda one: one[0])
            notes.append(
                f"all instances together ask for {_shown(wanted)} {unit}, {_shown(amount)} of it for {greediest}, but "
                f"the agents have {_shown(total)} in all, the largest ({largest.name}) {_shown(most)}. Some wait until "
                "more agents join"
            )
    return notes


def _agents(slaves: Sequence[JsonObject]) -> list[_Agent]:
    active = [slave for slave in slaves if slave.get("active", True)]
    found = []
    for slave, ports in zip(active, agent_ports(active), strict=True):
        resources = slave.get("resources") or {}
        has = {name: number(resources[name]) for name in _UNITS if name in resources}
        if "ports" in has:
            has["ports"] = float(ports.count)
        found.append(_Agent(ports.hostname or ports.id, has))
    return found


def _shown(amount: float) -> str:
    return str(round(amount)) if abs(amount - round(amount)) < _ROUNDING else f"{amount:.3f}".rstrip("0")
