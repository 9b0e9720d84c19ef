"""What one outcome of one health check means: the next results, the events to publish, and whether to kill.

    not yet alive --success--> alive --failure--> failing --(maxConsecutiveFailures)--> killed
         |  ^                    ^                   |
         |  +-- failure in the   +----- success -----+
         |      grace period: ignored altogether
         +-- failure after the grace period: counted as when failing

A check that has never succeeded is not alive, so its instance counts as unhealthy from the start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ciprov.localcluster.definitions.app import App, HealthCheck
from ciprov.localcluster.model import Condition, HealthResult, Instance
from ciprov.localcluster.timestamps import timestamp

Results = tuple[HealthResult, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One answer to the check at `index` of the app's `healthChecks`; `cause` words a failure."""

    index: int
    ok: bool
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Publish:
    """An event for the bus, without `eventType` and `timestamp`, which the bus adds."""

    event_type: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kill:
    """The instance is to be killed and replaced without delay."""

    instance_id: str
    reason: str


Effect = Publish | Kill


def initial(app: App) -> Results:
    """The results of an instance that has just been launched: one per check, none alive."""
    return tuple(HealthResult(index) for index in range(len(app.health_checks)))


def observe(
    results: Sequence[HealthResult], outcome: Outcome, app: App, instance: Instance, now: datetime
) -> tuple[Results, tuple[Effect, ...]]:
    """Take in one outcome. `app` is the definition that the instance runs; unknown indexes change nothing."""
    before = tuple(results) or initial(app)
    old = next((result for result in before if result.index == outcome.index), None)
    if old is None or outcome.index >= len(app.health_checks):
        return before, ()
    check = app.health_checks[outcome.index]
    effects: list[Effect] = []
    if outcome.ok:
        new = _succeeded(old, now)
    elif _ignored(old, check, instance, now):
        return before, ()
    else:
        new = _failed(old, outcome.cause, now)
        effects.append(_failed_event(app, instance, check))
        effects.extend(_kill(new, check, app, instance, now))
    after = tuple(new if result.index == outcome.index else result for result in before)
    if new.alive != old.alive:
        effects.append(_changed_event(new, app, instance))
    if _healthy(after) != _healthy(before):
        effects.append(instance_health_changed(app, instance, _healthy(after)))
    return after, tuple(effects)


def checks_added(app: App) -> tuple[Publish, ...]:
    """To publish when the checks of an app begin to be run."""
    return tuple(
        Publish("add_health_check_event", {"appId": app.id, "version": app.version, "healthCheck": _json(check)})
        for check in app.health_checks
    )


def checks_removed(app: App) -> tuple[Publish, ...]:
    """To publish when the checks of an app, or of one version of it, are no longer run."""
    return tuple(Publish("remove_health_check_event", {"appId": app.id}) for _ in app.health_checks)


def instance_health_changed(app: App, instance: Instance, healthy: bool | None) -> Publish:
    return Publish(
        "instance_health_changed_event",
        {"instanceId": instance.id, "runSpecId": app.id, "runSpecVersion": instance.app_version, "healthy": healthy},
    )


def _succeeded(old: HealthResult, now: datetime) -> HealthResult:
    return replace(old, alive=True, consecutive_failures=0, first_success=old.first_success or now, last_success=now)


def _failed(old: HealthResult, cause: str, now: datetime) -> HealthResult:
    return replace(
        old,
        alive=False,
        consecutive_failures=old.consecutive_failures + 1,
        last_failure=now,
        last_failure_cause=cause,
    )


def _ignored(old: HealthResult, check: HealthCheck, instance: Instance, now: datetime) -> bool:
    if instance.condition is not Condition.RUNNING:
        return True
    grace_ends = (instance.started_at or instance.since) + timedelta(seconds=check.grace_period_seconds)
    return old.first_success is None and now < grace_ends


def _kill(new: HealthResult, check: HealthCheck, app: App, instance: Instance, now: datetime) -> tuple[Effect, ...]:
    limit = check.max_consecutive_failures
    if limit == 0:
        # Marathon never kills for such a check; the executor, which runs the MESOS_* types, kills at once.
        by_executor = check.protocol.startswith("MESOS_")
        return (Kill(instance.id, _killed_because(new)),) if by_executor else ()
    if new.consecutive_failures < limit:
        return ()
    event = Publish(
        "unhealthy_instance_kill_event",
        {
            "appId": app.id,
            "taskId": instance.task_id,
            "instanceId": instance.id,
            "version": instance.app_version,
            "reason": new.last_failure_cause or "unknown",
            "host": instance.host,
            "slaveId": instance.agent_id,
            "timestamp": timestamp(new.last_failure or now),
        },
    )
    return event, Kill(instance.id, _killed_because(new))


def _killed_because(result: HealthResult) -> str:
    times = "once" if result.consecutive_failures == 1 else f"{result.consecutive_failures} times in a row"
    return f"health check {result.index} failed {times}: {result.last_failure_cause or 'unknown cause'}"


def _failed_event(app: App, instance: Instance, check: HealthCheck) -> Publish:
    return Publish(
        "failed_health_check_event",
        # The instance's id stands under both names: Marathon's code writes it as `taskId`.
        {"appId": app.id, "taskId": instance.id, "instanceId": instance.id, "healthCheck": _json(check)},
    )


def _changed_event(result: HealthResult, app: App, instance: Instance) -> Publish:
    return Publish(
        "health_status_changed_event",
        {
            "appId": app.id,
            "instanceId": instance.id,
            "version": instance.app_version,
            "alive": result.alive,
        },
    )


def _healthy(results: Results) -> bool:
    return all(result.alive for result in results)


def _json(check: HealthCheck) -> dict[str, Any]:
    return check.model_dump(by_alias=True, exclude_none=True)
