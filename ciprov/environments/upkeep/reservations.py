"""Persistent volumes and dynamic reservations of Marathon's framework whose apps are gone. Pure.

An agent keeps both until they are given back: the disk of an app that was deleted while its agent was away is lost to
everybody else. External volumes cannot be known: no cluster lists them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ciprov.environments.upkeep.mesos_ids import app_of_task, app_of_volume
from ciprov.environments.upkeep.orphans import Orphan, Sightings, Sort
from ciprov.foundation.json import JsonObject

FRAMEWORK = "marathon_framework_id"
TASK = "marathon_task_id"
"""The labels by which Marathon finds its reservations again."""


def orphaned_volumes(seen: Sightings, unrecorded: Collection[str]) -> Iterator[Orphan]:
    """One for each app on each agent, with all that is kept there for it. Records of `unrecorded` want nothing."""
    if not seen.framework_id or seen.tasks is None:
        return
    running = {app_of_task(str(task.get("id"))) for task in seen.tasks}
    for slave in seen.slaves or ():
        for app_id, resources in sorted(_kept(slave, seen.framework_id).items()):
            if not seen.inside(app_id) or app_id in seen.apps or app_id in running or app_id in seen.deploying:
                continue
            if _wanted(seen, app_id, unrecorded):
                continue
            yield _orphan(seen, app_id, slave, resources)


def calls(orphan: Orphan) -> tuple[JsonObject, ...]:
    """What to ask of the master, in order."""
    agent = {"value": orphan.agent_id}
    volumes = [one for one in orphan.resources if "persistence" in (one.get("disk") or {})]
    destroy: JsonObject = {
        "type": "DESTROY_VOLUMES",
        "destroy_volumes": {"agent_id": agent, "volumes": volumes},
    }
    # What was a volume is unreserved as the plain disk that it becomes.
    plain = [_without_volume(one) for one in orphan.resources]
    unreserve: JsonObject = {
        "type": "UNRESERVE_RESOURCES",
        "unreserve_resources": {"agent_id": agent, "resources": plain},
    }
    return (destroy, unreserve) if volumes else (unreserve,)


def _without_volume(resource: JsonObject) -> JsonObject:
    disk = {key: value for key, value in (resource.get("disk") or {}).items() if key == "source"}
    plain = {key: value for key, value in resource.items() if key != "disk"}
    return {**plain, "disk": disk} if disk else plain


def _kept(slave: JsonObject, framework_id: str) -> dict[str, list[JsonObject]]:
    found: dict[str, list[JsonObject]] = {}
    for resources in (slave.get("reserved_resources_full") or {}).values():
        for resource in resources:
            labels = _labels(resource)
            if labels.get(FRAMEWORK) != framework_id:
                continue
            volume = str(((resource.get("disk") or {}).get("persistence") or {}).get("id") or "")
            app_id = app_of_task(labels.get(TASK, "")) or app_of_volume(volume)
            if app_id and (not volume or app_of_volume(volume) == app_id):
                found.setdefault(app_id, []).append(resource)
    return found


def _labels(resource: JsonObject) -> dict[str, str]:
    """Of the innermost reservation, which is the one to be given back."""
    reservations = resource.get("reservations") or [resource.get("reservation") or {}]
    listed = (reservations[-1].get("labels") or {}).get("labels") or []
    return {str(one.get("key")): str(one.get("value")) for one in listed}


def _wanted(seen: Sightings, app_id: str, unrecorded: Collection[str]) -> bool:
    """Whether an operation, or an environment that sleeps, may bring the app back."""
    record = seen.owner_of(app_id)
    return (
        record is not None
        and record.name not in unrecorded
        and (app_id in record.app_ids or record.operation is not None)
    )


def _orphan(seen: Sightings, app_id: str, slave: JsonObject, resources: list[JsonObject]) -> Orphan:
    agent = str(slave.get("id"))
    volumes = [str(one["disk"]["persistence"]["id"]) for one in resources if "persistence" in (one.get("disk") or {})]
    what = f"volume {', '.join(volumes)}" if volumes else "a reservation without a volume"
    return Orphan(
        Sort.VOLUMES,
        f"{app_id}@{agent}",
        seen.environment_at(app_id),
        f"agent {slave.get('hostname') or agent} keeps {what} for an app that Marathon does not have",
        keep="the cluster's prefix is the root, so it may be somebody else's" if seen.whole_cluster else "",
        way_out="removal destroys its data",
        agent_id=agent,
        resources=tuple(resources),
    )
