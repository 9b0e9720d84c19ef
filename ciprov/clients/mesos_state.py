"""Where Mesos keeps things, read from the documents of its masters and agents. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ciprov.domain.mesos_frameworks import MasterFramework
from ciprov.foundation.json import JsonObject

_TERMINAL = frozenset(
    f"TASK_{state}"
    for state in ("FINISHED", "FAILED", "KILLED", "ERROR", "LOST", "DROPPED", "GONE", "GONE_BY_OPERATOR")
)


@dataclass(frozen=True, slots=True)
class TaskPlace:
    """Where a task runs or ran on its agent. `directory` is its sandbox, `container` its executor's container."""

    directory: str
    container: str


def agent_url(pid: str, scheme: str) -> str:
    """`slave(1)@10.0.0.1:5051` → `http://10.0.0.1:5051/slave(1)`. Raises ValueError."""
    process, at, address = pid.partition("@")
    if not (process and at and address.rpartition(":")[2].isdigit()):
        raise ValueError(f"{pid!r} is no address of an agent")
    return f"{scheme}://{address}/{process}"


def task_place(state: JsonObject, task_id: str) -> TaskPlace | None:
    """The place of a task, also of one that ended, in the state of its agent. Newest executor first."""
    for executor in _executors(state):
        tasks = [task for key in ("tasks", "queued_tasks", "completed_tasks") for task in _objects(executor.get(key))]
        # The executor of a plain command has the id of its task.
        if executor.get("id") == task_id or any(task.get("id") == task_id for task in tasks):
            directory = str(executor.get("directory") or "")
            if executor.get("type") == "DEFAULT":  # one executor, a sandbox below its own for each task
                directory = f"{directory}/tasks/{task_id}"
            return TaskPlace(directory, str(executor.get("container") or ""))
    return None


def unreachable_tasks(state: JsonObject) -> list[JsonObject]:
    """The tasks that a master cannot reach, of all frameworks, from its state. It tells their agents by id only."""
    frameworks = _objects(state.get("frameworks"))
    return [task for framework in frameworks for task in _objects(framework.get("unreachable_tasks"))]


def tasks_of(state: JsonObject, framework_id: str) -> list[JsonObject] | None:
    """A framework's tasks that have not ended, those out of reach too; None where the master does not know it."""
    for framework in _objects(state.get("frameworks")):
        if framework.get("id") == framework_id:
            return [*_objects(framework.get("tasks")), *_objects(framework.get("unreachable_tasks"))]
    return None


def frameworks(state: JsonObject) -> list[MasterFramework]:
    """Those that a master keeps, also while they are away; without those that it removed."""
    return [
        MasterFramework(
            id=str(framework.get("id") or ""),
            name=str(framework.get("name") or ""),
            connected=framework.get("connected") is True,
            tasks=tuple(
                str(task.get("id"))
                for kind in ("tasks", "unreachable_tasks")
                for task in _objects(framework.get(kind))
                # One that ended stays there until its framework has acknowledged that.
                if task.get("state") not in _TERMINAL
            ),
            hostname=str(framework.get("hostname") or ""),
            failover_timeout_s=_seconds(framework.get("failover_timeout")),
        )
        for framework in _objects(state.get("frameworks"))
    ]


def _seconds(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _executors(state: JsonObject) -> Iterator[JsonObject]:
    for alive in ("executors", "completed_executors"):
        for frameworks in ("frameworks", "completed_frameworks"):
            for framework in _objects(state.get(frameworks)):
                yield from reversed(_objects(framework.get(alive)))


def _objects(value: Any) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
