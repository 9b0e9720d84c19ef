"""Rules of placement constraints, e.g. `["hostname", "UNIQUE"]`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.errors import Violation

OPERATORS = ("UNIQUE", "CLUSTER", "GROUP_BY", "LIKE", "MAX_PER", "UNLIKE", "IS")


def placement_violations(app: App) -> Iterator[Violation]:
    for index, constraint in enumerate(app.constraints):
        fault = constraint_fault(constraint)
        if fault:
            yield Violation(f"/constraints({index})", fault)


def constraint_fault(constraint: tuple[str, ...]) -> str:
    """What is wrong with a constraint of two or three texts; empty where nothing is."""
    field, operator, value = constraint[0], constraint[1].upper(), constraint[2] if len(constraint) > 2 else None
    if not field:
        return "missing field for constraint declaration"
    if operator not in OPERATORS:
        return "operator must be one of the following UNIQUE, CLUSTER, GROUP_BY, LIKE, MAX_PER, UNLIKE or IS"
    return _value_fault(operator, value)


def _value_fault(operator: str, value: str | None) -> str:
    fault = ""
    match operator:
        case "UNIQUE" if value is not None:
            fault = "UNIQUE does not accept a value"
        case "GROUP_BY" if value is not None and not _is_whole(value):
            fault = "GROUP BY must define an integer value or else no value at all"
        case "MAX_PER" if value is None or not _is_whole(value):
            fault = "MAX_PER requires an integer value"
        case "LIKE" | "UNLIKE" if value is None:
            fault = "LIKE and UNLIKE require a non-empty, regular expression value"
        case "LIKE" | "UNLIKE" if not _is_expression(value or ""):
            fault = "is not a valid regular expression"
        case "IS" if not re.fullmatch(r"[a-zA-Z0-9_/.-]*", value or ""):
            fault = "IS only supports Mesos text and float values"
    return fault


def _is_whole(value: str) -> bool:
    return re.fullmatch(r"[+-]?\d{1,10}", value) is not None


def _is_expression(value: str) -> bool:
    try:
        re.compile(value)
    except re.error:
        return False
    return True
