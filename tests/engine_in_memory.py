"""The embedded cluster's own engine in memory, as the Marathon, the Mesos and the store of `ciprov.environments`.

No process, no file, no HTTP: tasks are entries here, and the clock moves only when somebody waits. What decides is the
engine itself: its deployments, its launch queue, its ledger of agents.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from engine_surroundings import Broken, Bus, Killed, MemoryDatabase, Nowhere, Routes, Timers, finish
from memory_store import MemoryStore

from ciprov.domain.marathon import DeploymentRef, MarathonConflict, MarathonInvalid, MarathonNotFound
from ciprov.environments.context import Clock, Context
from ciprov.environments.service import EnvironmentService
from ciprov.localcluster.api import deployments as api_deployments
from ciprov.localcluster.api import queue as api_queue
from ciprov.localcluster.api.agents import free_resources
from ciprov.localcluster.api.app_info import Snapshot, task
from ciprov.localcluster.api.port import Locked, TreeChange
from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.errors import InvalidJson, InvalidObject, NotFound
from ciprov.localcluster.definitions.fields import APP_UPDATE
from ciprov.localcluster.definitions.group import Group
from ciprov.localcluster.definitions.parse import apply_update, update_of
from ciprov.localcluster.definitions.render import render_app
from ciprov.localcluster.definitions.schema import checked
from ciprov.localcluster.engine.cluster import ClusterEngine
from ciprov.localcluster.engine.ports import Outside, ProbeReport
from ciprov.localcluster.model import Agent, Condition, Instance, Resources
from ciprov.localcluster.runtimes.port import LaunchSpec, TaskUpdate
from ciprov.localcluster.tree.changes import delete_app, delete_group, edit_apps, put_group
from ciprov.localcluster.tree.group_update import parse_group_update
from ciprov.localcluster.tree.lookup import find_app, find_group

STAGES_SECONDS = 0.1
HEALTHY_SECONDS = 0.4
DIES_SECONDS = 0.3
_WITH_COUNTS = frozenset({"counts", "deployments"})
_ALONE = frozenset({"counts", "deployments", "tasks", "lastTaskFailure"})


@dataclass
class Running:
    """One task on its host. Whatever the cluster believes, it holds its ports and volumes until it has ended."""

    spec: LaunchSpec
    host: str
    ports: frozenset[int]
    volumes: frozenset[str]
    dying: bool = False


def agents(count: int, ports: range = range(31000, 31020)) -> list[Agent]:
    """All of them offer the same ports, as those on machines of their own do."""
    total = Resources(8.0, 8192.0, 8192.0, 0, frozenset(ports))
    return [Agent(f"agent-{index + 1}", f"host-{index + 1}", total) for index in range(count)]


@dataclass
class EngineWorld:
    """Marathon, Agents and Store of environments, and the runtime and prober of the engine, in one.

    A task's `HEALTH` in its environment: `sick` never passes a check, `silent` never answers one. While the world is
    `silent`, no task does that starts. What is in `before` is done once, just before the
    next write of that name: `put_group`, say.
    """

    hosts: Sequence[Agent] = field(default_factory=lambda: agents(1))
    mesos_known: bool = True
    target: str = "engine in memory"

    def __post_init__(self) -> None:
        self.timers = Timers()
        self.tasks: dict[str, Running] = {}
        self.probing: dict[str, tuple[Instance, App]] = {}
        self.kept: dict[str, set[str]] = {}
        self.destroyed: list[str] = []
        self.writes: list[str] = []
        self.before: dict[str, Callable[[], None]] = {}
        self.silent = False
        self.kill_in: int | None = None
        self.store = MemoryStore(self.called)
        outside = Outside(
            runtime=self,
            prober=self,
            forwarder=Routes(),
            events=Bus(),
            agents=self.hosts,
            now=self.timers.now,
            call_later=self.timers.call_later,
            port_held=lambda host, port: False,
            give_up=_give_up,
        )
        self.engine = ClusterEngine(MemoryDatabase(), outside)
        finish(self.engine.recover())

    # ── Runtime: tasks on their hosts ──

    async def recover(self, expected: Sequence[str]) -> None:
        pass

    async def shutdown(self, grace_seconds: float) -> None:
        raise NotImplementedError

    def launch(self, spec: LaunchSpec) -> None:
        environment = spec.environment
        numbers = frozenset(int(port) for port in environment.get("PORTS", "").split(",") if port and port != "0")
        container = spec.container
        volumes = frozenset(mount.volume for mount in container.volumes if mount.volume) if container else frozenset()
        fresh = Running(spec, environment["HOST"], numbers, volumes)
        for other in self.tasks.values():
            if other.host == fresh.host and other.ports & fresh.ports:
                raise Broken(f"two tasks on {fresh.host} hold {sorted(other.ports & fresh.ports)}")
            if other.volumes & fresh.volumes:
                raise Broken(f"two tasks have {sorted(other.volumes & fresh.volumes)} attached")
        self.tasks[spec.task_id] = fresh
        self._take_volume(spec)
        self.timers.call_later(STAGES_SECONDS, lambda: self._up(spec.task_id))

    def _take_volume(self, spec: LaunchSpec) -> None:
        """A persistent volume outlives its instance, and the next one of the app takes it over."""
        if spec.persistent is None:
            return
        app_id, instance_id = spec.persistent.app_id, spec.persistent.instance_id
        there = self.kept.setdefault(app_id, set())
        living = {instance.id for instance in self.engine.instances(app_id)}
        left = sorted(there - living)
        if instance_id not in there and left:
            there.remove(left[0])
        there.add(instance_id)

    def _up(self, task_id: str) -> None:
        if task_id in self.tasks and not self.tasks[task_id].dying:
            self.engine.task_updated(TaskUpdate(task_id, Condition.RUNNING))

    def kill(self, task_id: str, grace_seconds: float) -> None:
        if task_id not in self.tasks:
            self.timers.call_later(0, lambda: self.engine.task_updated(TaskUpdate(task_id, Condition.LOST)))
        elif not self.tasks[task_id].dying:
            self.tasks[task_id].dying = True
            self.timers.call_later(DIES_SECONDS, lambda: self._gone(task_id))

    def _gone(self, task_id: str) -> None:
        del self.tasks[task_id]
        self.engine.task_updated(TaskUpdate(task_id, Condition.KILLED))

    # ── Prober ──

    def start(self, instance: Instance, app: App, environment: Mapping[str, str]) -> None:
        self.probing[instance.task_id] = (instance, app)
        health = environment.get("HEALTH", "")
        if health != "silent" and not self.silent:
            self.timers.call_later(HEALTHY_SECONDS, lambda: self.probe(instance.task_id, ok=health != "sick"))

    def stop(self, task_id: str) -> None:
        self.probing.pop(task_id, None)

    def start_readiness(self, instance: Instance, app: App) -> None:
        raise NotImplementedError

    def probe(self, task_id: str, *, ok: bool) -> None:
        if task_id in self.probing:
            for index in range(len(self.probing[task_id][1].health_checks)):
                self.engine.probed(ProbeReport(task_id, index, ok, "" if ok else "connection refused"))

    # ── Marathon ──

    def info(self) -> dict[str, Any]:
        return {"version": "1.11.0"}

    def group(self, path: str) -> dict[str, Any] | None:
        group = find_group(self.engine.root, path)
        return None if group is None else self._shown(group, Snapshot(self.engine))

    def _shown(self, group: Group, snapshot: Snapshot) -> dict[str, Any]:
        return {
            "id": group.id,
            "dependencies": list(group.dependencies),
            "version": group.version,
            "apps": [_plain(snapshot.info(app, _WITH_COUNTS)) for app in group.apps.values()],
            "groups": [self._shown(below, snapshot) for below in group.groups.values()],
        }

    def app(self, app_id: str) -> dict[str, Any] | None:
        app = find_app(self.engine.root, app_id)
        return None if app is None else _plain(Snapshot(self.engine).info(app, _ALONE))

    def apps(self) -> list[dict[str, Any]]:
        snapshot = Snapshot(self.engine)
        return [_plain(snapshot.info(app, _WITH_COUNTS)) for app in self.engine.root.all_apps()]

    def tasks_of(self, app_id: str) -> list[Running]:
        return [running for task_id, running in self.tasks.items() if self.owner(task_id) == app_id]

    def owner(self, task_id: str) -> str:
        return self.tasks[task_id].spec.environment["MARATHON_APP_ID"]

    def root_version(self) -> str:
        return self.engine.root.version

    def group_at(self, path: str, version: str) -> dict[str, Any] | None:
        group = self.engine.group_version(path, version)
        return None if group is None else self._shown(group, Snapshot(self.engine))

    def app_at(self, app_id: str, version: str) -> dict[str, Any] | None:
        app = self.engine.app_version(app_id, version)
        return None if app is None else _plain(render_app(app))

    def put_group(self, path: str, body: dict[str, Any], *, force: bool = False) -> DeploymentRef:
        return self._change(f"put_group {path}", force, path, lambda: put_group(parse_group_update(body, path)))

    def put_app(self, app_id: str, body: dict[str, Any], *, force: bool = False) -> DeploymentRef:
        def updated(current: App | None) -> App:
            if current is None:
                raise NotFound.app(app_id)
            return apply_update(current, update_of(checked(APP_UPDATE, body)))

        return self._change(f"put_app {app_id} {body}", force, app_id, lambda: edit_apps([(app_id, updated)]))

    def delete_app(self, app_id: str, *, force: bool = False) -> DeploymentRef:
        if self.kept.pop(app_id, None):
            self.destroyed.append(app_id)
        return self._change(f"delete_app {app_id}", force, app_id, lambda: delete_app(app_id))

    def delete_group(self, path: str, *, force: bool = False) -> DeploymentRef:
        return self._change(f"delete_group {path}", force, path, lambda: delete_group(path))

    def _change(self, what: str, force: bool, where: str, edit: Callable[[], TreeChange]) -> DeploymentRef:
        meddle = self.before.pop(what.split(maxsplit=1)[0], None)
        if meddle is not None:
            meddle()
        try:
            accepted = self.engine.change(edit(), force=force, group_id=where.rpartition("/")[0] or "/")
        except Locked as locked:
            raise MarathonConflict("App is locked", deployment_ids=locked.deployment_ids) from None
        except NotFound as error:
            raise MarathonNotFound(error.message, status=404) from None
        except (InvalidJson, InvalidObject) as error:
            details = [(violation.path, violation.error) for violation in error.violations]
            raise MarathonInvalid(str(error), details=details) from None
        self.writes.append(what + (" (forced)" if force else ""))
        return DeploymentRef(accepted.deployment_id, accepted.version)

    def deployments(self) -> list[dict[str, Any]]:
        return [_plain(api_deployments.shown(view)) for view in self.engine.deployments()]

    def cancel_deployment(self, deployment_id: str) -> None:
        raise NotImplementedError

    def queue(self) -> list[dict[str, Any]]:
        return [_plain(api_queue.shown(entry)) for entry in self.engine.queue()]

    @contextmanager
    def events(self, types: Any, wake: Any) -> Iterator[None]:
        yield

    # ── Agents ──

    def agents(self) -> list[dict[str, Any]] | None:
        if not self.mesos_known:
            return None
        free = free_resources(self.engine)
        return [_slave(agent, free[agent.id]) for agent in self.engine.agents if not agent.lost]

    def unreachable_tasks(self) -> list[dict[str, Any]] | None:
        """Those that still run on a lost host, whether or not Marathon has forgotten them."""
        if not self.mesos_known:
            return None
        lost = {agent.hostname: agent.id for agent in self.engine.agents if agent.lost}
        return [
            {
                "id": task_id,
                "slave_id": lost[running.host],
                "state": "TASK_UNREACHABLE",
                "resources": {"ports": _ranges(running.ports)},
            }
            for task_id, running in self.tasks.items()
            if running.host in lost
        ]

    def sandbox_tail(self, agent_id: str, task_id: str, file: str, limit: int) -> str | None:
        return None

    # ── what tests ask ──

    def called(self) -> None:
        """ciprov is about to read, write or save: once it has done so `kill_in` times, it is killed instead."""
        if self.kill_in is not None:
            self.kill_in -= 1
            if self.kill_in < 0:
                self.kill_in = None
                raise Killed

    @property
    def service(self) -> EnvironmentService:
        context = Context("memory", "me@here", "10.0.0.1", self.clock)
        return EnvironmentService(_Marathon(self), self, self.store, context, Nowhere())

    @property
    def clock(self) -> Clock:
        def wait(wake: threading.Event, seconds: float) -> None:
            self.timers.advance(seconds)

        return Clock(now=self.timers.now, monotonic=lambda: self.timers.seconds, wait=wait)


class _Marathon:
    """The world as `Marathon`: there, `tasks` is a call."""

    def __init__(self, world: EngineWorld) -> None:
        self._world = world

    def __getattr__(self, name: str) -> Any:
        self._world.called()
        return getattr(self._world, name)

    def tasks(self, app_id: str) -> list[dict[str, Any]]:
        self._world.called()
        app = find_app(self._world.engine.root, app_id)
        if app is None:
            raise MarathonNotFound(f"App '{app_id}' does not exist", status=404)
        return [_plain(task(item, app)) for item in Snapshot(self._world.engine).instances(app_id)]


def _give_up(error: Exception) -> None:
    raise Broken(f"the engine gave up: {error!r}") from error


def _slave(agent: Agent, free: Resources) -> dict[str, Any]:
    used = agent.total.ports - free.ports
    names = ("cpus", "mem", "disk", "gpus")
    return {
        "id": agent.id,
        "hostname": agent.hostname,
        "active": agent.active,
        "attributes": dict(agent.attributes),
        "resources": {name: getattr(agent.total, name) for name in names} | {"ports": _ranges(agent.total.ports)},
        "used_resources": {name: getattr(agent.total, name) - getattr(free, name) for name in names}
        | {"ports": _ranges(used)},
    }


def _ranges(ports: frozenset[int]) -> str:
    return "[" + ", ".join(f"{port}-{port}" for port in sorted(ports)) + "]"


def _plain(value: Any) -> Any:
    """As JSON gives it: nothing that is shared with the engine, and enums as text."""
    return json.loads(json.dumps(value))
