"""Tasks as containers. Implements `Runtime` of `runtimes/port.py` for specifications with a container.

Every container bears the cluster's and the task's id as labels: only those are ever looked at. The papers of a task
are a directory that exists from its launch until its end was reported, so that the next daemon knows what to look for.
"""

from __future__ import annotations

import asyncio
import json
import logging
import shutil
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ciprov.localcluster.model import Condition
from ciprov.localcluster.runtimes.docker import containers, images
from ciprov.localcluster.runtimes.docker.creation import (
    CLUSTER_LABEL,
    TASK_LABEL,
    Bridge,
    Surroundings,
    creation,
    needs_bridge,
)
from ciprov.localcluster.runtimes.docker.engine import DockerEngine, EngineRefused, EngineUnavailable
from ciprov.localcluster.runtimes.docker.logs import follow
from ciprov.localcluster.runtimes.docker.network import ClusterNetwork
from ciprov.localcluster.runtimes.docker.outcome import address_in, outcome
from ciprov.localcluster.runtimes.docker.parameters import BadContainer
from ciprov.localcluster.runtimes.fetching import Fetching
from ciprov.localcluster.runtimes.port import LaunchSpec, Report, TaskUpdate
from ciprov.localcluster.runtimes.sandbox import Sandboxes, directory_name
from ciprov.localcluster.runtimes.volumes import Volumes, open_to_all

DEFAULT_GRACE_SECONDS = 3.0
OUTPUT_WAIT_SECONDS = 5.0

logger = logging.getLogger(__name__)

T = TypeVar("T")


class _Killed(Exception):
    """The task is to end before its container was made."""


@dataclass(eq=False, slots=True)
class _Task:
    """One task of this daemon; `container` is its id once it is started, `address` that on a network of its own."""

    id: str
    container: str = ""
    address: str = ""
    stop_signal: str = "SIGTERM"
    expected: bool = True
    own_grace_seconds: float = DEFAULT_GRACE_SECONDS
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Territory:
    """What belongs to one cluster: its name in labels, its sandboxes, its persistent volumes."""

    cluster: str
    sandboxes: Sandboxes
    volumes: Volumes


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
        self._volumes = territory.volumes
        self._fetching = fetching
        self._report = report
        self._bridged = bridged
        self._network = ClusterNetwork(engine, territory.cluster)
        self._tasks: dict[str, _Task] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._one_gone = asyncio.Event()

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
        task = _Task(spec.task_id, own_grace_seconds=spec.kill_grace_seconds)
        self._tasks[spec.task_id] = task
        self._papers(spec.task_id).mkdir(mode=0o700, parents=True, exist_ok=True)
        self._in_background(self._run(task, spec))

    def kill(self, task_id: str, grace_seconds: float) -> None:
        task = self._tasks.get(task_id)
        if task is None:
            update = TaskUpdate(task_id, Condition.LOST, "The task is not known to the agent")
            asyncio.get_running_loop().call_soon(self._report, update)
            return
        task.cancelled.set()
        if task.container:
            self._in_background(self._stop(task, grace_seconds))

    async def recover(self, expected: Sequence[str]) -> None:
        directory = self._sandboxes.contained
        present = {entry.name for entry in directory.iterdir()} if directory.is_dir() else set()
        if not present and not expected:
            return
        names = {directory_name(task_id): task_id for task_id in expected}
        try:
            found = await self._engine.call(self._own_containers)
            bridge = await self._network.found()
        except (EngineUnavailable, EngineRefused) as error:
            logger.warning("cannot look for the containers of the last daemon: %s", error)
            for task_id in expected:
                self._end(_Task(task_id), Condition.LOST, f"The task cannot be found: {error}")
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
            self.kill(task.id, min(task.own_grace_seconds, grace_seconds))
        used = self._sandboxes.contained.is_dir()
        while self._tasks:
            self._one_gone.clear()
            await self._one_gone.wait()
        if used:
            await self._network.remove()

    # Starting

    async def _run(self, task: _Task, spec: LaunchSpec) -> None:
        try:
            container = await self._create(task, spec)
            if task.cancelled.is_set():
                await containers.remove(self._engine, container)
                raise _Killed
            try:
                await self._engine.call(lambda client: client.start(container))
                task.address = address_in(await self._engine.call(lambda client: client.inspect_container(container)))
            except EngineRefused:
                await containers.remove(self._engine, container)
                raise
        except _Killed:
            self._end(task, Condition.KILLED, "Container destroyed before it was started")
        except (BadContainer, EngineUnavailable) as error:
            self._end(task, Condition.ERROR, str(error))
        except (images.ImageMissing, EngineRefused, OSError, ValueError) as error:
            self._end(task, Condition.FAILED, f"Failed to launch container: {error}")
        except Exception as error:
            logger.exception("task_id=%s could not be started", task.id)
            self._end(task, Condition.FAILED, f"Failed to launch container: {error!r}")
        else:
            task.container = container
            self._report(TaskUpdate(task.id, Condition.RUNNING, address=task.address))
            if task.cancelled.is_set():
                self._in_background(self._stop(task, task.own_grace_seconds))
            await self._watch(task)

    async def _create(self, task: _Task, spec: LaunchSpec) -> str:
        """The id of a new container; raises `_Killed` where the task is killed before."""
        wanted = spec.container
        assert wanted is not None
        sandbox = self._sandboxes.path(spec.task_id)
        sandbox.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The container's user may be any; on the host the directories above keep others out.
        sandbox.chmod(0o777)
        if spec.fetch:
            await self._fetching.into(sandbox, spec, task.cancelled)
        image = await _unless(
            task.cancelled, images.ensure(self._engine, wanted.image, sandbox, force=wanted.force_pull)
        )
        bridge = None
        if needs_bridge(wanted):
            bridge = await _unless(task.cancelled, self._network.ensured())
            self._bridged(bridge)
        around = Surroundings(
            self._territory.cluster,
            sandbox,
            self._volumes.of(wanted.app_id, wanted.instance_id),
            bridge,
            (image.get("Config") or {}).get("WorkingDir") or "",
        )
        made = creation(spec, around)
        for directory in made.directories:
            open_to_all(directory)
        task.stop_signal = made.body.get("StopSignal") or (image.get("Config") or {}).get("StopSignal") or "SIGTERM"
        answer = await self._engine.call(lambda client: client.create_container_from_config(made.body, made.name))
        return str(answer["Id"])

    # Ending

    async def _stop(self, task: _Task, grace_seconds: float) -> None:
        """As `docker stop`: the container's own signal, and SIGKILL after the grace."""
        await containers.signal(self._engine, task.container, task.stop_signal)
        try:
            await asyncio.wait_for(task.ended.wait(), grace_seconds)
        except TimeoutError:
            await containers.signal(self._engine, task.container, "SIGKILL")

    async def _watch(self, task: _Task) -> None:
        """Until the container has ended; then report, and leave nothing of it but the sandbox."""
        copying = asyncio.create_task(follow(self._engine, task.container, self._sandboxes.path(task.id)))
        try:
            container = await containers.until_ended(self._engine, task.container)
            task.ended.set()
            await asyncio.wait({copying}, timeout=OUTPUT_WAIT_SECONDS)
        finally:
            copying.cancel()
        if container is None:
            condition = Condition.KILLED if task.cancelled.is_set() else Condition.LOST
            self._end(task, condition, "The container is gone")
            return
        condition, message = outcome(container, kill_asked=task.cancelled.is_set())
        # Before the container goes: the next daemon could not tell any more how it ended.
        (self._papers(task.id) / "outcome").write_text(json.dumps([condition, message]))
        await containers.remove(self._engine, task.container)
        self._end(task, condition, message)

    def _end(self, task: _Task, condition: Condition, message: str) -> None:
        self._tasks.pop(task.id, None)
        task.ended.set()
        try:
            if task.expected:
                self._report(TaskUpdate(task.id, condition, message))
            # After the report, so that a crash in between, or an engine that failed, repeats it rather than losing it.
            shutil.rmtree(self._papers(task.id), ignore_errors=True)
            self._sandboxes.ended(task.id)
        finally:
            self._one_gone.set()

    # Restart of the daemon

    def _own_containers(self, client: Any) -> list[Any]:
        label = f"{CLUSTER_LABEL}={self._territory.cluster}"
        listed = client.containers(all=True, filters={"label": label})
        return [client.inspect_container(each["Id"]) for each in listed]

    def _readopt(self, container: Any, expected: Sequence[str]) -> None:
        config = container["Config"]
        task = _Task(
            config["Labels"].get(TASK_LABEL, ""),
            address=address_in(container),
            stop_signal=config.get("StopSignal") or "SIGTERM",
            own_grace_seconds=float(config.get("StopTimeout") or DEFAULT_GRACE_SECONDS),
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
                self.kill(task.id, task.own_grace_seconds)
        self._in_background(self._watch(task))

    async def _end_unstarted(self, task: _Task, container: str) -> None:
        await containers.remove(self._engine, container)
        self._end(task, Condition.LOST, "The agent was restarted before the task was started")

    def _end_unseen(self, task_id: str, *, expected: bool) -> None:
        """A task without a container: it ended and was not reported, or never had one."""
        condition, message = Condition.LOST, "The task was not found when the agent restarted"
        try:
            word, message = json.loads((self._papers(task_id) / "outcome").read_text())
            condition = Condition(word)
        except (OSError, ValueError):
            pass
        self._end(_Task(task_id, expected=expected), condition, message)

    def _papers(self, task_id: str) -> Path:
        return self._sandboxes.contained / directory_name(task_id)

    def _in_background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


async def _unless(cancelled: asyncio.Event, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`; raises `_Killed` as soon as `cancelled` is set."""
    working = asyncio.ensure_future(work)
    asked = asyncio.ensure_future(cancelled.wait())
    try:
        await asyncio.wait({working, asked}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise _Killed
        return working.result()
    finally:
        asked.cancel()
        working.cancel()
