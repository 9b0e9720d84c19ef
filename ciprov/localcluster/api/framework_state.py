"""What a Mesos master and its agents tell of frameworks and their tasks. Pure.

Of a task neither its command nor its environment is told: whoever may read the state need not know its secrets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from ciprov.localcluster.api.amounts import amounts
from ciprov.localcluster.master.frameworks import Framework
from ciprov.localcluster.master.resources import total
from ciprov.localcluster.master.state import MasterState
from ciprov.localcluster.master.statuses import Json
from ciprov.localcluster.master.tasks import Task
from ciprov.localcluster.model import Resources

_TOLD = ("principal", "webui_url", "hostname")
_OF_STATUS = ("state", "timestamp", "healthy", "container_status")

Directory = Callable[[str], str]
"""Where the sandbox of a task is, by the name that runtimes know it by; empty where there is none."""


def frameworks(known: MasterState) -> list[Json]:
    return [_framework(framework, known) for framework in known.frameworks.values()]


def completed_frameworks(known: MasterState) -> list[Json]:
    return [_framework(framework, known) for framework in known.removed.values()]


def all_tasks(known: MasterState) -> list[Json]:
    ended = (task for there in known.completed.values() for task in there)
    return [task_json(task) for task in (*known.tasks.values(), *ended)]


def on_agent(known: MasterState, agent_id: str, directory: Directory) -> tuple[list[Json], list[Json]]:
    """Frameworks as an agent tells them, and those that are removed; each with its executors there."""
    there = {task.framework_id for task in known.tasks.values() if task.agent_id == agent_id}
    there |= {task.framework_id for ended in known.completed.values() for task in ended if task.agent_id == agent_id}
    running = [_at(known, one, agent_id, directory) for one in known.frameworks.values() if one.id in there]
    removed = [_at(known, one, agent_id, directory) for one in known.removed.values() if one.id in there]
    return running, removed


def task_json(task: Task) -> Json:
    state = task.state if task.unreachable_at is None else "TASK_UNREACHABLE"
    statuses = [{name: one[name] for name in _OF_STATUS if name in one} for one in task.statuses]
    shown: Json = {
        "id": task.id,
        "name": task.name,
        "framework_id": task.framework_id,
        "executor_id": "",
        "slave_id": task.agent_id,
        "state": state,
        "resources": amounts(task.resources),
        "role": task.role,
        "statuses": [_without_pid(one) for one in statuses],
    }
    if "labels" in task.shown:
        shown["labels"] = task.shown["labels"].get("labels", [])
    return shown | {name: task.shown[name] for name in ("discovery", "container") if name in task.shown}


def _without_pid(status: Json) -> Json:
    container = status.get("container_status")
    if container is None:
        return status
    return {**status, "container_status": {name: container[name] for name in container if name != "executor_pid"}}


def _framework(framework: Framework, known: MasterState) -> Json:
    tasks = [task for task in known.tasks.values() if task.framework_id == framework.id]
    offers = [offer for offer in known.offers.values() if offer.framework_id == framework.id]
    used = total(task.resources for task in tasks if not task.ended)
    offered = total(offer.resources for offer in offers)
    connected = framework.id in known.streams
    removed = framework.id in known.removed
    # Nobody waits for the ends of a removed framework's tasks: they are told as what they are about to be.
    dying = [replace(task, state="TASK_KILLED") for task in tasks if removed and task.unreachable_at is None]
    shown: Json = {
        "id": framework.id,
        "name": framework.name,
        "used_resources": amounts(used),
        "offered_resources": amounts(offered),
        "capabilities": [str(one.get("type")) for one in framework.info.get("capabilities") or ()],
        "hostname": "",
        "webui_url": "",
        "active": connected,
        "connected": connected,
        "recovered": not connected and not removed and framework.grace_s > 0,
        "user": framework.info.get("user", ""),
        "failover_timeout": float(framework.info.get("failover_timeout") or 0.0),
        "checkpoint": bool(framework.info.get("checkpoint", False)),
        "registered_time": framework.registered_at,
        "unregistered_time": framework.disconnected_at or 0.0,
        "resources": amounts(total((used, offered))),
        "tasks": [task_json(task) for task in tasks if task.unreachable_at is None and not removed],
        "unreachable_tasks": [task_json(task) for task in tasks if task.unreachable_at is not None],
        "completed_tasks": [task_json(task) for task in (*known.completed.get(framework.id, ()), *dying)],
        "offers": [
            {
                "id": offer.id,
                "framework_id": framework.id,
                "allocation_info": {"role": offer.role},
                "slave_id": offer.agent_id,
                "resources": amounts(offer.resources),
            }
            for offer in offers
        ],
        "executors": [],
    }
    if "MULTI_ROLE" in framework.capabilities:
        shown["roles"] = list(framework.roles)
    else:
        shown["role"] = framework.roles[0]
    if framework.reregistered_at is not None:
        shown["reregistered_time"] = framework.reregistered_at
    if framework.info.get("labels"):
        shown["labels"] = framework.info["labels"].get("labels", [])
    return shown | {name: framework.info[name] for name in _TOLD if framework.info.get(name)}


def _at(known: MasterState, framework: Framework, agent_id: str, directory: Directory) -> Json:
    there = [task for task in known.tasks.values() if (task.framework_id, task.agent_id) == (framework.id, agent_id)]
    gone = [task for task in known.completed.get(framework.id, ()) if task.agent_id == agent_id]
    return {
        "id": framework.id,
        "name": framework.name,
        "user": framework.info.get("user", ""),
        "failover_timeout": float(framework.info.get("failover_timeout") or 0.0),
        "checkpoint": bool(framework.info.get("checkpoint", False)),
        "hostname": framework.info.get("hostname", ""),
        "roles": list(framework.roles),
        "executors": _executors((task for task in there if not task.ended), directory),
        "completed_executors": _executors((*(task for task in there if task.ended), *gone), directory),
    }


def _executors(tasks: Iterable[Task], directory: Directory) -> Sequence[Json]:
    return [_executor(task, directory(task.runtime_id)) for task in tasks]


def _executor(task: Task, directory: str) -> Json:
    bare = replace(task, unreachable_at=None)
    return {
        "id": task.id,
        "name": f"Command Executor (Task: {task.id})",
        "source": task.id,
        "container": task.container_id,
        "directory": directory,
        "resources": amounts(task.resources),
        "role": task.role,
        "tasks": [] if task.ended else [task_json(bare)],
        "queued_tasks": [],
        "completed_tasks": [task_json(bare)] if task.ended else [],
    }


def offered_on(known: MasterState, agent_id: str) -> Resources:
    """What offers name of an agent."""
    return total(offer.resources for offer in known.offers.values() if offer.agent_id == agent_id)
