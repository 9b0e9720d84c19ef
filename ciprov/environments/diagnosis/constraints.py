"""Which constraint keeps every agent from an app."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ciprov.environments.diagnosis.cause import Cause
from ciprov.environments.diagnosis.kinds import Kind
from ciprov.foundation.json import JsonObject

_BY_NUMBERS = ("UNIQUE", "MAX_PER", "GROUP_BY", "CLUSTER")
_VALUES_SHOWN = 8


def constraint_cause(app: JsonObject, agents: Sequence[JsonObject] | None, evidence: tuple[str, ...] = ()) -> Cause:
    """`agents` are the active ones of the master's list; None where they are not known."""
    constraints = [[str(part) for part in one] for one in app.get("constraints") or []]
    told = ", ".join(" ".join(one) for one in constraints)
    if agents is None:
        return Cause(
            Kind.NO_AGENT_WITH_ATTRIBUTE if not _by_numbers_only(constraints) else Kind.CONSTRAINT_EXHAUSTED,
            f"no agent satisfies its constraints ({told})" if told else "no agent satisfies its constraints",
            evidence,
        )
    if why := impossible(app, agents):
        return Cause(Kind.NO_AGENT_WITH_ATTRIBUTE, why, evidence)
    limits = ", ".join(" ".join(one) for one in constraints if len(one) > 1 and one[1].upper() in _BY_NUMBERS) or told
    wanted = int(app.get("instances", 1))
    return Cause(
        Kind.CONSTRAINT_EXHAUSTED,
        f"no agent is left for its {wanted} instance{'' if wanted == 1 else 's'} under the constraint {limits}",
        (*evidence, f"{len(agents)} active agent{'' if len(agents) == 1 else 's'}"),
    )


def impossible(app: JsonObject, agents: Sequence[JsonObject]) -> str:
    """Which constraint none of `agents` could ever satisfy, whatever runs where; empty where there is none."""
    constraints = [[str(part) for part in one] for one in app.get("constraints") or []]
    for one in constraints:
        if not any(_fits(one, agent) for agent in agents):
            return _nobody(one, agents)
    if constraints and not any(all(_fits(one, agent) for one in constraints) for agent in agents):
        told = ", ".join(" ".join(one) for one in constraints)
        return f"no agent satisfies all its constraints together ({told})"
    return ""


def _by_numbers_only(constraints: Sequence[Sequence[str]]) -> bool:
    return bool(constraints) and all(len(one) == 2 and one[1].upper() in _BY_NUMBERS for one in constraints)


def _nobody(constraint: Sequence[str], agents: Sequence[JsonObject]) -> str:
    field = constraint[0]
    values = sorted({value for agent in agents if (value := _value(field, agent)) is not None})
    if not values:
        return f"no agent has the attribute {field} ({' '.join(constraint)})"
    shown = ", ".join(values[:_VALUES_SHOWN]) + (", …" if len(values) > _VALUES_SHOWN else "")
    return f"no agent satisfies the constraint {' '.join(constraint)}: there are {field} {shown}"


def _fits(constraint: Sequence[str], agent: JsonObject) -> bool:
    """Whether the agent could ever do."""
    field, operator, wanted = constraint[0], constraint[1].upper() if len(constraint) > 1 else "", constraint[2:]
    value = _value(field, agent)
    if operator == "UNLIKE":
        return value is None or not wanted or not _like(wanted[0], value)
    if value is None:
        return False
    if operator == "LIKE" and wanted:
        return _like(wanted[0], value)
    if operator in ("IS", "CLUSTER") and wanted and wanted[0]:
        return _same(wanted[0], value)
    return True


def _value(field: str, agent: JsonObject) -> str | None:
    if field in ("hostname", "@hostname"):
        return str(agent.get("hostname") or "")
    if field in ("@region", "@zone"):
        found = ((agent.get("domain") or {}).get("fault_domain") or {}).get(field[1:]) or {}
        return str(found["name"]) if "name" in found else None
    value = (agent.get("attributes") or {}).get(field)
    return None if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _like(pattern: str, value: str) -> bool:
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:  # Java's expressions are not quite Python's
        return True


def _same(wanted: str, value: str) -> bool:
    try:
        return abs(float(wanted) - float(value)) < 0.001
    except ValueError:
        return wanted == value
