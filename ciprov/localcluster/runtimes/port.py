"""What the engine asks of a runtime: processes now, containers beside them later."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ciprov.localcluster.definitions.app import FetchUri
from ciprov.localcluster.model import Condition


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """All that a runtime needs to start one task. `environment` is complete but for MESOS_SANDBOX and PATH-like basics.

    Exactly one of `shell` (run by `/bin/sh -c`) and `argv` is given.
    """

    task_id: str
    shell: str | None
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    fetch: tuple[FetchUri, ...]
    kill_grace_seconds: float
    user: str | None = None


@dataclass(frozen=True, slots=True)
class TaskUpdate:
    """What became of a task: RUNNING, FINISHED, FAILED, KILLED, ERROR or LOST. `message` as Mesos words it."""

    task_id: str
    condition: Condition
    message: str = ""


class Runtime(Protocol):
    """Runs tasks. Calls return at once; outcomes come through the `report` function given at construction.

    Every launched task gets RUNNING at most once and exactly one final update. A task that the engine does not name
    in `recover` is ended and its sandbox kept.
    """

    def launch(self, spec: LaunchSpec) -> None: ...
    def kill(self, task_id: str, grace_seconds: float) -> None:
        """SIGTERM to the task, SIGKILL to its whole process tree after the grace. Unknown ids report LOST."""
        ...

    async def recover(self, expected: Sequence[str]) -> None:
        """After a restart: adopt the expected tasks that still run, report those that ended, end all others.

        Adopted tasks are reported RUNNING (again), since the first report may have been lost with the old daemon;
        expected tasks of which nothing is known are reported LOST. When this returns, the others have ended.
        """
        ...

    async def shutdown(self, grace_seconds: float) -> None:
        """End every task, each within its own grace but `grace_seconds` at most, and wait until all are gone."""
        ...


Report = Callable[[TaskUpdate], None]
