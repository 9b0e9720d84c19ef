"""Placement constraints as Marathon reads them: UNIQUE, CLUSTER, GROUP_BY, LIKE, UNLIKE, MAX_PER and IS.

The field is `hostname` (or `@hostname`) or the name of an agent's attribute.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from ciprov.localcluster.model import Agent, Instance

_Values = Sequence[str | None]

_HOSTNAME = frozenset({"hostname", "@hostname"})


def allowed(
    constraints: Sequence[Sequence[str]],
    agent: Agent,
    placed: Sequence[Instance],
    agents: Mapping[str, Agent],
) -> bool:
    """Whether all `constraints` let one more instance onto `agent`, given those `placed` on any of `agents`."""
    return all(_meets(constraint, agent, placed, agents) for constraint in constraints)


def _meets(constraint: Sequence[str], agent: Agent, placed: Sequence[Instance], agents: Mapping[str, Agent]) -> bool:
    field, operator, *rest = constraint
    value = _value(field, agent)
    if value is None:
        return operator.upper() == "UNLIKE"
    rule = _RULES.get(operator.upper())
    there = [_placed_value(field, instance, agents) for instance in placed]
    return rule is not None and rule(value, rest[0] if rest else "", there)


def _cluster(value: str, wanted: str, there: _Values) -> bool:
    return wanted in {"", value} and all(other == value for other in there)


def _group_by(value: str, wanted: str, there: _Values) -> bool:
    groups = Counter(there)
    return value not in groups or (len(groups) >= _whole(wanted) and groups[value] == min(groups.values()))


_RULES: Mapping[str, Callable[[str, str, _Values], bool]] = {
    "UNIQUE": lambda value, _, there: value not in there,
    "CLUSTER": _cluster,
    "GROUP_BY": _group_by,
    "MAX_PER": lambda value, wanted, there: there.count(value) < _whole(wanted),
    "LIKE": lambda value, wanted, _: _matches(wanted, value),
    "UNLIKE": lambda value, wanted, _: not _matches(wanted, value),
    "IS": lambda value, wanted, _: value == wanted,
}
"""`(value of the agent, value in the constraint, values where instances are) -> whether one more may go there`."""


def _value(field: str, agent: Agent) -> str | None:
    return agent.hostname if field in _HOSTNAME else agent.attributes.get(field)


def _placed_value(field: str, instance: Instance, agents: Mapping[str, Agent]) -> str | None:
    if field in _HOSTNAME:
        return instance.host
    agent = agents.get(instance.agent_id)
    return agent.attributes.get(field) if agent else None


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:
        return False


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        return 0
