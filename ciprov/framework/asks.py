"""Requests in the form in which a decision handles them: amounts counted, equal kinds recognised."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from ciprov.framework.constraints import looks_at_tasks
from ciprov.framework.requests import Constraint, Request
from ciprov.framework.resources import Amounts
from ciprov.framework.state import Policy


class Kind(NamedTuple):
    """Requests of one kind may use the same agents, resources and other tasks left aside.

    `endures` counts the planned maintenances, by their start, that begin before the task is expected to end.
    """

    roles: tuple[str, ...]
    constraints: tuple[Constraint, ...]
    needs_gpus: bool
    endures: int


Turn = tuple[int, float]
"""The rank and the age of a request: the larger goes first, the fair share of labels left aside."""


@dataclass(slots=True)
class Ask:
    """A request in a decision. `rank` is its priority raised by its age, `age` in seconds."""

    request: Request
    amounts: Amounts
    free_ports: int
    fixed_ports: tuple[int, ...]
    kind: Kind
    crowding: tuple[Constraint, ...]
    age: float
    rank: int

    @property
    def turn(self) -> Turn:
        return self.rank, self.age


def asks(requests: Iterable[Request], maintenances: Sequence[datetime], policy: Policy, now: datetime) -> list[Ask]:
    """`maintenances` are the starts of those planned, in order."""
    split: dict[tuple[Constraint, ...], tuple[tuple[Constraint, ...], tuple[Constraint, ...]]] = {(): ((), ())}
    result = []
    for request in requests:
        given = request.constraints
        if given not in split:
            split[given] = given, tuple(c for c in given if looks_at_tasks(c))
        standing, crowding = split[given]
        wanted = request.wanted
        fixed = tuple(port for port in wanted.ports if port) if wanted.ports else ()
        age = max(0.0, (now - request.asked_at).total_seconds())
        endures = 0
        if maintenances:
            seconds = policy.unknown_task if request.expected_s is None else request.expected_s
            endures = bisect_left(maintenances, now + timedelta(seconds=seconds))
        rises = int(age // policy.rises_every) if policy.rises_every else 0
        result.append(
            Ask(
                request=request,
                amounts=wanted.amounts,
                free_ports=len(wanted.ports),
                fixed_ports=fixed,
                kind=Kind(request.roles, standing, wanted.gpus > 0, endures),
                crowding=crowding,
                age=age,
                rank=request.priority + rises,
            )
        )
    return result
