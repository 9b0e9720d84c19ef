"""The states of tasks as they are told to frameworks. Pure; who calls gives the uuid and the time."""

from __future__ import annotations

import base64
import uuid
from typing import Any

from ciprov.localcluster.master.frameworks import Framework
from ciprov.localcluster.master.tasks import Task
from ciprov.localcluster.model import TASK_STATES, Condition
from ciprov.localcluster.runtimes.port import TaskUpdate

Json = dict[str, Any]

_LAUNCH_FAILED = "Failed to launch container: "


def text_uuid(value: uuid.UUID) -> str:
    return base64.b64encode(value.bytes).decode()


def container_status(task: Task, address: str = "") -> Json:
    network = {"ip_addresses": [{"protocol": "IPv4", "ip_address": address or task.address or task.host}]}
    return {"container_id": {"value": task.container_id}, "network_infos": [network]}


def update_event(status: Json) -> Json:
    return {"type": "UPDATE", "update": {"status": status}}


def from_executor(task: Task, state: str, message: str, at: float, mark: uuid.UUID) -> Json:
    status: Json = {"task_id": {"value": task.id}, "state": state}
    if message:
        status["message"] = message
    status["source"] = "SOURCE_EXECUTOR"
    if task.kill_reason and state in {"TASK_KILLING", "TASK_KILLED", "TASK_FAILED"}:
        status["reason"] = task.kill_reason
    return {
        **status,
        "agent_id": {"value": task.agent_id},
        "executor_id": {"value": task.id},
        "timestamp": at,
        "uuid": text_uuid(mark),
        "container_status": container_status(task),
    }


def from_agent(task: Task, state: str, message: str, reason: str, at: float, mark: uuid.UUID) -> Json:
    return {
        "task_id": {"value": task.id},
        "state": state,
        "message": message,
        "source": "SOURCE_AGENT",
        "reason": reason,
        "agent_id": {"value": task.agent_id},
        "executor_id": {"value": task.id},
        "timestamp": at,
        "uuid": text_uuid(mark),
    }


def from_master(task_id: str, agent_id: str, state: str, message: str, reason: str, at: float) -> Json:
    status: Json = {
        "task_id": {"value": task_id},
        "state": state,
        "message": message,
        "source": "SOURCE_MASTER",
        "reason": reason,
    }
    if agent_id:
        status["agent_id"] = {"value": agent_id}
    return {**status, "timestamp": at}


def of_end(task: Task, update: TaskUpdate, framework: Framework | None, at: float, mark: uuid.UUID) -> Json:
    """The last status of a task whose end a runtime has reported."""
    message = update.message
    aware = framework is None or framework.partition_aware
    early, condition = task.state == "TASK_STAGING", update.condition
    if condition is Condition.FINISHED or (condition is Condition.KILLED and not early):
        return from_executor(task, TASK_STATES[condition], message, at, mark)
    if condition is Condition.KILLED:
        return from_agent(task, "TASK_KILLED", message, "REASON_TASK_KILLED_DURING_LAUNCH", at, mark)
    if condition is Condition.LOST:
        never = early and not update.began
        state = "TASK_FAILED" if not never else "TASK_DROPPED" if aware else "TASK_LOST"
        return from_agent(task, state, message, "REASON_EXECUTOR_TERMINATED", at, mark)
    if condition is Condition.ERROR or message.startswith(_LAUNCH_FAILED):
        told = message if message.startswith(_LAUNCH_FAILED) else _LAUNCH_FAILED + message
        return from_agent(task, "TASK_FAILED", told, "REASON_CONTAINER_LAUNCH_FAILED", at, mark)
    if message.startswith("Executor terminated"):
        return from_agent(task, "TASK_FAILED", message, "REASON_EXECUTOR_TERMINATED", at, mark)
    return from_executor(task, "TASK_FAILED", message, at, mark)


def dropped(task_id: str, agent_id: str, message: str, framework: Framework, at: float) -> Json:
    """For a launch on offers that are none (any more)."""
    state = "TASK_DROPPED" if framework.partition_aware else "TASK_LOST"
    told = f"Task launched with invalid offers: {message}"
    return from_master(task_id, agent_id, state, told, "REASON_INVALID_OFFERS", at)


def invalid(task_id: str, agent_id: str, message: str, at: float) -> Json:
    return from_master(task_id, agent_id, "TASK_ERROR", message, "REASON_TASK_INVALID", at)


def latest(task: Task, framework: Framework, at: float) -> Json:
    """The answer to being asked about a task that is known."""
    if task.unreachable_at is not None and not task.ended:
        return unreachable(task, framework, "Reconciliation: Task is unreachable", "REASON_RECONCILIATION", at)
    told = "Reconciliation: Latest task state"
    status = from_master(task.id, task.agent_id, task.state, told, "REASON_RECONCILIATION", at)
    seen = next((one for one in reversed(task.statuses) if "container_status" in one), None)
    return {**status, "container_status": seen["container_status"]} if seen else status


def unknown(task_id: str, agent_id: str, framework: Framework, at: float, *, agent_known: bool) -> Json:
    """The answer to being asked about a task that is not known."""
    state = "TASK_GONE" if agent_known else "TASK_UNKNOWN"
    if not framework.partition_aware:
        state = "TASK_LOST"
    told = "Reconciliation: Task is unknown" + (" to the agent" if agent_known else "")
    return from_master(task_id, agent_id, state, told, "REASON_RECONCILIATION", at)


def unreachable(task: Task, framework: Framework, message: str, reason: str, at: float) -> Json:
    state = "TASK_UNREACHABLE" if framework.partition_aware else "TASK_LOST"
    since = task.unreachable_at if task.unreachable_at is not None else at
    status = from_master(task.id, task.agent_id, state, message, reason, at)
    return {**status, "unreachable_time": {"nanoseconds": int(since * 1e9)}}


def reachable(task: Task, at: float) -> Json:
    """The agent is back, and the task still runs there."""
    told = "Unknown agent reregistered"
    status = from_master(task.id, task.agent_id, task.state, told, "REASON_AGENT_REREGISTERED", at)
    return {**status, "container_status": container_status(task)}
