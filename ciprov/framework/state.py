"""What a decision knows besides requests and offers: the tasks there are, the policy, and what to remember."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ciprov.foundation.errors import UsageError
from ciprov.framework.offers import Attributes
from ciprov.framework.resources import NOTHING, Amounts, Ranges


@dataclass(frozen=True, slots=True)
class PlacedTask:
    """A task of ours that has not ended, from the moment at which it was decided."""

    task_id: str
    request_id: str
    label: str
    agent_id: str
    hostname: str
    amounts: Amounts
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KnownAgent:
    """An agent that offered something once. `capacity` and `ports` are the most that we ever saw free or used there.

    `maintenance` is when one begins, where one was planned when it last offered.
    """

    id: str
    hostname: str
    attributes: Attributes
    capacity: Amounts
    ports: Ranges
    roles: frozenset[str]
    seen_at: datetime
    maintenance: datetime | None = None

    @property
    def has_gpus(self) -> bool:
        return self.capacity.gpus > 0


@dataclass(frozen=True, slots=True)
class Hold:
    """An agent kept free for a request that waited long and fits nowhere yet, so that small ones do not pass it."""

    agent_id: str
    request_id: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Memory:
    """What one decision hands to the next. It need not survive a restart."""

    agents: Mapping[str, KnownAgent] = field(default_factory=dict)
    holds: tuple[Hold, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """How decisions are made. All times in seconds.

    `overdue_after`: a request that waited so long goes before the fair share of labels. `rises_every`: with each such
    time of waiting a request counts as one priority higher (0: never). `hold_after`: a request that waited so long
    gets an agent held, where one is large enough; at most `held_share` of the agents that are known, and at least one,
    each for at most `hold_for`. `weights` of labels in the fair share, 1 where not named. `gpu_agents_for_all` lets
    tasks that need no gpu onto agents that have some. `unknown_task` is how long a task without an expected time is
    thought to run, where a maintenance is planned.

    For so long Mesos is asked not to offer again: `idle_filter` when nothing is wanted, `unfit_filter` when nothing
    that is wanted fits, `held_filter` for a held agent, `leaving_filter` for one under maintenance.
    """

    overdue_after: float = 300.0
    rises_every: float = 1800.0
    hold_after: float = 60.0
    hold_for: float = 1800.0
    held_share: float = 0.1
    weights: Mapping[str, float] = field(default_factory=dict)
    gpu_agents_for_all: bool = False
    unknown_task: float = 86400.0
    idle_filter: float = 300.0
    unfit_filter: float = 30.0
    held_filter: float = 1.0
    leaving_filter: float = 60.0

    def __post_init__(self) -> None:
        for label, weight in self.weights.items():
            if not weight > 0:
                raise UsageError(
                    f"the weight {weight} of label {label} is not above 0", way_out="Name a share above 0."
                )


@dataclass(frozen=True, slots=True)
class State:
    """`placed` are all tasks that have not ended."""

    placed: tuple[PlacedTask, ...] = ()
    memory: Memory = Memory()
    policy: Policy = Policy()

    def used(self) -> Mapping[str, Amounts]:
        """By agent id, what our tasks use there."""
        result: dict[str, Amounts] = {}
        for task in self.placed:
            result[task.agent_id] = result.get(task.agent_id, NOTHING).plus(task.amounts)
        return result
