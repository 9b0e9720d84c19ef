"""The fields of the events that the engine publishes, as Marathon has them. Pure; the bus adds type and time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ciprov.localcluster.deployments.plan import Plan
from ciprov.localcluster.model import TASK_STATES, Condition, Instance, Step


@dataclass(frozen=True, slots=True)
class Announcement:
    event_type: str
    fields: Mapping[str, Any]


def group_change_success(group_id: str, version: str) -> Announcement:
    return Announcement("group_change_success", {"groupId": group_id, "version": version})


def group_change_failed(group_id: str, version: str, reason: str) -> Announcement:
    return Announcement("group_change_failed", {"groupId": group_id, "version": version, "reason": reason})


def deployment_step(event_type: str, plan: Plan, number: int) -> Announcement:
    """`deployment_info`, `deployment_step_success` or `deployment_step_failure`; steps count from 1."""
    current = plan.steps[number - 1] if 0 < number <= len(plan.steps) else Step(())
    return Announcement(event_type, {"plan": _plan(plan), "currentStep": _step(current)})


def deployment_ended(plan: Plan, *, success: bool) -> Announcement:
    event_type = "deployment_success" if success else "deployment_failed"
    return Announcement(event_type, {"id": plan.id, "plan": _plan(plan)})


def app_terminated(app_id: str) -> Announcement:
    return Announcement("app_terminated_event", {"appId": app_id})


def instance_changed(instance: Instance) -> Announcement:
    return Announcement(
        "instance_changed_event",
        {
            "instanceId": instance.id,
            "condition": condition_name(instance.condition),
            "runSpecId": instance.app_id,
            "agentId": instance.agent_id,
            "host": instance.host,
            "runSpecVersion": instance.app_version,
        },
    )


def condition_name(condition: Condition) -> str:
    """As Marathon's events name it."""
    return condition.value.replace("_", " ").title().replace(" ", "")


def unknown_terminated(instance_id: str, app_id: str, condition: Condition) -> Announcement:
    """A task ended of which the instance was forgotten before."""
    fields = {"instanceId": instance_id, "runSpecId": app_id, "condition": condition_name(condition)}
    return Announcement("unknown_instance_terminated_event", fields)


def status_update(instance: Instance, condition: Condition, message: str) -> Announcement:
    address = {"ipAddress": instance.ip_address, "protocol": "IPv6" if ":" in instance.ip_address else "IPv4"}
    return Announcement(
        "status_update_event",
        {
            "slaveId": instance.agent_id,
            "taskId": instance.task_id,
            "taskStatus": TASK_STATES[condition],
            "message": message,
            "appId": instance.app_id,
            "host": instance.host,
            "ipAddresses": [address] if instance.host else [],
            "ports": list(instance.ports),
            "version": instance.app_version,
        },
    )


def _plan(plan: Plan) -> dict[str, Any]:
    return {"id": plan.id, "version": plan.version, "steps": [_step(step) for step in plan.steps]}


def _step(step: Step) -> dict[str, Any]:
    return {"actions": [{"action": action.kind.value, "app": action.app_id} for action in step.actions]}
