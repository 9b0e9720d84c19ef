"""What the Mesos side of the API (files, state, nested sessions) asks of the room that runs the tasks.

Implemented in `runtimes/sessions.py` on top of `runtimes/sandbox.py` and the engine's instances.
Tasks stay known here as long as their sandbox is kept, also long after they have ended.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class TaskSandbox:
    """One task's sandbox. `app_id` and `agent_id` may be empty for an ended task of which no more is known.

    `state` is a Mesos task state (`TASK_RUNNING`, ...). `directory` is absolute and real (no symbolic links).
    """

    task_id: str
    directory: Path
    state: str
    agent_id: str = ""
    app_id: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """A piece of a session's output; `stream` is `STDOUT` or `STDERR`."""

    stream: str
    data: bytes


class Session(Protocol):
    """A command that runs beside a task, in its sandbox and with its environment."""

    @property
    def exit_status(self) -> int | None:
        """As wait(2) gives it (`exit code << 8`, or the signal's number); None while it runs."""
        ...

    def output(self) -> AsyncIterator[Output]:
        """Until both streams are at their end. To be read once."""
        ...

    async def write(self, data: bytes) -> None:
        """To the command's standard input; empty data closes it. Ended commands are ignored."""
        ...

    def resize(self, rows: int, columns: int) -> None:
        """The size of the command's terminal, where it has one."""
        ...

    def send_signal(self, number: int) -> None:
        """To the command and all its descendants; ended commands are ignored."""
        ...

    async def wait(self) -> int:
        """The exit status, when the command has ended."""
        ...

    async def close(self) -> None:
        """End the command with its whole process tree and wait until it is gone; harmless if it has ended."""
        ...


class Sandboxes(Protocol):
    """All tasks of which a sandbox is kept, and the way to run a command beside a running one."""

    def all(self) -> Sequence[TaskSandbox]: ...
    def find(self, task_id: str) -> TaskSandbox | None: ...
    def holds(self, path: Path) -> bool:
        """Whether `path`, absolute and without symbolic links or `..`, is a sandbox or below one."""
        ...

    async def start(
        self, task_id: str, argv: Sequence[str], environment: Mapping[str, str], *, tty: bool = False
    ) -> Session:
        """Run `argv` in the task's sandbox, with the task's environment overlaid by `environment`.

        Raises KeyError for an unknown task, ValueError (worded for a user) where it does not run any more or the
        command cannot be started.
        """
        ...
