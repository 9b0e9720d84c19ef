"""The tasks of an environment's apps: what they wrote, and commands beside them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from ciprov.clients.mesos_agents import BYTES_PER_LINE
from ciprov.clients.mesos_exec import ExecSession
from ciprov.domain.marathon import MarathonUnavailable
from ciprov.environments.status import AppStatus
from ciprov.foundation.errors import CiprovError, UsageError
from ciprov.wiring.environments import Environments

_LOOK_SECONDS = 2.0
"""How often following asks whether the task still runs."""


@dataclass(frozen=True, slots=True)
class Task:
    """One task of one app; `running` is False for one that ended and is known from the app's last failure."""

    app: str
    app_id: str
    id: str
    agent_id: str
    running: bool


def tasks(environments: Environments, given: str, app: str | None, task_id: str | None) -> list[Task]:
    """The tasks of one app, or of all: the running ones, else the one that failed last. Raises `CiprovError`."""
    name, _ = environments.named(given)
    status = environments.service.status(name, environments.group_path(name))
    apps = [one for one in status.apps if app is None or one.app == app.strip("/") or one.app_id == app]
    if not apps:
        names = [one.app for one in status.apps]
        near = get_close_matches(app or "", names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"it has: {', '.join(names) or 'none'}"
        raise UsageError(f"environment {status.name} has no app {app!r}; {hint}")
    found = [task for one in apps for task in _tasks_of(environments, one)]
    if task_id is not None:
        found = [task for task in found if task.id == task_id or task.id.startswith(task_id)]
        if not found:
            raise UsageError(f"there is no task {task_id}", way_out=f"`ciprov env status {given}` lists the tasks")
    return found


def tail(environments: Environments, task: Task, file: str, lines: int) -> str | None:
    """The last lines that a task wrote to `stdout` or `stderr`; None where they cannot be read."""
    text = environments.agents.sandbox_tail(task.agent_id, task.id, file, lines * BYTES_PER_LINE)
    return None if text is None else "".join(text.splitlines(keepends=True)[-lines:])


def follow(environments: Environments, task: Task, file: str, lines: int) -> Iterator[bytes]:
    """The last lines and whatever comes, until the task ends. Raises `CiprovError`."""
    return environments.agents.follow(
        task.agent_id, task.id, file, lines=lines, done=_ended(environments, task), pause=0.5
    )


def execute(environments: Environments, task: Task, command: Sequence[str]) -> ExecSession:
    return environments.agents.exec(task.agent_id, task.id, command)


def one_running(found: Sequence[Task], given: str) -> Task:
    """The first running task. Raises `CiprovError` where there is none."""
    running = [task for task in found if task.running]
    if not running:
        raise CiprovError("no task of it is running", place=given, way_out=f"see why: ciprov env status {given}")
    return running[0]


def _tasks_of(environments: Environments, status: AppStatus) -> list[Task]:
    running = [
        Task(status.app, status.app_id, task.id, task.agent_id, running=True)
        for task in status.tasks
        if task.state == "TASK_RUNNING"
    ]
    if running:
        return running
    live = environments.marathon.app(status.app_id) or {}
    failure = live.get("lastTaskFailure") or {}
    task_id, agent_id = failure.get("taskId"), failure.get("slaveId")
    if not task_id or not agent_id:
        return []
    return [Task(status.app, status.app_id, str(task_id), str(agent_id), running=False)]


def _ended(environments: Environments, task: Task) -> Callable[[], bool]:
    """A Marathon that cannot be asked right now does not end the following."""
    looked = 0.0
    ended = not task.running

    def done() -> bool:
        nonlocal looked, ended
        if not ended and time.monotonic() - looked > _LOOK_SECONDS:
            looked = time.monotonic()
            try:
                live = environments.marathon.tasks(task.app_id)
            except MarathonUnavailable:
                return False
            ended = not any(one.get("id") == task.id and one.get("state") == "TASK_RUNNING" for one in live)
        return ended

    return done
