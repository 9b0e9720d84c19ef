"""Tasks as processes of this machine, each below a supervisor of its own (`supervisor.py`).

All methods run on the daemon's event loop. What needs to wait is a callback: a pidfd tells when a supervisor is gone,
a pipe when its task runs. Fetching alone uses threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ciprov.localcluster.model import Condition
from ciprov.localcluster.runtimes import proc
from ciprov.localcluster.runtimes.environment import account_entry, account_for, base_environment
from ciprov.localcluster.runtimes.fetching import Fetching
from ciprov.localcluster.runtimes.port import LaunchSpec, Report, TaskUpdate
from ciprov.localcluster.runtimes.reaching import closed_on_the_way
from ciprov.localcluster.runtimes.sandbox import Sandboxes, directory_name
from ciprov.localcluster.runtimes.spec import SupervisorSpec, encode, grace_of, outcome
from ciprov.localcluster.runtimes.volumes import Volumes

MESOS_GRACE_SECONDS = 3.0
COLLECT_AFTER_SECONDS = 60.0
STATUS_WAIT_SECONDS = 2.0
STRAYS_PAUSE_AT_MOST = 5.0
STARTS_AT_ONCE = 4 * (os.cpu_count() or 1)
START_SECONDS = 5.0
"""So long a start is waited for before the next one has its turn; it goes on nevertheless."""
_SUPERVISOR = Path(__file__).with_name("supervisor.py")
_BLOCKED_AT_BIRTH = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

logger = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Task:
    """One task of this daemon. `pidfd` is that of its supervisor, which is this process's `child` unless adopted."""

    id: str
    supervisor: int = 0
    pidfd: int = -1
    child: bool = True
    expected: bool = True
    own_grace_seconds: float = MESOS_GRACE_SECONDS
    grace_seconds: float | None = None
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    answered: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def kill_asked(self) -> bool:
        return self.cancelled.is_set()


class ProcessRuntime:
    """Implements `Runtime` of `port.py`. `cache` keeps what `fetch` entries with `cache: true` downloaded."""

    def __init__(self, sandboxes: Sandboxes, volumes: Volumes, cache: Path, report: Report) -> None:
        self._sandboxes = sandboxes
        self._volumes = volumes
        self._report = report
        self._tasks: dict[str, _Task] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._fetching = Fetching(cache)
        self._collecting: asyncio.TimerHandle | None = None
        self._starts = asyncio.Semaphore(STARTS_AT_ONCE)
        self._one_gone = asyncio.Event()

    def launch(self, spec: LaunchSpec) -> None:
        task = _Task(spec.task_id, own_grace_seconds=spec.kill_grace_seconds)
        self._tasks[spec.task_id] = task
        self._in_background(self._start(task, spec))

    def kill(self, task_id: str, grace_seconds: float) -> None:
        task = self._tasks.get(task_id)
        if task is None:
            update = TaskUpdate(task_id, Condition.LOST, "The task is not known to the agent")
            asyncio.get_running_loop().call_soon(self._report, update)
            return
        task.grace_seconds = grace_seconds
        task.cancelled.set()
        if task.pidfd >= 0:
            self._ask_to_end(task)

    async def recover(self, expected: Sequence[str]) -> None:
        await asyncio.to_thread(self._sandboxes.prepare)
        names = {directory_name(task_id): task_id for task_id in expected}
        present = sorted(entry.name for entry in self._sandboxes.supervised.iterdir())
        await asyncio.gather(*(self._readopt(names.get(name, name), name in names) for name in present))
        for name, task_id in names.items():
            if name not in present:
                message = "The task was not found when the agent restarted"
                self._report(TaskUpdate(task_id, Condition.LOST, message, began=False))
        while any(not task.expected for task in self._tasks.values()):
            self._one_gone.clear()
            await self._one_gone.wait()
        self._collect_later()

    async def shutdown(self, grace_seconds: float) -> None:
        for task in list(self._tasks.values()):
            self.kill(task.id, min(task.own_grace_seconds, grace_seconds))
        while self._tasks:
            self._one_gone.clear()
            await self._one_gone.wait()
        if self._collecting is not None:
            self._collecting.cancel()

    # Starting

    async def _start(self, task: _Task, spec: LaunchSpec) -> None:
        try:
            sandbox = self._sandboxes.path(spec.task_id)
            sandbox.mkdir(mode=0o700, parents=True, exist_ok=True)
            account = account_for(spec.user)
            base = base_environment(os.environ, account_entry(spec.user))
            environment = base | dict(spec.environment) | {"MESOS_SANDBOX": str(sandbox)}
            argv = ("/bin/sh", "-c", spec.shell) if spec.shell is not None else spec.argv
            if not argv:
                raise ValueError("the app has neither a command nor arguments")
            if spec.fetch:
                await self._fetching.into(sandbox, spec, task.cancelled)
            async with self._turn(task):
                if task.kill_asked:
                    self._end(task, Condition.KILLED, "Container destroyed before it was started")
                    return
                if account is not None:
                    _give(sandbox, account.uid, account.gid)
                shown = [sandbox, *(self._volumes.link(spec.persistent, sandbox) if spec.persistent else ())]
                hidden = closed_on_the_way(sandbox, account) if account is not None else None
                wanted = SupervisorSpec(
                    directory=str(sandbox),
                    argv=argv,
                    environment=environment,
                    kill_grace_seconds=spec.kill_grace_seconds,
                    account=account,
                    tty=spec.tty,
                    hidden=str(hidden or ""),
                    shown=tuple(str(directory) for directory in shown),
                )
                self._spawn(task, wanted)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(task.answered.wait(), START_SECONDS)
        except (OSError, ValueError) as error:
            self._end(task, Condition.FAILED, f"Failed to launch container: {error}")
        except Exception as error:
            logger.exception("task_id=%s could not be started", task.id)
            self._end(task, Condition.FAILED, f"Failed to launch container: {error!r}")

    @contextlib.asynccontextmanager
    async def _turn(self, task: _Task) -> AsyncIterator[None]:
        """When a thousand tasks are to start, all at once would starve each other and the API. A kill ends the wait."""
        acquired = asyncio.ensure_future(self._starts.acquire())
        cancelled = asyncio.ensure_future(task.cancelled.wait())
        await asyncio.wait({acquired, cancelled}, return_when=asyncio.FIRST_COMPLETED)
        cancelled.cancel()
        has_turn = acquired.done()
        if not has_turn:
            acquired.cancel()
        try:
            yield
        finally:
            if has_turn:
                self._starts.release()

    def _spawn(self, task: _Task, spec: SupervisorSpec) -> None:
        papers = self._sandboxes.papers(task.id)
        papers.mkdir(mode=0o700, parents=True)
        with os.fdopen(os.open(papers / "spec", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(encode(spec))
        reader, writer = os.pipe()
        try:
            task.supervisor = os.posix_spawn(
                sys.executable,
                [sys.executable, "-I", "-S", str(_SUPERVISOR), str(papers)],
                _supervisor_environment(),
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, writer, 1),
                    (os.POSIX_SPAWN_OPEN, 2, f"{spec.directory}/stderr", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
                ],
                setsigmask=_BLOCKED_AT_BIRTH,
            )
        except OSError:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        task.pidfd = os.pidfd_open(task.supervisor)
        loop = asyncio.get_running_loop()
        loop.add_reader(reader, self._answered, task, reader)
        loop.add_reader(task.pidfd, self._supervisor_gone, task)

    def _answered(self, task: _Task, reader: int) -> None:
        """The supervisor said that its task runs, or ended without a word (then its pidfd tells)."""
        said = os.read(reader, 1)
        asyncio.get_running_loop().remove_reader(reader)
        os.close(reader)
        task.answered.set()
        if said:
            self._report(TaskUpdate(task.id, Condition.RUNNING))

    # Ending

    def _ask_to_end(self, task: _Task) -> None:
        if task.grace_seconds is not None:
            with contextlib.suppress(OSError):
                (self._sandboxes.papers(task.id) / "grace").write_text(repr(float(task.grace_seconds)))
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(task.pidfd, signal.SIGTERM)

    def _supervisor_gone(self, task: _Task) -> None:
        asyncio.get_running_loop().remove_reader(task.pidfd)
        if task.child:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(task.supervisor, 0)
        os.close(task.pidfd)
        task.pidfd = -1
        status = self._sandboxes.status(task.id)
        if status is not None and status.ended:
            self._end(task, *outcome(status, kill_asked=task.kill_asked))
        else:
            logger.warning("the supervisor of task_id=%s was killed; ending what is left of the task", task.id)
            self._in_background(self._end_strays(task, "Executor terminated"))

    async def _end_strays(self, task: _Task, message: str, condition: Condition = Condition.FAILED) -> None:
        """End a process tree that lost its supervisor, then report."""
        status = self._sandboxes.status(task.id)
        same_boot = status is not None and status.boot_id == proc.boot_id()
        session, start = (status.task, status.task_start) if status is not None and same_boot else (0, 0)
        sandbox = str(self._sandboxes.path(task.id))
        pause = 0.02
        while found := await asyncio.to_thread(proc.strays, sandbox, session, start):
            if pause > STRAYS_PAUSE_AT_MOST:
                logger.error("cannot end pids %s of task_id=%s", sorted(found), task.id)
                break
            proc.send(found, signal.SIGKILL)
            await asyncio.sleep(pause)
            pause *= 2
        self._end(task, Condition.KILLED if task.kill_asked else condition, message)

    def _end(self, task: _Task, condition: Condition, message: str, *, began: bool = True) -> None:
        if self._tasks.pop(task.id, None) is None:
            return
        try:
            if task.expected:
                self._report(TaskUpdate(task.id, condition, message, began=began))
            # After the report, so that a crash in between, or an engine that failed, repeats it rather than losing it.
            self._sandboxes.ended(task.id)
            self._collect_later()
        finally:
            self._one_gone.set()

    # Restart of the daemon

    async def _readopt(self, task_id: str, expected: bool) -> None:
        task = _Task(task_id, child=False, expected=expected)
        self._tasks[task_id] = task
        papers = self._sandboxes.papers(task_id)
        try:
            (papers / "spec").unlink()
        except FileNotFoundError:
            await self._wait_for_status(task_id)
        else:
            self._end(task, Condition.LOST, "The agent was restarted before the task was started", began=False)
            return
        status = self._sandboxes.status(task_id)
        if status is None or status.boot_id != proc.boot_id():
            await self._end_strays(task, "The task was gone when the agent restarted", Condition.LOST)
            return
        pidfd = proc.open_pidfd(status.supervisor, status.supervisor_start)
        if pidfd is not None:
            self._adopt(task, status.supervisor, pidfd)
            return
        status = self._sandboxes.status(task_id)  # it may have ended just now
        if status is not None and status.ended:
            self._end(task, *outcome(status, kill_asked=False))
        else:
            await self._end_strays(task, "Executor terminated while the agent was down", Condition.LOST)

    async def _wait_for_status(self, task_id: str) -> None:
        """A supervisor that took its specification writes its status within milliseconds."""
        for _ in range(int(STATUS_WAIT_SECONDS / 0.02)):
            if self._sandboxes.status(task_id) is not None:
                return
            await asyncio.sleep(0.02)

    def _adopt(self, task: _Task, supervisor: int, pidfd: int) -> None:
        task.supervisor, task.pidfd = supervisor, pidfd
        asyncio.get_running_loop().add_reader(pidfd, self._supervisor_gone, task)
        found = self._sandboxes.specification(task.id)
        if found is not None:
            task.own_grace_seconds = grace_of(found[1])
        if task.expected:
            logger.info("adopted task_id=%s supervisor=%d", task.id, supervisor)
            self._report(TaskUpdate(task.id, Condition.RUNNING))
        else:
            logger.info("ending task_id=%s, which nobody expects any more", task.id)
            task.cancelled.set()
            self._ask_to_end(task)

    # Housekeeping

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _collect_later(self) -> None:
        if self._collecting is None:
            self._collecting = asyncio.get_running_loop().call_later(COLLECT_AFTER_SECONDS, self._collect)

    def _collect(self) -> None:
        self._collecting = None
        work = (time.time(), tuple(self._tasks))
        threading.Thread(target=self._sandboxes.collect, args=work, name="collect", daemon=True).start()


def _supervisor_environment() -> dict[str, str]:
    """Nothing but what some Python installations need to find their own library; no task sees it."""
    return {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}


def _give(sandbox: Path, uid: int, gid: int) -> None:
    """Make the sandbox and what was fetched into it the user's own."""
    os.chown(sandbox, uid, gid)
    for directory, names, files in os.walk(sandbox):
        for name in names + files:
            os.chown(Path(directory, name), uid, gid, follow_symlinks=False)
