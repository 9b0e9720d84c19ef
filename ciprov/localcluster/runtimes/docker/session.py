"""Commands inside running containers: `env exec` and COMMAND checks. Implements `Session` of `api/sandbox_port.py`."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ciprov.localcluster.api.sandbox_port import Output
from ciprov.localcluster.runtimes import proc
from ciprov.localcluster.runtimes.docker.engine import DockerEngine, EngineRefused, EngineUnavailable
from ciprov.localcluster.runtimes.docker.frames import STDERR, STDOUT, split
from ciprov.localcluster.runtimes.docker.runtime import DockerRuntime
from ciprov.localcluster.runtimes.docker.stream import EngineStream, StreamFailed

KILL_WAIT_SECONDS = 5.0
_KILLED = 9
_NAMES = {STDOUT: "STDOUT", STDERR: "STDERR"}

logger = logging.getLogger(__name__)


class ContainerSession:
    """A command in a container; made by `start`."""

    def __init__(self, engine: DockerEngine, execution: str, stream: EngineStream, *, tty: bool) -> None:
        self._engine = engine
        self._execution = execution
        self._stream = stream
        self._tty = tty
        self._status: int | None = None
        self._over = asyncio.Event()
        self._background: set[asyncio.Task[None]] = set()
        self._pieces: asyncio.Queue[Output | None] = asyncio.Queue(8)
        self._reading = asyncio.create_task(self._read())

    @staticmethod
    async def start(
        engine: DockerEngine, container: str, argv: Sequence[str], environment: Mapping[str, str], *, tty: bool
    ) -> ContainerSession:
        """Raises ValueError, worded for a user, where the command cannot be started."""
        try:
            made = await engine.call(
                lambda client: client.exec_create(
                    container, list(argv), stdin=True, tty=tty, environment=dict(environment)
                )
            )
            stream = await engine.stream("POST", f"/exec/{made['Id']}/start", {"Detach": False, "Tty": tty})
        except (EngineRefused, EngineUnavailable) as error:
            raise ValueError(f"The command could not be started: {error}") from None
        return ContainerSession(engine, made["Id"], stream, tty=tty)

    @property
    def exit_status(self) -> int | None:
        return self._status

    async def output(self) -> AsyncIterator[Output]:
        while (piece := await self._pieces.get()) is not None:
            yield piece

    async def write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            if data:
                await self._stream.write(data)
            elif self._tty:
                await self._stream.write(b"\x04")
            else:
                self._stream.write_eof()

    def resize(self, rows: int, columns: int) -> None:
        if self._tty:
            self._later(lambda client: client.exec_resize(self._execution, rows, columns))

    def send_signal(self, number: int) -> None:
        task = asyncio.create_task(self._signal(number))
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def wait(self) -> int:
        await self._over.wait()
        assert self._status is not None
        return self._status

    async def close(self) -> None:
        """End the command; what it left running in the background with it."""
        deadline = asyncio.get_running_loop().time() + KILL_WAIT_SECONDS
        while not self._over.is_set() and asyncio.get_running_loop().time() < deadline:
            await self._signal(signal.SIGKILL)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), 0.2)
        self._reading.cancel()
        self._stream.close()
        if self._status is None:
            self._status = _KILLED
        self._over.set()

    async def _read(self) -> None:
        pending = b""
        try:
            while piece := await self._stream.read():
                if self._tty:
                    await self._pieces.put(Output("STDOUT", piece))
                    continue
                frames, pending = split(pending + piece)
                for number, data in frames:
                    await self._pieces.put(Output(_NAMES.get(number, "STDOUT"), data))
        except (OSError, StreamFailed) as error:
            logger.debug("the output of a command broke off: %s", error)
        self._status = await self._ended_with()
        self._over.set()
        await self._pieces.put(None)

    async def _ended_with(self) -> int:
        """As wait(2) gives it. The streams may end a moment before the command does, or long before."""
        pause = 0.01
        with contextlib.suppress(EngineRefused, EngineUnavailable):
            while True:
                found = await self._engine.call(lambda client: client.exec_inspect(self._execution))
                if not found.get("Running"):
                    code = int(found.get("ExitCode") or 0)
                    return code - 128 if code > 128 else code << 8
                await asyncio.sleep(pause)
                pause = min(pause * 2, 1.0)
        return _KILLED

    async def _signal(self, number: int) -> None:
        """To the command and its descendants, which are processes of this machine."""
        try:
            found = await self._engine.call(lambda client: client.exec_inspect(self._execution))
        except (EngineRefused, EngineUnavailable):
            return
        pid = int(found.get("Pid") or 0)
        if not pid or not found.get("Running"):
            return
        pids = await asyncio.to_thread(lambda: proc.closure(proc.all_processes(), [pid]))
        denied = []
        for each in sorted(pids):
            try:
                os.kill(each, number)
            except ProcessLookupError:
                continue
            except PermissionError:
                denied.append(each)
        inside = [name for each in denied if (name := _pid_inside(each))]
        if inside:
            await self._signal_inside(found["ContainerID"], number, inside)

    async def _signal_inside(self, container: str, number: int, pids: Sequence[str]) -> None:
        """Where the daemon may not signal the container's user: by the image's own `kill`, if it has one."""

        def kill(client: Any) -> None:
            made = client.exec_create(container, ["kill", f"-{number}", *pids], user="0")
            client.exec_start(made["Id"], detach=True)

        with contextlib.suppress(EngineRefused, EngineUnavailable):
            await self._engine.call(kill)

    def _later(self, function: Any) -> None:
        async def work() -> None:
            with contextlib.suppress(EngineRefused, EngineUnavailable):
                await self._engine.call(function)

        task = asyncio.create_task(work())
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _pid_inside(pid: int) -> str:
    """The pid by which the container knows one of this machine's processes; empty where it is gone."""
    try:
        with open(f"/proc/{pid}/status") as file:  # noqa: PTH123
            lines = [line for line in file if line.startswith("NSpid:")]
    except OSError:
        return ""
    return lines[0].split()[-1] if lines else ""


@dataclass(frozen=True, slots=True)
class ContainerCommands:
    """Starts commands in the containers of a runtime."""

    engine: DockerEngine
    runtime: DockerRuntime

    async def start(
        self, task_id: str, argv: Sequence[str], environment: Mapping[str, str], *, tty: bool = False
    ) -> ContainerSession:
        """Raises ValueError where the task does not run or the command cannot be started."""
        container = self.runtime.container_of(task_id)
        if container is None:
            raise ValueError(f"Task '{task_id}' does not run, so no command can be run beside it")
        return await ContainerSession.start(self.engine, container, argv, environment, tty=tty)
