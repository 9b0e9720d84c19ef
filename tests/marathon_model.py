"""A small deterministic model of Marathon, Mesos and the store, on a clock that only moves when somebody waits.

It knows what the operations rest on: complete group PUTs, deployments in dependency layers, locks, rolling updates
that never end where a fixed port is held, tasks that start, turn healthy, fail with back-off, and end slowly.
"""

from __future__ import annotations

import copy
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from here_double import HereDouble

from ciprov.domain.environment import EnvironmentRecord, HistoryEntry, LockHeld, LockHolder, RecordChanged
from ciprov.domain.marathon import DeploymentRef, MarathonConflict, MarathonNotFound, MarathonUnavailable
from ciprov.environments.context import Clock, Context
from ciprov.environments.desired import Desired
from ciprov.environments.fixed_ports import fixed_host_ports
from ciprov.environments.service import EnvironmentService
from ciprov.foundation.clock import timestamp

START = datetime(2030, 1, 1, tzinfo=UTC)
STEP = 0.1
GROUP = "/ciprov/x"


class Killed(BaseException):
    """The process was killed at this call."""


@dataclass
class Task:
    id: str
    agent: str
    ports: tuple[int, ...]
    version: str
    born: float
    state: str = "TASK_STAGING"
    healthy: bool = False
    dies: float | None = None


@dataclass
class App:
    body: dict[str, Any]
    version: str
    config: str
    tasks: list[Task] = field(default_factory=list)
    failure: dict[str, Any] | None = None
    failures: int = 0
    not_before: float = 0.0
    lacking: int = 0
    orphaned: bool = False

    @property
    def instances(self) -> int:
        return int(self.body.get("instances", 1))

    @property
    def env(self) -> dict[str, str]:
        return self.body.get("env") or {}

    def alive(self) -> list[Task]:
        return [task for task in self.tasks if task.state in ("TASK_STAGING", "TASK_RUNNING")]


@dataclass
class Deployment:
    id: str
    version: str
    steps: list[list[tuple[str, str]]]
    step: int = 0

    @property
    def apps(self) -> set[str]:
        return {app for step in self.steps for _, app in step}

    def to_json(self) -> dict[str, Any]:
        steps = [{"actions": [{"action": kind, "app": app} for kind, app in step]} for step in self.steps]
        current = steps[self.step]["actions"] if self.step < len(steps) else []
        return {
            "id": self.id,
            "version": self.version,
            "affectedApps": sorted(self.apps),
            "steps": steps,
            "currentActions": current,
            "currentStep": self.step + 1,
            "totalSteps": len(steps),
        }


class World:
    """Marathon, Agents and Store in one; `env` of an app tells how its tasks behave: START seconds until healthy,
    FAIL to end at once, END seconds until it ends with status 0, SICK to never turn healthy, SLOW seconds to die.
    """

    target = "model (http://marathon)"

    def __init__(self, agents: int = 1, ports: tuple[int, int] = (31000, 32000)) -> None:
        self.now = 0.0
        self.slaves = {f"agent-{index}": ports for index in range(agents)}
        self.mesos_known = True
        self.live: dict[str, App] = {}
        self.groups: dict[str, tuple[str, ...]] = {}
        self.dead: list[tuple[str, Task]] = []
        self.linger = 0.0
        self.lingering: list[tuple[float, Task]] = []
        self.running: list[Deployment] = []
        self.past: dict[str, tuple[dict[str, Any], dict[str, tuple[str, ...]]]] = {"at first": ({}, {})}
        self.ids = itertools.count(1)
        self.writes: list[str] = []
        self.calls = 0
        self.kill_at: int | None = None
        self.lose_answers: set[str] = set()
        self.outage: tuple[float, float] | None = None
        self.patience = 60.0
        self.clock_there = timedelta()
        self.held: dict[str, LockHolder] = {}
        self.at: list[tuple[float, Callable[[], None]]] = []
        self.records: dict[str, EnvironmentRecord] = {}
        self.entries: list[HistoryEntry] = []
        self.revisions = itertools.count(1)
        self.lease_lost_at: float | None = None
        self.log: list[str] = []
        self.here = HereDouble(self)

    # ── time ──

    def advance(self, seconds: float) -> None:
        end = self.now + seconds
        while self.now < end - 1e-9:
            self.now = min(end, self.now + STEP)
            for when, act in [one for one in self.at if one[0] <= self.now]:
                self.at.remove((when, act))
                act()
            self._tick()

    def clock(self) -> Clock:
        def wait(wake: threading.Event, seconds: float) -> None:
            self._called()
            self.advance(seconds)

        return Clock(now=lambda: START + timedelta(seconds=self.now), monotonic=lambda: self.now, wait=wait)

    def stamp(self) -> str:
        return timestamp(START + timedelta(seconds=self.now))

    def _called(self) -> None:
        self.calls += 1
        if self.kill_at is not None and self.calls >= self.kill_at:
            self.kill_at = None
            raise Killed

    def _asked(self) -> None:
        self._called()
        if self.outage and self.outage[0] <= self.now < self.outage[1]:
            raise MarathonUnavailable("no answer", status=503)

    # ── the engine ──

    def _tick(self) -> None:
        for app in self.live.values():
            self._tasks(app)
        for app_id, task in list(self.dead):
            if task.dies is not None and task.dies <= self.now:
                self.dead.remove((app_id, task))
        self.lingering = [one for one in self.lingering if one[0] > self.now]
        for deployment in list(self.running):
            self._advance(deployment)
        locked = {app for deployment in self.running for app in deployment.apps}
        for app_id, app in self.live.items():
            if app_id not in locked:
                self._launch(app, 0 if app.orphaned else app.instances - len(app.alive()))

    def _tasks(self, app: App) -> None:
        for task in list(app.tasks):
            age = self.now - task.born
            if task.dies is not None:
                if task.dies <= self.now:
                    app.tasks.remove(task)
                    self.lingering.append((self.now + self.linger, task))
            elif "END" in app.env and task.version == app.config and age >= float(app.env["END"]):
                app.tasks.remove(task)
                app.failures += 1
                app.not_before = self.now + 1.15 ** (app.failures - 1)
            elif "FAIL" in app.env and task.version == app.config and age >= 0.2:
                app.tasks.remove(task)
                app.failures += 1
                app.not_before = self.now + 1.15 ** (app.failures - 1)
                app.failure = {
                    "taskId": task.id,
                    "slaveId": task.agent,
                    "host": task.agent,
                    "state": "TASK_FAILED",
                    "message": "Command exited with status 3",
                    "timestamp": self.stamp(),
                    "version": task.version,
                }
            else:
                task.state = "TASK_RUNNING" if age >= 0.1 else "TASK_STAGING"
                sick = "SICK" in app.env and task.version == app.config
                task.healthy = not sick and age >= float(app.env.get("START", "0.3"))

    def _launch(self, app: App, missing: int) -> None:
        """Start up to `missing` tasks of the present definition where ports and back-off allow."""
        app.lacking = max(0, missing)
        if self.now < app.not_before:
            return
        for _ in range(max(0, missing)):
            ports = fixed_host_ports(app.body)
            agent = next((name for name in self.slaves if self._free(name, ports)), None)
            if agent is None:
                return
            number = next(self.ids)
            app.tasks.append(Task(f"task-{number}", agent, ports, app.config, self.now))
            app.lacking -= 1

    def _free(self, agent: str, ports: tuple[int, ...]) -> bool:
        first, last = self.slaves[agent]
        used = {port for task in self._holding() if task.agent == agent for port in task.ports}
        return all(first <= port <= last and port not in used for port in ports)

    def _holding(self) -> list[Task]:
        """The tasks whose ports the master has not got back yet; `linger` seconds is how long that takes."""
        living = [task for app in self.live.values() for task in app.tasks]
        return [*living, *(task for _, task in self.dead), *(task for _, task in self.lingering)]

    def _kill(self, app: App, task: Task) -> None:
        if task.dies is None:
            task.state = "TASK_KILLING"
            task.dies = self.now + float(app.env.get("SLOW", "0.3"))

    def _advance(self, deployment: Deployment) -> None:
        while deployment.step < len(deployment.steps):
            done = [self._act(kind, app_id) for kind, app_id in deployment.steps[deployment.step]]
            if not all(done):
                return
            deployment.step += 1
        self.running.remove(deployment)

    def _act(self, kind: str, app_id: str) -> bool:
        """Whether the action is done."""
        if kind == "StopApplication":
            return all(owner != app_id for owner, _ in self.dead)
        app = self.live.get(app_id)
        if app is None or kind == "StartApplication":
            return True
        alive = app.alive()
        old = [task for task in alive if task.version != app.config]
        new = [task for task in alive if task.version == app.config]
        checked = bool(app.body.get("healthChecks"))
        good = [task for task in new if task.state == "TASK_RUNNING" and (task.healthy or not checked)]
        if kind == "ScaleApplication":
            for task in alive[: max(0, len(alive) - app.instances)]:
                self._kill(app, task)
            self._launch(app, app.instances - len(alive))
            ready = [t for t in app.alive() if t.state == "TASK_RUNNING" and (t.healthy or not checked)]
            return len(ready) == app.instances == len(app.tasks)
        # A rolling update under the default strategy: one old task ends for each new one that is healthy.
        for task in old[: max(0, len(good) + len(old) - app.instances)]:
            self._kill(app, task)
        self._launch(app, app.instances - len(new))
        return len(good) == app.instances == len(app.tasks)

    # ── Marathon ──

    def info(self) -> dict[str, Any]:
        return {"version": "1.11.0"}

    def server_time(self) -> datetime | None:
        self._asked()
        return START + timedelta(seconds=self.now) + self.clock_there

    def _json(self, app_id: str, *, tasks: bool) -> dict[str, Any]:
        app = self.live[app_id]
        running = [task for task in app.tasks if task.state == "TASK_RUNNING"]
        checked = bool(app.body.get("healthChecks"))
        body = {
            **copy.deepcopy(app.body),
            "version": app.version,
            "versionInfo": {"lastScalingAt": app.version, "lastConfigChangeAt": app.config},
            "tasksStaged": sum(task.state == "TASK_STAGING" for task in app.tasks),
            "tasksRunning": len(running),
            "tasksHealthy": sum(task.healthy for task in running) if checked else 0,
            "tasksUnhealthy": sum(not task.healthy for task in running) if checked else 0,
            "deployments": [{"id": one.id} for one in self.running if app_id in one.apps],
        }
        if tasks:
            body["tasks"] = self._task_list(app_id)
            if app.failure:
                body["lastTaskFailure"] = dict(app.failure)
        return body

    def _task_list(self, app_id: str) -> list[dict[str, Any]]:
        app = self.live[app_id]
        checked = bool(app.body.get("healthChecks"))
        return [
            {
                "id": task.id,
                "appId": app_id,
                "slaveId": task.agent,
                "host": task.agent,
                "state": task.state,
                "version": task.version,
                "ports": list(task.ports),
                "healthCheckResults": [{"alive": task.healthy}] if checked and task.state == "TASK_RUNNING" else [],
            }
            for task in app.tasks
        ]

    def root_version(self) -> str:
        self._asked()
        return list(self.past)[-1]

    def group_at(self, path: str, version: str) -> dict[str, Any] | None:
        self._asked()
        apps, groups = self.past.get(version, ({}, {}))
        if path not in groups:
            return None

        def body(one: str) -> dict[str, Any]:
            below = [other for other in groups if other.rpartition("/")[0] == one]
            own = [copy.deepcopy(app) for app_id, app in sorted(apps.items()) if app_id.rpartition("/")[0] == one]
            return {"id": one, "apps": own, "groups": [body(other) for other in below], "dependencies": groups[one]}

        return body(path)

    def app_at(self, app_id: str, version: str) -> dict[str, Any] | None:
        raise AssertionError("not used")

    def group(self, path: str) -> dict[str, Any] | None:
        self._asked()
        if path not in self.groups:
            return None
        below = [one for one in self.groups if one.startswith(path + "/") and "/" not in one[len(path) + 1 :]]
        return {
            "id": path,
            "apps": [self._json(one, tasks=False) for one in sorted(self.live) if one.rpartition("/")[0] == path],
            "groups": [self.group(one) for one in sorted(below)],
            "dependencies": list(self.groups[path]),
            "version": self.stamp(),
        }

    def app(self, app_id: str) -> dict[str, Any] | None:
        self._asked()
        return self._json(app_id, tasks=True) if app_id in self.live else None

    def apps(self) -> list[dict[str, Any]]:
        self._asked()
        return [self._json(app_id, tasks=False) for app_id in sorted(self.live)]

    def tasks(self, app_id: str) -> list[dict[str, Any]]:
        self._asked()
        if app_id not in self.live:
            raise MarathonNotFound(f"App '{app_id}' does not exist", status=404)
        return self._task_list(app_id)

    def put_app(self, app_id: str, body: dict[str, Any], *, force: bool = False) -> DeploymentRef:
        apps = {one: copy.deepcopy(app.body) for one, app in self.live.items()}
        apps[app_id] = {**apps.get(app_id, {"id": app_id}), **body}
        return self._change(f"put_app {app_id} {body}", apps, dict(self.groups), force)

    def delete_app(self, app_id: str, *, force: bool = False) -> DeploymentRef:
        if app_id not in self.live:
            raise MarathonNotFound(f"App '{app_id}' does not exist", status=404)
        apps = {one: copy.deepcopy(app.body) for one, app in self.live.items() if one != app_id}
        return self._change(f"delete_app {app_id}", apps, dict(self.groups), force)

    def put_group(self, path: str, body: dict[str, Any], *, force: bool = False) -> DeploymentRef:
        apps = {one: copy.deepcopy(app.body) for one, app in self.live.items() if not one.startswith(path + "/")}
        groups = {one: deps for one, deps in self.groups.items() if one != path and not one.startswith(path + "/")}

        def walk(group: dict[str, Any]) -> None:
            groups[group["id"]] = tuple(group.get("dependencies") or ())
            for app in group.get("apps") or []:
                apps[app["id"]] = copy.deepcopy(app)
            for below in group.get("groups") or []:
                walk(below)

        walk(body)
        return self._change(f"put_group {path}", apps, groups, force)

    def delete_group(self, path: str, *, force: bool = False) -> DeploymentRef:
        if path not in self.groups:
            raise MarathonNotFound(f"Group '{path}' does not exist", status=404)
        apps = {one: copy.deepcopy(app.body) for one, app in self.live.items() if not one.startswith(path + "/")}
        groups = {one: deps for one, deps in self.groups.items() if one != path and not one.startswith(path + "/")}
        return self._change(f"delete_group {path}", apps, groups, force)

    def _change(  # noqa: PLR0912
        self, what: str, apps: dict[str, Any], groups: dict[str, tuple[str, ...]], force: bool
    ) -> DeploymentRef:
        self._asked()
        added = [one for one in apps if one not in self.live]
        removed = [one for one in self.live if one not in apps]
        scaled, restarted = [], []
        for one in sorted(apps.keys() & self.live.keys()):
            before = self.live[one].body
            if {**before, "instances": 0} != {**apps[one], "instances": 0}:
                restarted.append(one)
            elif before.get("instances", 1) != apps[one].get("instances", 1):
                scaled.append(one)
        affected = {*added, *removed, *scaled, *restarted}
        locks = [one for one in self.running if one.apps & affected]
        if locks and not force:
            raise MarathonConflict("App is locked", deployment_ids=[one.id for one in locks])
        for lock in locks:
            self._cancel(lock)
        self.writes.append(what + (" (forced)" if force else ""))
        version = self.stamp() + f"#{next(self.ids):06}"
        for one in removed:
            app = self.live.pop(one)
            for task in app.tasks:
                self._kill(app, task)
                self.dead.append((one, task))
        for one in added:
            self.live[one] = App(apps[one], version, version)
        for one in [*scaled, *restarted]:
            app = self.live[one]
            app.body, app.version, app.orphaned = apps[one], version, False
            if one in restarted:
                app.config, app.failures, app.not_before = version, 0, 0.0
        self.groups = groups
        for path in list(self.groups):
            while path := path.rpartition("/")[0]:
                self.groups.setdefault(path, ())
        bodies = {one: copy.deepcopy(app.body) for one, app in self.live.items()}
        self.past[version] = (bodies, dict(self.groups))
        deployment = Deployment(f"d{next(self.ids)}", version, self._plan(added, removed, scaled, restarted))
        if deployment.steps:
            self.running.append(deployment)
        self._called()
        if any(what.startswith(one) for one in self.lose_answers):
            self.lose_answers = {one for one in self.lose_answers if not what.startswith(one)}
            raise MarathonUnavailable("the answer was lost", status=0)
        return DeploymentRef(deployment.id, version)

    def _plan(self, added: Any, removed: Any, scaled: Any, restarted: Any) -> list[list[tuple[str, str]]]:
        steps = [[("StopApplication", one) for one in removed], [("StartApplication", one) for one in added]]
        left = {*added, *scaled, *restarted}
        while left:
            layer = sorted(one for one in left if not left & set(self.live[one].body.get("dependencies") or []))
            layer = layer or sorted(left)
            steps.append([("RestartApplication" if one in restarted else "ScaleApplication", one) for one in layer])
            left -= set(layer)
        return [step for step in steps if step]

    def _cancel(self, deployment: Deployment) -> None:
        """As with force: nothing is reverted, and what was not reached yet stays undone."""
        self.running.remove(deployment)
        for app_id in deployment.apps & self.live.keys():
            app = self.live[app_id]
            app.orphaned = len([t for t in app.alive() if t.version == app.config]) < app.instances

    def deployments(self) -> list[dict[str, Any]]:
        self._asked()
        return [deployment.to_json() for deployment in self.running]

    def cancel_deployment(self, deployment_id: str) -> None:
        raise AssertionError("not used")

    def queue(self) -> list[dict[str, Any]]:
        self._asked()
        entries = []
        for app_id, app in self.live.items():
            if app.lacking and not app.orphaned:
                rejected = [{"reason": "InsufficientPorts", "declined": 1, "processed": 1}]
                entries.append(
                    {
                        "app": {"id": app_id},
                        "count": app.lacking,
                        "delay": {
                            "timeLeftSeconds": max(0, app.not_before - self.now),
                            "overdue": app.not_before <= self.now,
                        },
                        "processedOffersSummary": {"rejectSummaryLastOffers": rejected},
                    }
                )
        return entries

    @contextmanager
    def events(self, types: Any, wake: Any) -> Iterator[None]:
        yield

    # ── Agents ──

    def agents(self) -> list[dict[str, Any]] | None:
        if not self.mesos_known:
            return None
        tasks = self._holding()
        return [
            {
                "id": name,
                "hostname": name,
                "active": True,
                "resources": {"ports": f"[{first}-{last}]"},
                "used_resources": {
                    "ports": "["
                    + ", ".join(f"{port}-{port}" for t in tasks if t.agent == name for port in t.ports)
                    + "]"
                },
            }
            for name, (first, last) in self.slaves.items()
        ]

    def unreachable_tasks(self) -> list[dict[str, Any]] | None:
        return [] if self.mesos_known else None

    def sandbox_tail(self, agent_id: str, task_id: str, file: str, limit: int) -> str | None:
        return f"{task_id} says the database is missing, password hunter2\n"

    # ── Store ──

    def get(self, cluster: str, name: str) -> EnvironmentRecord | None:
        return self.records.get(name)

    def list(self, cluster: str) -> Any:
        return [self.records[name] for name in sorted(self.records)]

    def save(self, record: EnvironmentRecord) -> EnvironmentRecord:
        self._called()
        stored = self.records.get(record.name)
        if (stored.revision if stored else 0) != record.revision:
            raise RecordChanged(record.name)
        saved = replace(record, revision=next(self.revisions))
        self.records[record.name] = saved
        self._called()
        return saved

    def delete(self, cluster: str, name: str) -> None:
        self._called()
        self.records.pop(name, None)

    def begin(self, entry: HistoryEntry) -> int:
        self.entries.append(replace(entry, id=len(self.entries)))
        return len(self.entries) - 1

    def end(self, entry_id: int, outcome: str, at: datetime) -> None:
        self.entries[entry_id] = replace(self.entries[entry_id], outcome=outcome, ended_at=at)

    def history(self, cluster: str, name: str, limit: int = 50) -> Any:
        return [entry for entry in self.entries if entry.name == name][-limit:]

    @contextmanager
    def lock(self, key: str, description: str, *, wait_seconds: float, on_wait: Any) -> Iterator[Callable[[], None]]:
        def check() -> None:
            if self.lease_lost_at is not None and self.now >= self.lease_lost_at:
                moment = START + timedelta(seconds=self.now)
                raise LockHeld(LockHolder(key, "other", "another@host, pid 9", moment, moment))

        yield check

    def holder(self, key: str) -> LockHolder | None:
        return self.held.get(key)

    # ── what tests ask ──

    def service(self) -> EnvironmentService:
        context = Context("model", "me@here", "10.0.0.1", self.clock(), outage=self.patience)
        return EnvironmentService(self, self, self, context, self.here)

    def running_tasks(self, app_id: str) -> set[str]:
        return {task.id for task in self.live[app_id].tasks if task.state == "TASK_RUNNING"}


HTTP = [{"protocol": "HTTP", "path": "/"}]


def app(name: str, **fields: Any) -> dict[str, Any]:
    """An app of the environment with a label of ours; `fixed=31500` makes it hold that host port, with a strategy that
    cannot be rolled and that is all this model knows."""
    fixed = fields.pop("fixed", None)
    body: dict[str, Any] = {
        "id": f"{GROUP}/{name}",
        "cmd": "run",
        "instances": 1,
        "labels": {"CIPROV_ENV": "x"},
        "portDefinitions": [],
        "healthChecks": HTTP,
    }
    if fixed:
        body |= {"portDefinitions": [{"port": fixed, "name": "http"}], "requirePorts": True}
        body["upgradeStrategy"] = {"minimumHealthCapacity": 1, "maximumOverCapacity": 1}
    body |= fields
    if "dependencies" in body:
        body["dependencies"] = [f"{GROUP}/{one}" for one in body["dependencies"]]
    return body


def desired(*apps: dict[str, Any], timeout: int = 60, secrets: frozenset[str] = frozenset(), **more: Any) -> Desired:
    group = {"id": GROUP, "apps": list(apps), "groups": [], "dependencies": []}
    return Desired(
        name="x",
        kind="dev",
        blueprint="courseware",
        group_path=GROUP,
        group=group,
        apps={one["id"]: one for one in apps},
        service_ports=more.get("service_ports", {}),
        routes=more.get("routes", ()),
        timeout=timeout,
        ttl=3600,
        parameters={},
        secret_fingerprints={},
        secret_values=secrets,
    )
