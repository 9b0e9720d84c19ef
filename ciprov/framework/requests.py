"""Requests: what is to be launched, as agents and batch ask for it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ciprov.foundation.errors import UsageError
from ciprov.framework.offers import UNRESERVED
from ciprov.framework.resources import Amounts, shown, thousandths


class Operator(StrEnum):
    """How a constraint reads an agent's value. The last four also look at where tasks of the same label are."""

    EQUAL = "EQUAL"
    LIKE = "LIKE"
    UNLIKE = "UNLIKE"
    UNIQUE = "UNIQUE"
    MAX_PER = "MAX_PER"
    GROUP_BY = "GROUP_BY"
    CLUSTER = "CLUSTER"


class Algorithm(StrEnum):
    """Which of the agents that fit is taken."""

    FIRST_FIT = "first-fit"
    BEST_FIT = "best-fit"
    SPREAD = "spread"
    STICKY = "sticky"


@dataclass(frozen=True, slots=True)
class Constraint:
    """`field` is an attribute of the agent, or `hostname`. `value` is what EQUAL compares with, LIKE and UNLIKE match
    as a regular expression against the whole value, how many MAX_PER allows for a value, over how many values GROUP_BY
    spreads (empty: over those that come), or where CLUSTER puts all (empty: where the first one went).
    """

    field: str
    operator: Operator
    value: str = ""

    def __post_init__(self) -> None:
        problem = ""
        if self.operator in {Operator.LIKE, Operator.UNLIKE}:
            try:
                re.compile(self.value)
            except re.error as error:
                problem = f"is no regular expression: {error}"
        elif self.operator is Operator.MAX_PER or (self.operator is Operator.GROUP_BY and self.value):
            if not re.fullmatch("[1-9][0-9]{0,8}", self.value):
                problem = "is no whole number above 0"
        elif self.operator is Operator.EQUAL and not self.value:
            problem = "is empty"
        if problem:
            raise UsageError(f"the value '{self.value}' {problem}", place=f"constraint {self}")

    def __str__(self) -> str:
        return f"{self.field} {self.operator} {self.value}".strip()


def constraint(field: str, operator: str, value: str = "") -> Constraint:
    """From texts as people write them, in any case; IS is EQUAL and `@hostname` is `hostname`. Raises `UsageError`."""
    name = operator.upper()
    try:
        known = Operator("EQUAL" if name == "IS" else name)
    except ValueError:
        raise UsageError(
            f"there is no operator '{operator}'",
            place=f"constraint on {field}",
            way_out=f"Use one of {', '.join(Operator)}.",
        ) from None
    return Constraint("hostname" if field == "@hostname" else field, known, value)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one task needs: cores, MiB of memory and of disk, whole gpus, and ports.

    Each element of `ports` is a port number, or 0 for any free one.
    """

    cpus: float = 0.0
    mem: float = 0.0
    disk: float = 0.0
    gpus: int = 0
    ports: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        given = (self.cpus, self.mem, self.disk, self.gpus)
        if not all(math.isfinite(amount) and amount >= 0 for amount in given) or not (self.cpus or self.mem):
            raise UsageError(
                f"{self.cpus} cpus, {self.mem} mem, {self.disk} disk and {self.gpus} gpus cannot be wanted",
                way_out="Amounts are 0 or more, and cpus or mem above 0.",
            )
        fixed = [port for port in self.ports if port]
        if len(set(fixed)) < len(fixed) or not all(0 <= port <= 65535 for port in self.ports):
            raise UsageError(
                f"the ports {list(self.ports)} cannot be wanted",
                way_out="A port is 0 for any or a number up to 65535, and no number comes twice.",
            )

    @property
    def amounts(self) -> Amounts:
        return Amounts(thousandths(self.cpus), thousandths(self.mem), thousandths(self.disk), self.gpus * 1000)

    def __str__(self) -> str:
        amounts = zip(("cpus", "mem", "disk", "gpus"), self.amounts, strict=True)
        parts = [f"{shown(amount)} {name}" for name, amount in amounts if amount]
        return ", ".join([*parts, *([f"{len(self.ports)} ports"] if self.ports else [])]) or "nothing"


@dataclass(frozen=True, slots=True)
class Request:
    """One task that somebody wants.

    `label` is the queue or template it belongs to: labels share fairly, and constraints look at tasks of the same
    label. `roles` are those whose offers may be used. A higher `priority` goes first. `preferred_hosts` are the hosts
    with a warm cache, the best first, for STICKY. `expected_s` is how long the task is expected to run, in seconds;
    without it no agent is used for which a maintenance is planned.
    """

    id: str
    label: str
    wanted: Wanted
    asked_at: datetime
    constraints: tuple[Constraint, ...] = ()
    roles: tuple[str, ...] = (UNRESERVED,)
    priority: int = 0
    preferred_hosts: tuple[str, ...] = ()
    algorithm: Algorithm = Algorithm.FIRST_FIT
    expected_s: float | None = field(default=None)
