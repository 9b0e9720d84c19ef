"""A world for the engine in memory: a clock that is moved by hand, tasks that do what the test says."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.group import Group
from ciprov.localcluster.engine.cluster import ClusterEngine
from ciprov.localcluster.engine.database import Database
from ciprov.localcluster.engine.ports import Outside, ProbeReport, ReadinessReport
from ciprov.localcluster.model import Agent, Condition, Instance, Resources
from ciprov.localcluster.runtimes.port import LaunchSpec, TaskUpdate
from ciprov.localcluster.tree.edit import with_app, without_app

HOST = "127.9.9.1"


class Crash(BaseException):
    """kill -9 in the middle of whatever the engine does."""


class Broken(BaseException):
    """The engine broke a promise to the world; no `except Exception` swallows it."""


class Clock:
    def __init__(self) -> None:
        self.time = datetime(2024, 1, 1, tzinfo=UTC)
        self._timers: list[tuple[datetime, int, Timer]] = []
        self._count = 0

    def now(self) -> datetime:
        return self.time

    def call_later(self, seconds: float, function: Callable[[], None]) -> Timer:
        self._count += 1
        timer = Timer(function)
        heapq.heappush(self._timers, (self.time + timedelta(seconds=seconds), self._count, timer))
        return timer

    @property
    def armed(self) -> list[float]:
        """Seconds to each timer that is still wanted."""
        return sorted((due - self.time).total_seconds() for due, _, timer in self._timers if not timer.cancelled)

    def advance(self, seconds: float) -> None:
        end = self.time + timedelta(seconds=seconds)
        while self._timers and self._timers[0][0] <= end:
            due, _, timer = heapq.heappop(self._timers)
            self.time = max(self.time, due)
            if not timer.cancelled:
                timer.function()
        self.time = end

    def forget(self) -> None:
        self._timers.clear()


@dataclass
class Timer:
    function: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class World:
    """Runtime, prober, forwarder, events and clock in one, and the engine that lives in it."""

    directory: Path
    agents: Sequence[Agent] = ()
    clock: Clock = field(default_factory=Clock)
    tasks: dict[str, LaunchSpec] = field(default_factory=dict)
    up: set[str] = field(default_factory=set)
    dying: set[str] = field(default_factory=set)
    lost_reports: list[TaskUpdate] = field(default_factory=list)
    probing: dict[str, tuple[Instance, App]] = field(default_factory=dict)
    readiness: set[str] = field(default_factory=set)
    routes: Mapping[int, Sequence[tuple[str, int]]] = field(default_factory=dict)
    published: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    foreign: set[int] = field(default_factory=set)
    crash_in: int | None = None
    launches: int = 0
    recovered: bool = False
    gave_up: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.agents = self.agents or (agent(),)
        self.start()

    def start(self) -> None:
        self.recovered = False
        outside = Outside(
            runtime=self,
            prober=Probes(self),
            forwarder=Routes(self),
            events=Bus(self),
            agents=self.agents,
            now=self.clock.now,
            call_later=self.clock.call_later,
            port_held=lambda host, port: port in self.foreign,
            give_up=self.gave_up.append,
        )
        self.engine = ClusterEngine(Database(self.directory / "cluster.db"), outside)
        asyncio.run(self.engine.recover())

    def restart(self) -> None:
        """kill -9 of the daemon and a new one; the tasks live on."""
        self.clock.forget()
        self.probing.clear()
        self.readiness.clear()
        self.routes = {}
        self.start()

    # Runtime

    def _may_crash(self) -> None:
        if not self.recovered:
            raise Broken("asked for something before the runtime knew what runs")
        if self.crash_in is not None:
            self.crash_in -= 1
            if self.crash_in <= 0:
                self.crash_in = None
                raise Crash

    def launch(self, spec: LaunchSpec) -> None:
        self._may_crash()
        if spec.task_id in self.tasks:
            raise Broken(f"{spec.task_id} launched twice")
        if any(_port(spec) == _port(other) != "" for other in self.tasks.values()):
            raise Broken(f"two tasks on port {_port(spec)}")
        self.tasks[spec.task_id] = spec
        self.launches += 1

    def kill(self, task_id: str, grace_seconds: float) -> None:
        self._may_crash()
        if task_id in self.tasks:
            self.dying.add(task_id)
        else:
            self.engine.task_updated(TaskUpdate(task_id, Condition.LOST, "unknown"))

    async def recover(self, expected: Sequence[str]) -> None:
        for task_id in list(self.tasks):
            if task_id not in expected:
                self._forget(task_id)
        for task_id in expected:
            if task_id not in self.tasks:
                self.engine.task_updated(TaskUpdate(task_id, Condition.LOST, "not found", began=False))
            elif task_id in self.up:
                self.engine.task_updated(TaskUpdate(task_id, Condition.RUNNING))
        self.recovered = True

    async def shutdown(self, grace_seconds: float) -> None:
        raise NotImplementedError

    def _forget(self, task_id: str) -> None:
        del self.tasks[task_id]
        self.up.discard(task_id)
        self.dying.discard(task_id)

    # What tasks do

    def come_up(self, *task_ids: str) -> None:
        for task_id in task_ids or [name for name in self.tasks if name not in self.up]:
            self.up.add(task_id)
            self.engine.task_updated(TaskUpdate(task_id, Condition.RUNNING))

    def end(self, task_id: str, condition: Condition = Condition.FAILED, message: str = "ended") -> None:
        self._forget(task_id)
        self.engine.task_updated(TaskUpdate(task_id, condition, message))

    def die(self) -> None:
        """Everything that is being killed is gone."""
        for task_id in list(self.dying):
            self.end(task_id, Condition.KILLED, "Command terminated with signal Terminated")

    def probe(self, ok: bool = True, *task_ids: str) -> None:
        for task_id in task_ids or list(self.probing):
            # The outcome for one task may end the probing of another.
            checks = self.probing[task_id][1].health_checks if task_id in self.probing else ()
            for index in range(len(checks)):
                self.engine.probed(ProbeReport(task_id, index, ok, "" if ok else "connection refused"))

    def settle(self) -> None:
        """All goes well until nothing happens any more, for ten minutes at most."""
        for _ in range(120):
            before = (len(self.published), set(self.tasks))
            self.die()
            self.come_up()
            self.probe()
            for task_id in list(self.readiness):
                self.engine.readiness_probed(ReadinessReport(task_id, 0, ready=True, status=200))
                self.readiness.discard(task_id)
            if before == (len(self.published), set(self.tasks)) and not self.clock.armed:
                return
            self.clock.advance(5)

    # What users do

    def put(self, app_id: str, *, force: bool = False, **fields: Any) -> str:
        app = App.model_validate({"id": app_id, "cmd": "serve", **fields})
        return self.change(lambda root: with_app(root, app), force=force)

    def delete(self, app_id: str, *, force: bool = False) -> str:
        return self.change(lambda root: without_app(root, app_id), force=force)

    def change(self, edit: Callable[[Group], Group], **options: Any) -> str:
        options = {"force": False, "group_id": "/", **options}
        return self.engine.change(lambda root, _: edit(root), **options).deployment_id

    # What is to be seen

    def conditions(self, app_id: str) -> list[str]:
        return sorted(instance.condition.value for instance in self.engine.instances(app_id))

    def commands(self) -> list[str | None]:
        return sorted(spec.shell or "" for spec in self.tasks.values())

    @property
    def deploying(self) -> list[str]:
        return [view.id for view in self.engine.deployments()]

    def events(self, event_type: str) -> list[Mapping[str, Any]]:
        return [fields for published, fields in self.published if published == event_type]


@dataclass
class Probes:
    world: World

    def start(self, instance: Instance, app: App, environment: Mapping[str, str]) -> None:
        if instance.task_id in self.world.probing or environment["MESOS_TASK_ID"] != instance.task_id:
            raise Broken(f"{instance.task_id} probed twice or as another")
        self.world.probing[instance.task_id] = (instance, app)

    def stop(self, task_id: str) -> None:
        self.world.probing.pop(task_id, None)
        self.world.readiness.discard(task_id)

    def start_readiness(self, instance: Instance, app: App) -> None:
        self.world.readiness.add(instance.task_id)


@dataclass
class Routes:
    world: World

    def update(self, routes: Mapping[int, Sequence[tuple[str, int]]]) -> None:
        self.world.routes = routes


@dataclass
class Bus:
    world: World

    def publish(self, event_type: str, fields: Mapping[str, Any]) -> None:
        self.world.published.append((event_type, fields))

    def published(self, event_type: str, condition: str = "") -> int:
        found = [fields for name, fields in self.world.published if name == event_type]
        return sum(condition in ("", fields.get("condition")) for fields in found)


def _port(spec: LaunchSpec) -> str:
    return spec.environment.get("PORT0", "")


def agent(index: int = 0, ports: range = range(31000, 31100), cpus: float = 100, kind: str = "any") -> Agent:
    total = Resources(cpus, 100_000, 100_000, 0, frozenset(ports))
    return Agent(f"agent-{index}", HOST, total, {"kind": kind})


FIXED = {"requirePorts": True, "portDefinitions": [{"port": 31005}], "cpus": 0.1}
NOTHING_KEPT = {"upgradeStrategy": {"minimumHealthCapacity": 0, "maximumOverCapacity": 0}}
CHECKED = {"healthChecks": [{"protocol": "TCP", "gracePeriodSeconds": 10, "maxConsecutiveFailures": 2}]}
