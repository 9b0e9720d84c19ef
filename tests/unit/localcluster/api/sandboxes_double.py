"""Sandboxes in a test's directory, and sessions whose output a test writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ciprov.localcluster.api.sandbox_port import Output, TaskSandbox


@dataclass
class ScriptedSession:
    """Gives `pieces`, then ends with `status`; with `endless` it goes on until it is closed."""

    pieces: Sequence[Output] = ()
    status: int = 0
    endless: bool = False
    exit_status: int | None = None
    written: list[bytes] = field(default_factory=list)
    signals: list[int] = field(default_factory=list)
    window: tuple[int, int] | None = None
    closed: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def output(self) -> AsyncIterator[Output]:
        for piece in self.pieces:
            yield piece
        if self.endless:
            await self.over.wait()
        self.finish()

    def finish(self) -> None:
        if self.exit_status is None:
            self.exit_status = self.status
        self.over.set()

    async def write(self, data: bytes) -> None:
        self.written.append(data)

    def resize(self, rows: int, columns: int) -> None:
        self.window = (rows, columns)

    def send_signal(self, number: int) -> None:
        self.signals.append(number)

    async def wait(self) -> int:
        await self.over.wait()
        assert self.exit_status is not None
        return self.exit_status

    async def close(self) -> None:
        self.closed = True
        if self.exit_status is None:
            self.exit_status = 9
        self.over.set()


@dataclass
class Kept:
    """Implements `Sandboxes` of the port over `root`."""

    root: Path = Path("/nowhere")
    tasks: list[TaskSandbox] = field(default_factory=list)
    session: ScriptedSession | None = None
    started: list[tuple[str, tuple[str, ...], dict[str, str], bool]] = field(default_factory=list)

    def all(self) -> Sequence[TaskSandbox]:
        return self.tasks

    def find(self, task_id: str) -> TaskSandbox | None:
        return next((task for task in self.tasks if task.task_id == task_id), None)

    def holds(self, path: Path) -> bool:
        return any(path.is_relative_to(task.directory) for task in self.tasks)

    async def start(
        self, task_id: str, argv: Sequence[str], environment: Mapping[str, str], *, tty: bool = False
    ) -> ScriptedSession:
        self.started.append((task_id, tuple(argv), dict(environment), tty))
        if self.session is None:
            raise ValueError(f"Task '{task_id}' does not run")
        return self.session
