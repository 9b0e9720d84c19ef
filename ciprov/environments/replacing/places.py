"""On which agents the new instances of an app could start, now and once an old one has ended. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ciprov.environments.agent_ports import AgentPorts, agent_ports
from ciprov.environments.fixed_ports import fixed_host_ports
from ciprov.environments.normalise import normal_form
from ciprov.environments.replacing.rolling import ANYWHERE, Room
from ciprov.foundation.json import JsonObject

_AMOUNTS = ("cpus", "mem", "disk", "gpus")
_ROUNDING = 1e-6


def room_for(
    desired: JsonObject, live: JsonObject, tasks: Sequence[JsonObject], slaves: Sequence[JsonObject] | None
) -> Room:
    """What is surely there for `desired`, whose old `tasks` all run; without fixed ports any place will do.

    Agents that are not known (None) have no place. Constraints and roles are not worked out: an app that has any has no
    free place, and one that is spread over groups of agents may be kept even from the place that it had.
    """
    if not fixed_host_ports(desired):
        return ANYWHERE
    reused = _same_places(desired, live) and not _spread(desired)
    if slaves is None:
        return Room(0, reused and not _grown(desired, live))
    own = {str(task.get("slaveId") or "") for task in tasks}
    free, enough = 0, True
    for slave, ports in _active(slaves):
        if ports.id in own:
            enough = enough and _fits(desired, slave, _needs(live))
        if not _particular(desired) and not slave.get("reserved_resources") and _offers(ports, desired):
            free += _fits(desired, slave, {})
    if _grown(desired, live):
        reused = reused and enough
    return Room(free, reused)


def _active(slaves: Sequence[JsonObject]) -> Iterable[tuple[JsonObject, AgentPorts]]:
    active = [slave for slave in slaves if slave.get("active", True)]
    return zip(active, agent_ports(active), strict=True)


def _offers(agent: AgentPorts, app: JsonObject) -> bool:
    return all(agent.offers(port) and not agent.uses(port) for port in fixed_host_ports(app))


def _same_places(desired: JsonObject, live: JsonObject) -> bool:
    """Whether an agent that had an old instance can have a new one, by its ports and constraints."""
    one, other = normal_form(desired), normal_form(live)
    keys = ("constraints", "acceptedResourceRoles", "role")
    asked = all(key not in one or one.get(key) == other.get(key) for key in keys)
    return asked and one.get("constraints") == other.get("constraints") and _within(desired, live)


def _within(desired: JsonObject, live: JsonObject) -> bool:
    return set(fixed_host_ports(desired)) <= set(fixed_host_ports(live))


def _spread(app: JsonObject) -> bool:
    constraints = app.get("constraints") or []
    return any(isinstance(one, list) and len(one) > 1 and str(one[1]).upper() == "GROUP_BY" for one in constraints)


def _particular(app: JsonObject) -> bool:
    return bool(app.get("constraints")) or app.get("acceptedResourceRoles") not in (None, [], ["*"])


def _grown(desired: JsonObject, live: JsonObject) -> bool:
    before, after = _needs(live), _needs(desired)
    return any(after[name] > before[name] + _ROUNDING for name in _AMOUNTS)


def _fits(app: JsonObject, slave: JsonObject, given_back: Mapping[str, float]) -> bool:
    total, used = slave.get("resources") or {}, slave.get("used_resources") or {}
    needs = _needs(app)
    return all(
        needs[name] <= _number(total.get(name)) - _number(used.get(name)) + given_back.get(name, 0.0) + _ROUNDING
        for name in _AMOUNTS
    )


def _needs(app: JsonObject) -> dict[str, float]:
    form = normal_form(app)
    return {name: _number(form.get(name)) for name in _AMOUNTS}


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
