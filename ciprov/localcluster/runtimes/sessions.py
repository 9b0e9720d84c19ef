"""Commands run beside a running task, in its sandbox and environment; implements `api/sandbox_port.py`.

Each has a small process of its own as parent, `session_keeper.py`, which ends the command's whole tree.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import socket
import struct
import subprocess
import sys
import termios
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Protocol

from ciprov.localcluster.api.sandbox_port import Output, Session, TaskSandbox
from ciprov.localcluster.model import TASK_STATES, Instance
from ciprov.localcluster.runtimes import proc
from ciprov.localcluster.runtimes.sandbox import Sandboxes, directory_name
from ciprov.localcluster.runtimes.spec import environment_of

PIECE_BYTES = 32 * 1024
PIECES_WAITING = 8
_KEEPER = Path(__file__).with_name("session_keeper.py")
_STATE_OF_THE_FORGOTTEN = "TASK_UNKNOWN"


class Commands(Protocol):
    """Starts commands beside tasks that are no processes of this runtime's own."""

    async def start(
        self, task_id: str, argv: Sequence[str], environment: Mapping[str, str], *, tty: bool = False
    ) -> Session: ...


class TaskSandboxes:
    """The sandboxes on disk, with what the engine's `instances` tell of their tasks.

    Commands beside tasks in containers are left to `containers`.
    """

    def __init__(
        self, sandboxes: Sandboxes, instances: Callable[[], Sequence[Instance]], containers: Commands | None = None
    ) -> None:
        self._sandboxes = sandboxes
        self._instances = instances
        self._containers = containers

    def all(self) -> Sequence[TaskSandbox]:
        known = {directory_name(instance.task_id): instance for instance in self._instances()}
        try:
            names = sorted(entry.name for entry in os.scandir(self._sandboxes.tasks) if entry.is_dir())
        except FileNotFoundError:
            return ()
        return tuple(self._sandbox(name, known.get(name)) for name in names)

    def find(self, task_id: str) -> TaskSandbox | None:
        if self._sandboxes.find(task_id) is None:
            return None
        instance = next((each for each in self._instances() if each.task_id == task_id), None)
        return self._sandbox(directory_name(task_id), instance)

    def holds(self, path: Path) -> bool:
        root = os.path.realpath(self._sandboxes.tasks)
        return str(path).startswith(root + os.sep)

    async def start(
        self, task_id: str, argv: Sequence[str], environment: Mapping[str, str], *, tty: bool = False
    ) -> Session:
        """See `Sandboxes.start` of the port."""
        if self._sandboxes.find(task_id) is None:
            raise KeyError(task_id)
        if self._containers is not None and self._sandboxes.is_contained(task_id):
            return await self._containers.start(task_id, argv, environment, tty=tty)
        found = self._sandboxes.specification(task_id)
        task = proc.open_pidfd(found[0].supervisor, found[0].supervisor_start) if found else None
        if found is None or task is None:
            raise ValueError(f"Task '{task_id}' does not run, so no command can be run beside it")
        try:
            content = session_specification(found[1], argv, environment, tty=tty, beside=found[0].task)
            return await ProcessSession.start(content, task, _Streams.open(tty=tty))
        except OSError as error:
            raise ValueError(f"The command could not be started: {error.strerror or error}") from None
        finally:
            os.close(task)

    def _sandbox(self, name: str, instance: Instance | None) -> TaskSandbox:
        directory = Path(os.path.realpath(self._sandboxes.tasks)) / name
        if instance is None:
            return TaskSandbox(name, directory, _STATE_OF_THE_FORGOTTEN)
        state = TASK_STATES.get(instance.condition, _STATE_OF_THE_FORGOTTEN)
        return TaskSandbox(instance.task_id, directory, state, instance.agent_id, instance.app_id)


def session_specification(
    task: bytes, argv: Sequence[str], environment: Mapping[str, str], *, tty: bool = False, beside: int = 0
) -> bytes:
    """What the keeper is told, in the form of `spec.py`, from what the task was started with; `beside` is its pid.

    Raises ValueError for what no process can be given.
    """
    fields = task.split(b"\0")
    account = [
        (key.decode(), os.fsdecode(value))
        for key, value in zip(fields[::2], fields[1::2], strict=False)
        if key in {b"cwd", b"uid", b"gid", b"group"}
    ]
    for name, value in environment.items():
        if not name or "=" in name or "\0" in name + value:
            raise ValueError(f"{name!r} cannot be an environment variable with that value")
    if any("\0" in argument for argument in argv):
        raise ValueError("the command holds a NUL character, which no process can be given")
    variables = {**environment_of(task), **environment}
    pairs = [
        *account,
        *(("arg", argument) for argument in argv),
        *(("env", f"{name}={value}") for name, value in variables.items()),
        *([("tty", "1")] if tty else []),
        *([("beside", str(beside))] if b"hidden" in fields[::2] else []),
    ]
    return b"".join(os.fsencode(f"{key}\0{value}\0") for key, value in pairs)


@dataclass(frozen=True, slots=True)
class _Streams:
    """The daemon's and the command's ends: `mine` are (stdin, stdout, stderr or -1); with a terminal all are one."""

    mine: tuple[int, int, int]
    its: tuple[int, int, int]
    tty: bool

    @staticmethod
    def open(*, tty: bool) -> _Streams:
        if tty:
            master, slave = pty.openpty()
            return _Streams((os.dup(master), master, -1), (slave, slave, slave), tty)
        (in_read, in_write), (out_read, out_write), (err_read, err_write) = os.pipe(), os.pipe(), os.pipe()
        return _Streams((in_write, out_read, err_read), (in_read, out_write, err_write), tty)

    def close_its(self) -> None:
        for descriptor in set(self.its):
            os.close(descriptor)

    def close_all(self) -> None:
        for descriptor in {*self.its, *self.mine} - {-1}:
            with contextlib.suppress(OSError):
                os.close(descriptor)


class ProcessSession:
    """Implements `Session` of the port."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket, terminal: int) -> None:
        self._process = process
        self._control = control
        self._terminal = terminal
        self._status: int | None = None
        self._known = asyncio.Event()
        self._gone = asyncio.Event()
        self._pending = b""
        self._input: asyncio.StreamWriter | None = None
        self._readers: list[tuple[str, asyncio.StreamReader]] = []
        self._transports: list[asyncio.BaseTransport] = []

    @staticmethod
    async def start(content: bytes, task: int, streams: _Streams) -> ProcessSession:
        mine, keepers = socket.socketpair()
        specification = os.memfd_create("session")
        try:
            os.write(specification, content)
            os.lseek(specification, 0, os.SEEK_SET)
            inherited = (specification, keepers.fileno(), task)
            process = _spawn(streams, inherited)
        except BaseException:
            mine.close()
            streams.close_all()
            raise
        finally:
            keepers.close()
            os.close(specification)
        streams.close_its()
        session = ProcessSession(process, mine, streams.mine[1] if streams.tty else -1)
        files = [os.fdopen(descriptor, "rb", buffering=0) for descriptor in streams.mine[1:] if descriptor >= 0]
        files.append(os.fdopen(streams.mine[0], "wb", buffering=0))
        try:
            await session._connect(files)
        except BaseException:
            # Given up meanwhile: the keeper ends the command, and what no transport has taken over is closed here.
            session._give_up()
            for file in files:
                file.close()
            raise
        return session

    async def _connect(self, files: list[FileIO]) -> None:
        """Takes the command's output and input out of `files`, in this order."""
        loop = asyncio.get_running_loop()
        self._control.setblocking(False)
        loop.add_reader(self._control, self._hear)
        for name in ("STDOUT", "STDERR")[: len(files) - 1]:
            reader = asyncio.StreamReader(limit=PIECE_BYTES)
            transport, _ = await loop.connect_read_pipe(
                lambda reader=reader: asyncio.StreamReaderProtocol(reader),  # type: ignore[misc]
                files.pop(0),
            )
            self._readers.append((name, reader))
            self._transports.append(transport)
        writing, protocol = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, files.pop(0))
        self._input = asyncio.StreamWriter(writing, protocol, None, loop)
        self._transports.append(writing)

    @property
    def exit_status(self) -> int | None:
        return self._status

    async def output(self) -> AsyncIterator[Output]:
        pieces: asyncio.Queue[Output | None] = asyncio.Queue(PIECES_WAITING)
        tasks = [asyncio.create_task(_read(name, reader, pieces)) for name, reader in self._readers]
        try:
            ended = 0
            while ended < len(tasks):
                piece = await pieces.get()
                if piece is None:
                    ended += 1
                else:
                    yield piece
        finally:
            for task in tasks:
                task.cancel()

    async def write(self, data: bytes) -> None:
        if self._input is None or self._input.is_closing():
            return
        with contextlib.suppress(OSError):
            if not data and self._terminal < 0:
                self._input.close()
                return
            self._input.write(data or b"\x04")
            await self._input.drain()

    def resize(self, rows: int, columns: int) -> None:
        if self._terminal >= 0 and not self._gone.is_set():
            with contextlib.suppress(OSError):
                fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send_signal(self, number: int) -> None:
        with contextlib.suppress(OSError):
            self._control.send(b"%d\n" % number)

    async def wait(self) -> int:
        await self._known.wait()
        assert self._status is not None
        return self._status

    async def close(self) -> None:
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_WR)
        await self._gone.wait()
        for transport in self._transports:
            transport.close()

    def _give_up(self) -> None:
        with contextlib.suppress(OSError):
            self._control.shutdown(socket.SHUT_WR)
        for transport in self._transports:
            transport.close()

    def _hear(self) -> None:
        """The wait status, and the end of the keeper, which is the end of the whole tree."""
        try:
            more = self._control.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            more = b""
        self._pending += more
        if b"\n" in self._pending and self._status is None:
            self._settle(int(self._pending.partition(b"\n")[0]))
        if not more:
            asyncio.get_running_loop().remove_reader(self._control)
            self._control.close()
            self._process.wait()
            # A keeper that was killed takes the command along, by the kernel's hand, and can tell nothing any more.
            self._settle(9)
            self._gone.set()

    def _settle(self, status: int) -> None:
        if self._status is None:
            self._status = status
            self._known.set()


def _spawn(streams: _Streams, inherited: tuple[int, ...]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(_KEEPER), *map(str, inherited)],
        stdin=streams.its[0],
        stdout=streams.its[1],
        stderr=streams.its[2],
        pass_fds=inherited,
        cwd="/",
        env={name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},
        start_new_session=True,
    )


async def _read(name: str, reader: asyncio.StreamReader, pieces: asyncio.Queue[Output | None]) -> None:
    # A terminal whose last user is gone answers with an error instead of an end.
    with contextlib.suppress(OSError):
        while data := await reader.read(PIECE_BYTES):
            await pieces.put(Output(name, data))
    await pieces.put(None)
