"""Whether an agent meets a constraint.

An agent without the attribute meets UNLIKE alone. EQUAL and LIKE hold if one of several values does, UNLIKE if none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from ciprov.framework.offers import Attributes
from ciprov.framework.requests import Constraint, Operator
from ciprov.framework.state import PlacedTask

_CROWDING = frozenset({Operator.UNIQUE, Operator.MAX_PER, Operator.GROUP_BY, Operator.CLUSTER})


def looks_at_tasks(constraint: Constraint) -> bool:
    """Whether it depends on where other tasks of the label are."""
    return constraint.operator in _CROWDING


def values(field: str, hostname: str, attributes: Attributes) -> tuple[str, ...]:
    """Of an agent; empty where it has none."""
    return (hostname,) if field == "hostname" else attributes.get(field, ())


def meets(constraint: Constraint, there: tuple[str, ...]) -> bool:
    """Whether an agent with these values may be used, wherever other tasks are."""
    match constraint.operator:
        case Operator.UNLIKE:
            return not any(re.fullmatch(constraint.value, value) for value in there)
        case Operator.LIKE:
            return any(re.fullmatch(constraint.value, value) for value in there)
        case Operator.EQUAL:
            return any(_equal(constraint.value, value) for value in there)
        case Operator.CLUSTER if constraint.value:
            return any(_equal(constraint.value, value) for value in there)
        case _:
            return bool(there)


class Crowd:
    """Where the tasks of each label are. Counting follows what a decision places."""

    def __init__(self, placed: Iterable[PlacedTask] = ()) -> None:
        self._tasks: dict[str, list[tuple[str, Attributes]]] = {}
        self._counts: dict[str, dict[str, Counter[tuple[str, ...]]]] = {}
        for task in placed:
            self.add(task.label, task.hostname, task.attributes)

    def add(self, label: str, hostname: str, attributes: Attributes) -> None:
        tasks = self._tasks.setdefault(label, [])
        tasks.append((hostname, attributes))
        for field, counts in self._counts.get(label, {}).items():
            counts[values(field, hostname, attributes)] += 1

    def size(self, label: str) -> int:
        """How many tasks the label has: it changes exactly when an answer of `allows` may."""
        return len(self._tasks.get(label, ()))

    def allows(self, constraint: Constraint, label: str, there: tuple[str, ...]) -> bool:
        """Whether one more task of `label` may go onto an agent with these values."""
        counts = self._counted(label, constraint.field)
        match constraint.operator:
            case Operator.UNIQUE:
                return counts[there] == 0
            case Operator.MAX_PER:
                return counts[there] < int(constraint.value)
            case Operator.CLUSTER:
                return bool(constraint.value) or all(value == there for value in counts)
            case Operator.GROUP_BY:
                return _evenly(counts, there, int(constraint.value or 0))
            case _:
                return True

    def _counted(self, label: str, field: str) -> Counter[tuple[str, ...]]:
        by_field = self._counts.setdefault(label, {})
        if field not in by_field:
            by_field[field] = Counter(values(field, *task) for task in self._tasks.get(label, ()))
        return by_field[field]


def _evenly(counts: Counter[tuple[str, ...]], there: tuple[str, ...], groups: int) -> bool:
    """One more where least are. With a number of groups, new values come until there are so many, and none after."""
    known = {value: count for value, count in counts.items() if value and count}
    if there not in known:
        return groups == 0 or len(known) < groups
    return len(known) >= groups and known[there] == min(known.values())


def _equal(wanted: str, value: str) -> bool:
    return value == wanted or (_number(value) is not None and _number(value) == _number(wanted))


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text) else None
