"""The records that the embedded cluster's rooms share: instances, agents, deployments.

Definitions (apps and groups) are in `definitions/`. All records are frozen; rooms return new ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Condition(StrEnum):
    """What an instance is doing. SCHEDULED is waiting in the launch queue and is listed nowhere but there."""

    SCHEDULED = "scheduled"
    STAGING = "staging"
    RUNNING = "running"
    KILLING = "killing"
    FINISHED = "finished"
    FAILED = "failed"
    KILLED = "killed"
    ERROR = "error"
    LOST = "lost"
    UNREACHABLE = "unreachable"
    UNREACHABLE_INACTIVE = "unreachable_inactive"
    """Unreachable for so long that another instance takes its place."""


ENDED = frozenset({Condition.FINISHED, Condition.FAILED, Condition.KILLED, Condition.ERROR, Condition.LOST})
UNREACHABLE = frozenset({Condition.UNREACHABLE, Condition.UNREACHABLE_INACTIVE})
HOLDS_RESOURCES = UNREACHABLE | {Condition.STAGING, Condition.RUNNING, Condition.KILLING}

TASK_STATES: Mapping[Condition, str] = {
    Condition.STAGING: "TASK_STAGING",
    Condition.RUNNING: "TASK_RUNNING",
    Condition.KILLING: "TASK_KILLING",
    Condition.FINISHED: "TASK_FINISHED",
    Condition.FAILED: "TASK_FAILED",
    Condition.KILLED: "TASK_KILLED",
    Condition.ERROR: "TASK_ERROR",
    Condition.LOST: "TASK_LOST",
    Condition.UNREACHABLE: "TASK_UNREACHABLE",
    Condition.UNREACHABLE_INACTIVE: "TASK_UNREACHABLE",
}


@dataclass(frozen=True, slots=True)
class HealthResult:
    """The state of one health check of one instance; `index` is its place in the app's `healthChecks`."""

    index: int
    alive: bool = False
    consecutive_failures: int = 0
    first_success: datetime | None = None
    last_success: datetime | None = None
    last_failure: datetime | None = None
    last_failure_cause: str | None = None


@dataclass(frozen=True, slots=True)
class Instance:
    """One instance of an app: it keeps its id over relaunches while `attempt` grows, unless it is wiped."""

    id: str
    app_id: str
    app_version: str
    condition: Condition
    since: datetime
    attempt: int = 1
    agent_id: str = ""
    host: str = ""
    ports: tuple[int, ...] = ()
    staged_at: datetime | None = None
    started_at: datetime | None = None
    health: tuple[HealthResult, ...] = ()
    ready: bool = False
    message: str = ""
    decommissioned: bool = False
    """Once its task has ended, the instance is forgotten and not relaunched."""
    unreachable_since: datetime | None = None
    address: str = ""
    """That on a network of its own; empty for a task on its agent's."""
    check_result: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)
    """What Mesos' `check` of the app came back with, by its kind; empty where nothing did."""

    @property
    def ip_address(self) -> str:
        return self.address or self.host

    @property
    def task_id(self) -> str:
        return f"{self.id}._app.{self.attempt}"

    @property
    def staying(self) -> bool:
        """Whether it counts for the number of instances that its app is to have."""
        return not self.decommissioned and self.condition is not Condition.UNREACHABLE_INACTIVE

    @property
    def given_up(self) -> bool:
        """Whether it is to go and cannot be reached: nobody waits for the end of its task."""
        return self.decommissioned and self.condition in UNREACHABLE

    @property
    def healthy(self) -> bool | None:
        """None without checks (or before the first result where none was given); else whether all are alive."""
        return all(result.alive for result in self.health) if self.health else None


@dataclass(frozen=True, slots=True)
class Resources:
    """An amount of an agent's resources: cpus in cores, mem and disk in MiB, gpus in pieces, ports as numbers."""

    cpus: float = 0.0
    mem: float = 0.0
    disk: float = 0.0
    gpus: int = 0
    ports: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Agent:
    """A virtual agent. All agents share this machine's kernel, though each has an address of its own.

    So all offer the same ports, but only those of its `share` are handed out where any will do: a task that listens on
    all addresses would be in another's way. An empty share stands for all of them.

    It makes offers while it is `active`. What is not is drained, or `lost`: then nobody hears of its tasks.
    """

    id: str
    hostname: str
    total: Resources
    attributes: Mapping[str, str] = field(default_factory=dict)
    role: str = "*"
    active: bool = True
    lost: bool = False
    share: frozenset[int] = frozenset()


def agent_name(index: int) -> str:
    """The id of an agent by its place, which counts from 0: `agent-1` is the first, as its URL is `slave(1)`."""
    return f"agent-{index + 1}"


@dataclass(frozen=True, slots=True)
class TaskFailure:
    """Marathon's `lastTaskFailure` of an app."""

    app_id: str
    task_id: str
    host: str
    agent_id: str
    state: str
    message: str
    timestamp: datetime
    version: str


class ActionKind(StrEnum):
    STOP = "StopApplication"
    START = "StartApplication"
    SCALE = "ScaleApplication"
    RESTART = "RestartApplication"


@dataclass(frozen=True, slots=True)
class Action:
    kind: ActionKind
    app_id: str


@dataclass(frozen=True, slots=True)
class Step:
    """Actions that run in parallel."""

    actions: tuple[Action, ...]
