"""Tasks as containers. Implements `Runtime` of `runtimes/port.py` for specifications with a container.

Every container bears the cluster's and the task's id as labels: only those are ever looked at. The papers of a task
are a directory that exists from its launch until its end was reported, so that the next daemon knows what to look for.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import shutil
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ciprov.localcluster.model import Condition
from ciprov.localcluster.runtimes.docker import containers
from ciprov.localcluster.runtimes.docker.creation import TASK_LABEL, Bridge, Creation
from ciprov.localcluster.runtimes.docker.engine import DockerEngine, EngineRefused, EngineUnavailable
from ciprov.localcluster.runtimes.docker.images import ImageMissing
from ciprov.localcluster.runtimes.docker.logs import OutputCopy
from ciprov.localcluster.runtimes.docker.network import ClusterNetwork
from ciprov.localcluster.runtimes.docker.outcome import address_in, outcome
from ciprov.localcluster.runtimes.docker.parameters import BadContainer
from ciprov.localcluster.runtimes.docker.preparing import KilledEarly, Preparation, Territory
from ciprov.localcluster.runtimes.fetching import Fetching
from ciprov.localcluster.runtimes.port import LaunchSpec, Report, TaskUpdate
from ciprov.localcluster.runtimes.sandbox import directory_name

DEFAULT_GRACE_SECONDS = 3.0
KILL_AGAIN_SECONDS = 5.0
SWEEP_AFTER_SECONDS = 2.0

logger = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Task:
    """One task of this daemon; `container` is its id once it is started, `address` that on a network of its own."""

    id: str
    container: str = ""
    address: str = ""
    stop_signal: str = "SIGTERM"
    expected: bool = True
    grace_seconds: float = DEFAULT_GRACE_SECONDS
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class DockerRuntime:
    """`bridged` hears of the cluster's bridge whenever a container is about to use it."""

    def __init__(
        self,
        engine: DockerEngine,
        territory: Territory,
        fetching: Fetching,
        report: Report,
        bridged: Callable[[Bridge], None] = lambda _: None,
    ) -> None:
        self._engine = engine
        self._territory = territory
        self._sandboxes = territory.sandboxes
        self._report = report
        self._bridged = bridged
        self._network = ClusterNetwork(engine, territory.cluster)
        self._preparation = Preparation(engine, territory, fetching, self._network, bridged)
        self._tasks: dict[str, _Task] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._one_gone = asyncio.Event()
        self._sweeping = False

    def knows(self, task_id: str) -> bool:
        """Whether the task is one of this runtime's and has not ended."""
        return task_id in self._tasks

    def container_of(self, task_id: str) -> str | None:
        """The id of the container of a running task."""
        task = self._tasks.get(task_id)
        return task.container or None if task is not None else None

    def address_of(self, task_id: str) -> str:
        """The address of a running task's container; empty for one on the host's network, or no container."""
        task = self._tasks.get(task_id)
        return task.address if task is not None else ""

    def launch(self, spec: LaunchSpec) -> None:
        task = _Task(spec.task_id, grace_seconds=spec.kill_grace_seconds)
        self._papers(spec.task_id).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._tasks[spec.task_id] = task
        self._in_background(self._run(task, spec))

    def kill(self, task_id: str, grace_seconds: float) -> None:
        task = self._tasks.get(task_id)
        if task is None:
            update = TaskUpdate(task_id, Condition.LOST, "The task is not known to the agent")
            asyncio.get_running_loop().call_soon(self._report, update)
            return
        task.grace_seconds = grace_seconds
        task.cancelled.set()
        if task.container:
            self._in_background(self._stop(task, grace_seconds))

    async def recover(self, expected: Sequence[str]) -> None:
        if not self._sandboxes.contained.is_dir():
            return
        present = {entry.name for entry in self._sandboxes.contained.iterdir()}
        names = {directory_name(task_id): task_id for task_id in expected}
        try:
            found = await containers.of_cluster(self._engine, self._territory.cluster)
            bridge = await self._network.found()
        except (EngineUnavailable, EngineRefused) as error:
            logger.warning("cannot look for the containers of the last daemon: %s", error)
            for task_id in expected:
                self._end(_Task(task_id), Condition.LOST, f"The task cannot be found: {error}")
            self._sweep_later()
            return
        if bridge is not None:
            self._bridged(bridge)
        for container in found:
            self._readopt(container, expected)
        for name in present | set(names):
            task_id = names.get(name, name)
            if not any(directory_name(known) == name for known in self._tasks):
                self._end_unseen(task_id, expected=name in names)
        while any(not task.expected for task in self._tasks.values()):
            self._one_gone.clear()
            await self._one_gone.wait()

    async def shutdown(self, grace_seconds: float) -> None:
        for task in list(self._tasks.values()):
            self.kill(task.id, min(task.grace_seconds, grace_seconds))
        while self._tasks:
            self._one_gone.clear()
            await self._one_gone.wait()
        if self._sandboxes.contained.is_dir():
            await self._network.remove()
            if not self._sweeping:
                # The next daemon need not ask the engine whether anything is left.
                with contextlib.suppress(OSError):
                    self._sandboxes.contained.rmdir()

    # Starting

    async def _run(self, task: _Task, spec: LaunchSpec) -> None:
        try:
            wanted, task.stop_signal = await self._preparation.of(spec, task.cancelled)
            container = await self._start(task, wanted)
        except KilledEarly:
            self._end(task, Condition.KILLED, "Container destroyed before it was started")
        except (BadContainer, EngineUnavailable) as error:
            self._end(task, Condition.ERROR, str(error))
        except (ImageMissing, EngineRefused, OSError, ValueError) as error:
            self._end(task, Condition.FAILED, f"Failed to launch container: {error}")
        except Exception as error:
            logger.exception("task_id=%s could not be started", task.id)
            self._end(task, Condition.FAILED, f"Failed to launch container: {error!r}")
        else:
            task.container = container
            self._report(TaskUpdate(task.id, Condition.RUNNING, address=task.address))
            if task.cancelled.is_set():
                self._in_background(self._stop(task, task.grace_seconds))
            await self._watch(task)

    async def _start(self, task: _Task, wanted: Creation) -> str:
        """The id of the started container."""
        try:
            made = await self._engine.call(lambda client: client.create_container_from_config(wanted.body, wanted.name))
            container = str(made["Id"])
            if task.cancelled.is_set():
                await self._discard(container)
                raise KilledEarly
            try:
                await self._engine.call(lambda client: client.start(container))
                task.address = address_in(await self._engine.call(lambda client: client.inspect_container(container)))
            except EngineRefused:
                await self._discard(container)
                raise
        except EngineUnavailable:
            # It may have done what it was asked for.
            self._sweep_later()
            raise
        return container

    # Ending

    async def _stop(self, task: _Task, grace_seconds: float) -> None:
        """As `docker stop`: the container's own signal, and SIGKILL after the grace."""
        await containers.signal(self._engine, task.container, task.stop_signal)
        while True:
            try:
                await asyncio.wait_for(task.ended.wait(), grace_seconds)
                return
            except TimeoutError:
                # Again and again: an engine that is away for a while hears none of it.
                await containers.signal(self._engine, task.container, "SIGKILL")
                grace_seconds = KILL_AGAIN_SECONDS

    async def _watch(self, task: _Task) -> None:
        """Until the container has ended; then report, and leave nothing of it but the sandbox."""
        copy = OutputCopy(self._engine, task.container, self._sandboxes.path(task.id), self._papers(task.id))
        try:
            container = await containers.until_ended(self._engine, task.container)
            task.ended.set()
            await copy.finish()
        except EngineUnavailable as error:
            self._sweep_later()
            condition = Condition.KILLED if task.cancelled.is_set() else Condition.LOST
            self._end(task, condition, f"The container cannot be watched: {error}")
            return
        finally:
            copy.stop()
        if container is None:
            condition = Condition.KILLED if task.cancelled.is_set() else Condition.LOST
            self._end(task, condition, "The container is gone")
            return
        condition, message = outcome(container, kill_asked=task.cancelled.is_set())
        # Before the container goes: the next daemon could not tell any more how it ended.
        with contextlib.suppress(OSError):
            (self._papers(task.id) / "outcome").write_text(json.dumps([condition, message]))
        await self._discard(task.container)
        self._end(task, condition, message)

    async def _discard(self, container: str) -> None:
        if not await containers.remove(self._engine, container):
            self._sweep_later()

    def _end(self, task: _Task, condition: Condition, message: str, *, began: bool = True) -> None:
        self._tasks.pop(task.id, None)
        task.ended.set()
        try:
            if task.expected:
                self._report(TaskUpdate(task.id, condition, message, began=began))
            # After the report, so that a crash in between, or an engine that failed, repeats it rather than losing it.
            shutil.rmtree(self._papers(task.id), ignore_errors=True)
            self._sandboxes.ended(task.id)
        finally:
            self._one_gone.set()

    # Restart of the daemon, or of the engine

    def _sweep_later(self) -> None:
        """Containers may be left that no task has any more; they are ended as soon as the engine answers."""
        if not self._sweeping:
            self._sweeping = True
            self._in_background(self._sweep())

    async def _sweep(self) -> None:
        found = None
        while found is None:
            await asyncio.sleep(SWEEP_AFTER_SECONDS)
            with contextlib.suppress(EngineUnavailable, EngineRefused):
                found = await containers.of_cluster(self._engine, self._territory.cluster)
        self._sweeping = False
        for container in found:
            if container["Config"]["Labels"].get(TASK_LABEL, "") not in self._tasks:
                self._readopt(container, ())

    def _readopt(self, container: Any, expected: Sequence[str]) -> None:
        config = container["Config"]
        grace = config.get("StopTimeout")
        task = _Task(
            config["Labels"].get(TASK_LABEL, ""),
            address=address_in(container),
            stop_signal=config.get("StopSignal") or "SIGTERM",
            grace_seconds=DEFAULT_GRACE_SECONDS if grace is None else float(grace),
        )
        task.expected = task.id in expected
        self._tasks[task.id] = task
        if container["State"]["Status"] == "created":
            self._in_background(self._end_unstarted(task, container["Id"]))
            return
        task.container = container["Id"]
        if container["State"].get("Running"):
            logger.info("%s task_id=%s", "adopted" if task.expected else "ending the unexpected", task.id)
            if task.expected:
                self._report(TaskUpdate(task.id, Condition.RUNNING, address=task.address))
            else:
                self.kill(task.id, task.grace_seconds)
        self._in_background(self._watch(task))

    async def _end_unstarted(self, task: _Task, container: str) -> None:
        await self._discard(container)
        self._end(task, Condition.LOST, "The agent was restarted before the task was started", began=False)

    def _end_unseen(self, task_id: str, *, expected: bool) -> None:
        """A task without a container: it ended and was not reported, or never had one."""
        condition, message, began = Condition.LOST, "The task was not found when the agent restarted", False
        try:
            word, message = json.loads((self._papers(task_id) / "outcome").read_text())
            condition, began = Condition(word), True
        except (OSError, ValueError):
            pass
        self._end(_Task(task_id, expected=expected), condition, message, began=began)

    def _papers(self, task_id: str) -> Path:
        return self._sandboxes.contained / directory_name(task_id)

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
