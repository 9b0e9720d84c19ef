"""What an answer shows of an app beside its definition: counts, tasks, deployments, failures."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from statistics import mean, median
from typing import Any

from ciprov.localcluster.api.port import Engine
from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.render import render_app
from ciprov.localcluster.model import ENDED, TASK_STATES, Condition, HealthResult, Instance, TaskFailure
from ciprov.localcluster.timestamps import timestamp

JsonObject = dict[str, Any]

PREFIXES = ("group.apps.", "apps.", "app.")
EMBEDS = ("tasks", "counts", "deployments", "readiness", "lastTaskFailure", "taskStats")


def embeds(values: Iterable[str]) -> frozenset[str]:
    """The known names among `embed=` values, without their prefixes.

    `apps.failures` is the old name of two, and tasks have always come with deployments.
    """
    found: set[str] = set()
    for value in values:
        name = next((value.removeprefix(prefix) for prefix in PREFIXES if value.startswith(prefix)), value)
        if name == "failures":
            found |= {"lastTaskFailure", "tasks"}
        elif name in EMBEDS:
            found.add(name)
    return frozenset(found | {"deployments"} if "tasks" in found else found)


class Snapshot:
    """One consistent look at the cluster, indexed by app for a whole answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._instances: dict[str, list[Instance]] = {}
        for instance in engine.instances():
            self._instances.setdefault(instance.app_id, []).append(instance)
        self._deployments: dict[str, list[str]] = {}
        self._readiness: dict[str, list[Mapping[str, Any]]] = {}
        for view in engine.deployments():
            for app_id in view.affected_apps:
                self._deployments.setdefault(app_id, []).append(view.id)
            for app_id, results in view.readiness.items():
                self._readiness.setdefault(app_id, []).extend(results)

    def instances(self, app_id: str) -> Sequence[Instance]:
        """Those that are shown as tasks: all that are not waiting in the launch queue."""
        return [item for item in self._instances.get(app_id, ()) if item.condition is not Condition.SCHEDULED]

    def info(self, app: App, embed: Collection[str]) -> JsonObject:
        """The app as an answer shows it, with what `embed` names."""
        instances = self.instances(app.id)
        result = render_app(app)
        if "counts" in embed:
            result.update(counts(app, instances))
        if "deployments" in embed:
            result["deployments"] = [{"id": item} for item in self._deployments.get(app.id, ())]
        if "readiness" in embed:
            result["readinessCheckResults"] = self._readiness.get(app.id, [])
        if "tasks" in embed:
            result["tasks"] = [task(item, app) for item in instances]
        if "lastTaskFailure" in embed and (failure := self._engine.last_failure(app.id)):
            result["lastTaskFailure"] = last_failure(failure)
        if "taskStats" in embed:
            result["tasksStats"] = task_stats(app, instances, datetime.now(UTC))
        return result


def is_healthy(app: App, instance: Instance) -> bool | None:
    """None where it does not run or has no checks; a checked task without a success yet is unhealthy."""
    if instance.condition is not Condition.RUNNING or not app.health_checks:
        return None
    return bool(instance.healthy)


def counts(app: App, instances: Iterable[Instance]) -> JsonObject:
    """`tasksStaged`, `tasksRunning`, `tasksHealthy`, `tasksUnhealthy`."""
    plain = _counts(app, list(instances))
    return {f"tasks{name.capitalize()}": number for name, number in plain.items()}


def _counts(app: App, instances: Sequence[Instance]) -> dict[str, int]:
    health = [is_healthy(app, item) for item in instances]
    return {
        "staged": sum(item.condition is Condition.STAGING for item in instances),
        "running": sum(item.condition is Condition.RUNNING for item in instances),
        "healthy": sum(item is True for item in health),
        "unhealthy": sum(item is False for item in health),
    }


def task(instance: Instance, app: App | None = None, service_ports: Sequence[int] = ()) -> JsonObject:
    """A task as the API lists it; one that has ended has neither times, ports nor version."""
    result: JsonObject = {
        "ipAddresses": [],
        "state": TASK_STATES.get(instance.condition, "TASK_STAGING"),
        "ports": [],
        "id": instance.task_id,
        "appId": instance.app_id,
        "slaveId": instance.agent_id,
        "host": instance.host,
        "servicePorts": list(service_ports),
        "healthCheckResults": [health_result(instance, item) for item in instance.health],
        "localVolumes": [],
        "role": app.role if app is not None else "*",
    }
    if instance.condition in ENDED:
        return result
    if instance.host and instance.condition is not Condition.STAGING:
        result["ipAddresses"] = [{"ipAddress": instance.ip_address, "protocol": "IPv4"}]
    if instance.check_result:
        result["checkResult"] = instance.check_result
    result["ports"] = list(instance.ports)
    result["version"] = instance.app_version
    for name, moment in (("stagedAt", instance.staged_at), ("startedAt", instance.started_at)):
        if moment is not None:
            result[name] = timestamp(moment)
    return result


def health_result(instance: Instance, result: HealthResult) -> JsonObject:
    shown: JsonObject = {
        "alive": result.alive,
        "consecutiveFailures": result.consecutive_failures,
        "instanceId": instance.id,
    }
    for name, moment in (
        ("firstSuccess", result.first_success),
        ("lastSuccess", result.last_success),
        ("lastFailure", result.last_failure),
    ):
        if moment is not None:
            shown[name] = timestamp(moment)
    if result.last_failure_cause is not None:
        shown["lastFailureCause"] = result.last_failure_cause
    return shown


def last_failure(failure: TaskFailure) -> JsonObject:
    return {
        "appId": failure.app_id,
        "host": failure.host,
        "message": failure.message,
        "state": failure.state,
        "taskId": failure.task_id,
        "timestamp": timestamp(failure.timestamp),
        "version": failure.version,
        "slaveId": failure.agent_id,
    }


def task_stats(app: App, instances: Sequence[Instance], now: datetime) -> JsonObject:
    """Counts and life times in seconds, by how a task's version relates to the app's."""
    changed, scaled = app.version_info.last_config_change_at, app.version_info.last_scaling_at
    parts = {
        "startedAfterLastScaling": [item for item in instances if item.app_version >= scaled],
        "withLatestConfig": [item for item in instances if item.app_version >= changed],
        "withOutdatedConfig": [item for item in instances if item.app_version < changed],
        "totalSummary": list(instances),
    }
    return {name: {"stats": _stats(app, part, now)} for name, part in parts.items() if part}


def _stats(app: App, instances: Sequence[Instance], now: datetime) -> JsonObject:
    stats: JsonObject = {"counts": _counts(app, instances)}
    ages = [(now - item.started_at).total_seconds() for item in instances if item.started_at is not None]
    if ages:
        stats["lifeTime"] = {"averageSeconds": mean(ages), "medianSeconds": median(ages)}
    return stats
