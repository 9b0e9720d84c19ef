"""Reads how environments stand, once, without waiting."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime

from ciprov.domain.environment import EnvironmentRecord, Phase
from ciprov.environments.diagnosis import Diagnosis, explain_failure
from ciprov.environments.diagnosis.live import live_diagnosis, surroundings
from ciprov.environments.diagnosis.report import read_back
from ciprov.environments.endpoints import Addresses, endpoints
from ciprov.environments.hooks.one_off import is_hook
from ciprov.environments.outlook import NotOurs, refuse_foreign
from ciprov.environments.outside import Outside
from ciprov.environments.progress import AppState
from ciprov.environments.readiness import Limits, Round, Sight, Verdict, healthy, judge_all, living_tasks
from ciprov.environments.refusals import last_refusal
from ciprov.environments.status import AppStatus, EnvironmentStatus, EnvironmentSummary, NoSuchEnvironment, TaskStatus
from ciprov.environments.tree import apps_of, depends_on, group_dependencies, is_below, relative
from ciprov.environments.upkeep.drift import changed_since, count_drift, definition_drift
from ciprov.foundation.json import JsonObject

_AT_A_GLANCE = Limits(timeout=math.inf, settle=0, failures=1_000_000, idle=math.inf)


def read_status(outside: Outside, name: str, group_path: str) -> EnvironmentStatus:
    """`group_path` is where the environment would be if no record tells. Raises `NoSuchEnvironment`."""
    record = outside.store.get(outside.context.cluster, name)
    path = record.group_path if record else group_path
    live = outside.marathon.group(path)
    refused = last_refusal(outside.store, outside.context.cluster, name, record)
    if record is None:
        _exists(outside, name, path, live, refused)
    apps = {app_id: outside.marathon.app(app_id) or app for app_id, app in apps_of(live).items()}
    queue = {str((one.get("app") or {}).get("id")): one for one in outside.marathon.queue()}
    around = surroundings(outside.agents, {app_id: queue[app_id] for app_id in apps.keys() & queue.keys()})
    sights = {app_id: Sight(app, queue.get(app_id), around=around) for app_id, app in apps.items()}
    graph = depends_on(apps, group_dependencies(live))
    verdicts = judge_all(sights, graph, Round(), _AT_A_GLANCE, 0.0).verdicts
    addresses = Addresses(
        path,
        outside.context.service_address,
        record.service_ports if record else {},
        record.routes if record else (),
    )
    statuses = [_app_status(app, verdicts[app_id], _drift(outside, app, record), path) for app_id, app in apps.items()]
    return EnvironmentStatus(
        name=name,
        group_path=path,
        target=outside.marathon.target,
        record=record,
        apps=tuple(sorted([*statuses, *_missing(record, apps, path)], key=lambda status: status.app)),
        endpoints=endpoints(apps, addresses),
        front_url=addresses.front_url if apps else "",
        cut_short=_cut_short(outside, record),
        diagnoses=tuple(
            found
            for app_id, verdict in sorted(verdicts.items())
            if not verdict.is_ready
            and not is_hook(apps[app_id])
            and (found := live_diagnosis(apps[app_id], verdict.causes, queue.get(app_id), outside.marathon, around))
        ),
        last_failure=refused or read_back(record.failure if record else ""),
    )


def _cut_short(outside: Outside, record: EnvironmentRecord | None) -> bool:
    if record is None or record.operation is None:
        return False
    return outside.store.holder(outside.lock_key(record.name)) is None


def summaries(outside: Outside) -> tuple[EnvironmentSummary, ...]:
    apps, now = outside.marathon.apps(), outside.context.clock.now()
    return tuple(_summary(record, apps, now) for record in outside.store.list(outside.context.cluster))


def _exists(outside: Outside, name: str, path: str, live: JsonObject | None, refused: tuple[Diagnosis, ...]) -> None:
    try:
        refuse_foreign(name, path, live)
    except NotOurs as error:
        raise NoSuchEnvironment(error.message, place=outside.marathon.target, way_out=error.way_out) from error
    if not apps_of(live):
        told = "".join(f"\n{one}" for one in refused)
        raise NoSuchEnvironment(
            f"there is no environment {name}" + (f"; its last `up` was refused{told}" if refused else ""),
            place=outside.marathon.target,
            way_out="`ciprov env list` shows those that are there",
        )


def _app_status(app: JsonObject, verdict: Verdict, drift: str, path: str) -> AppStatus:
    checks = len(app.get("healthChecks") or [])
    return AppStatus(
        app=relative(app["id"], path),
        app_id=app["id"],
        state=verdict.state,
        ready=verdict.ready,
        wanted=verdict.wanted,
        detail="runs a hook" if is_hook(app) and verdict.state is AppState.STARTING else verdict.detail,
        drift=drift,
        last_failure=explain_failure(app.get("lastTaskFailure")),
        tasks=tuple(_task(task, checks) for task in living_tasks(app.get("tasks") or [])),
    )


def _task(task: JsonObject, checks: int) -> TaskStatus:
    return TaskStatus(
        id=str(task.get("id", "")),
        host=str(task.get("host", "")),
        agent_id=str(task.get("slaveId", "")),
        state=str(task.get("state", "")),
        ports=tuple(task.get("ports") or ()),
        healthy=healthy(task, checks) if checks else None,
        started_at=str(task.get("startedAt") or ""),
    )


def _drift(outside: Outside, app: JsonObject, record: EnvironmentRecord | None) -> str:
    """What somebody else changed, as far as the record can tell."""
    if record is None or is_hook(app):
        return ""
    if app["id"] not in record.app_ids:
        return "not put there by ciprov"
    found = [count_drift(app, record)]
    if left := changed_since(app, record):
        found.append(definition_drift(app, outside.marathon.app_at(app["id"], left)))
    return "; ".join(one for one in found if one)


def _missing(record: EnvironmentRecord | None, apps: Mapping[str, JsonObject], path: str) -> list[AppStatus]:
    """Apps that ciprov put and that are no longer there, save for those that an operation of its own took away."""
    if record is None or record.phase is Phase.REMOVING:
        return []
    under_way = bool(record.pending_counts)
    return [
        AppStatus(
            relative(app_id, path),
            app_id,
            AppState.GONE,
            0,
            record.pending_counts.get(app_id, record.counts[app_id]),
            detail="the last operation, which is to bring it back, did not end" if under_way else "",
            drift="" if under_way else "gone",
        )
        for app_id in record.app_ids
        if app_id not in apps
        and app_id in (record.pending_counts.keys() & record.counts if under_way else record.counts)
    ]


def _summary(record: EnvironmentRecord, apps: list[JsonObject], now: datetime) -> EnvironmentSummary:
    ours = {app["id"]: app for app in apps if is_below(app["id"], record.group_path)}
    ready = sum(_counts_ready(app) for app in ours.values())
    gone = len(_missing(record, ours, record.group_path))
    expired = record.expires_at is not None and record.expires_at <= now
    return EnvironmentSummary(record, len(ours) + gone, ready, expired)


def _counts_ready(app: JsonObject) -> bool:
    counted = int(app.get("tasksHealthy" if app.get("healthChecks") else "tasksRunning", 0))
    return counted >= int(app.get("instances", 1))
