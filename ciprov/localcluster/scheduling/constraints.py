"""Placement constraints as Marathon reads them: UNIQUE, CLUSTER, GROUP_BY, LIKE, UNLIKE, MAX_PER and IS.

The field is `hostname` (or `@hostname`) or the name of an agent's attribute. Values are compared as texts; numbers in
the form that `number` gives them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from ciprov.localcluster.attributes import number
from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.model import Agent, Instance

_Values = Sequence[str | None]

_HOSTNAME = frozenset({"hostname", "@hostname"})


def allowed(
    app: App,
    agent: Agent,
    placed: Sequence[Instance],
    agents: Mapping[str, Agent],
) -> bool:
    """Whether the constraints of `app` let one more instance onto `agent`, given those `placed` on any of `agents`."""
    return all(_meets(constraint, app.instances, agent, placed, agents) for constraint in app.constraints)


def crowding(app: App, agent: Agent, placed: Sequence[Instance], agents: Mapping[str, Agent]) -> tuple[int, ...]:
    """How many of `placed` share `agent`'s value, for each GROUP_BY: agents with the least are to be asked first.

    Without a number GROUP_BY spreads instances only over the values that have one, and those come with the offers.
    """
    return tuple(
        sum(_placed_value(field, instance, agents) == _value(field, agent) for instance in placed)
        for field in _grouping(app)
    )


def spreads(
    app: App, instances: Sequence[Instance], agents: Mapping[str, Agent]
) -> tuple[Mapping[str, str | None], ...]:
    """For each GROUP_BY of `app` the value that every instance is at, by instance id."""
    return tuple(
        {instance.id: _placed_value(field, instance, agents) for instance in instances} for field in _grouping(app)
    )


def _grouping(app: App) -> list[str]:
    return [constraint[0] for constraint in app.constraints if constraint[1].upper() == "GROUP_BY"]


def _meets(
    constraint: Sequence[str], count: int, agent: Agent, placed: Sequence[Instance], agents: Mapping[str, Agent]
) -> bool:
    field, operator, *rest = constraint
    value = _value(field, agent)
    if value is None:
        return operator.upper() == "UNLIKE"
    wanted = rest[0] if rest else ""
    there = [_placed_value(field, instance, agents) for instance in placed]
    if operator.upper() == "GROUP_BY":
        return _group_by(value, _whole(wanted), there, count)
    rule = _RULES.get(operator.upper())
    return rule is not None and rule(value, wanted, there)


def _cluster(value: str, wanted: str, there: _Values) -> bool:
    return wanted in {"", value} and all(other == value for other in there)


def _group_by(value: str, groups: int, there: _Values, count: int) -> bool:
    """Evenly over as many values as the constraint names, and no others; without a number over those that come.

    `count` is how many instances the app is to have: a value takes its share of them at once, and what is left over
    goes to single values.
    """
    sizes = Counter(there)
    if groups <= 0:
        return value not in sizes or sizes[value] == min(sizes.values())
    if value not in sizes:
        return len(sizes) < groups
    share, left_over = divmod(count, groups)
    left_over -= sum(max(0, size - share) for size in sizes.values())
    return sizes[value] < share or (sizes[value] == share and left_over > 0)


_RULES: Mapping[str, Callable[[str, str, _Values], bool]] = {
    "UNIQUE": lambda value, _, there: value not in there,
    "CLUSTER": _cluster,
    "MAX_PER": lambda value, wanted, there: there.count(value) < _whole(wanted),
    "LIKE": lambda value, wanted, _: _matches(wanted, value),
    "UNLIKE": lambda value, wanted, _: not _matches(wanted, value),
    "IS": lambda value, wanted, _: value == (number(wanted) or wanted),
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
