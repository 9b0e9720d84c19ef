"""A framework's task, and what is still to be told about it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ciprov.localcluster.model import Resources

Json = Mapping[str, Any]
Key = tuple[str, str]
"""Framework id and task id: a task's id is its framework's own."""

TERMINAL = frozenset(
    {
        "TASK_FINISHED",
        "TASK_FAILED",
        "TASK_KILLED",
        "TASK_ERROR",
        "TASK_LOST",
        "TASK_DROPPED",
        "TASK_GONE",
        "TASK_GONE_BY_OPERATOR",
    }
)
FIRST_RETRY_SECONDS = 10.0
LONGEST_RETRY_SECONDS = 600.0

_NAME_PART = 100
_MARK = ".task-"


@dataclass(frozen=True, slots=True)
class Task:
    """`runtime_id` is its name for the runtimes and that of its sandbox.

    `statuses` are all states so far; `pending` those from its agent that the framework has not acknowledged: the first
    is sent, again after a while, and the next only when that one is acknowledged. `shown` is what the state tells of
    its definition, which is never the command or its environment.
    """

    framework_id: str
    id: str
    name: str
    agent_id: str
    host: str
    role: str
    resources: Resources
    container_id: str
    runtime_id: str
    kill_grace_s: float
    contained: bool = False
    shown: Json = field(default_factory=dict, hash=False)
    state: str = "TASK_STAGING"
    statuses: tuple[Json, ...] = ()
    pending: tuple[Json, ...] = ()
    killing: bool = False
    kill_reason: str = ""
    address: str = ""
    unreachable_at: float | None = None
    held: tuple[str, str, str, bool] | None = None
    """The fields of a `TaskUpdate` that came while its agent was lost."""

    @property
    def key(self) -> Key:
        return self.framework_id, self.id

    @property
    def ended(self) -> bool:
        return self.state in TERMINAL

    @property
    def forgettable(self) -> bool:
        return self.ended and not self.pending


def runtime_id(task_id: str, container_id: str) -> str:
    """Unlike any task of Marathon's and any other framework's, and fit to be a directory's name."""
    readable = re.sub(r"[^A-Za-z0-9_.-]", "_", task_id)[:_NAME_PART].lstrip(".-") or "task"
    return f"{readable}{_MARK}{container_id}"


def is_frameworks(sandbox: str) -> bool:
    """Whether a sandbox of that name is one of a framework's task."""
    return re.search(rf"{re.escape(_MARK)}[0-9a-f]{{8}}-[0-9a-f-]{{27}}$", sandbox) is not None


def with_status(task: Task, status: Json) -> Task:
    """The task after another state. Only what bears a uuid waits to be acknowledged."""
    pending = (*task.pending, status) if "uuid" in status else task.pending
    return replace(task, state=status["state"], statuses=(*task.statuses, status), pending=pending)


def acknowledged(task: Task, uuid: str) -> Task:
    """Only what was sent can be acknowledged: anything else changes nothing."""
    if task.pending and task.pending[0]["uuid"] == uuid:
        return replace(task, pending=task.pending[1:])
    return task


def retry_delay_s(attempts: int) -> float:
    """How long to wait for an acknowledgement, after so many times."""
    return float(min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** min(max(1, attempts) - 1, 16)))
