"""What a Mesos master tells of its agents, and an agent of its tasks, as far as clients of a sandbox need it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ciprov.localcluster.api.amounts import amounts
from ciprov.localcluster.api.framework_state import offered_on, on_agent
from ciprov.localcluster.api.port import Engine
from ciprov.localcluster.api.sandbox_port import Sandboxes, TaskSandbox
from ciprov.localcluster.attributes import number as as_number
from ciprov.localcluster.master.state import MasterState
from ciprov.localcluster.master.tasks import is_frameworks
from ciprov.localcluster.model import HOLDS_RESOURCES, TASK_STATES, Agent, Instance, Resources, TaskFailure
from ciprov.localcluster.scheduling.agents import add, resources_of, subtract

MESOS_VERSION = "1.11.0"
FRAMEWORK_NAME = "marathon"
FRAMEWORK_ID = "ciprov-localcluster-0000"

Json = dict[str, Any]

_CONTAINERS = uuid.UUID("6d5b9e0a-2f0c-4d0e-9b1c-0f2f5f0e7a11")
_NONE = Resources()


def agent_routes(
    engine: Engine, sandboxes: Sandboxes, known: MasterState, framework_id: str = FRAMEWORK_ID
) -> list[Route]:
    """`known` are the frameworks beside Marathon."""

    async def slaves(request: Request) -> Response:
        return JSONResponse({"slaves": known_slaves(engine, known, request), "recovered_slaves": []})

    def directory(task_id: str) -> str:
        found = sandboxes.find(task_id)
        return str(found.directory) if found is not None else ""

    async def state(request: Request) -> Response:
        agent = agent_at(engine, request)
        if agent is None:
            return unknown_agent(engine, request)
        number = request.path_params["agent"]
        others, removed = on_agent(known, agent.id, directory)
        return JSONResponse(
            {
                "version": MESOS_VERSION,
                **_slave(agent, request, number),
                "resources": amounts(agent.total),
                "flags": {},
                "frameworks": [_framework(engine, sandboxes, agent, framework_id), *others],
                "completed_frameworks": removed,
            }
        )

    return [
        *(Route(path, slaves, methods=["GET"]) for path in ("/slaves", "/master/slaves")),
        *(
            Route(path, state, methods=["GET"])
            for path in ("/slave({agent:int})/state", "/slave({agent:int})/state.json")
        ),
    ]


def known_slaves(engine: Engine, known: MasterState, request: Request) -> list[Json]:
    """A master tells only of agents that it reaches."""
    used = _used(engine)
    return [
        {
            **_slave(agent, request, place),
            **_amounts(agent, used.get(agent.id, _NONE)),
            "offered_resources": amounts(offered_on(known, agent.id)),
        }
        for place, agent in enumerate(engine.agents, 1)
        if not agent.lost
    ]


def agent_at(engine: Engine, request: Request) -> Agent | None:
    """The agent that the URL's `slave(k)` names; k counts from 1 as in each agent's `pid`."""
    number = request.path_params["agent"]
    agent = engine.agents[number - 1] if 1 <= number <= len(engine.agents) else None
    return None if agent is None or agent.lost else agent


def unknown_agent(engine: Engine, request: Request) -> Response:
    number = request.path_params["agent"]
    if 1 <= number <= len(engine.agents):
        name = engine.agents[number - 1].id
        return PlainTextResponse(f"{name} is lost; let it return: ciprov local agent return {name}\n", 503)
    return PlainTextResponse(f"There is no slave({number}): this cluster has {len(engine.agents)} agents.\n", 404)


def container_of(task_id: str) -> str:
    """The id of a task's container: the same at each call, and in the form that Mesos gives them."""
    return str(uuid.uuid5(_CONTAINERS, task_id))


def _slave(agent: Agent, request: Request, number: int) -> Json:
    host, port = request.scope.get("server") or ("127.0.0.1", 0)
    return {
        "id": agent.id,
        "pid": f"slave({number})@{host}:{port}",
        "hostname": agent.hostname,
        "port": port,
        "attributes": {name: _attribute(value) for name, value in agent.attributes.items()},
        "active": agent.active,
        "deactivated": not agent.active,
        "capabilities": ["MULTI_ROLE"],
    }


def _attribute(value: str) -> str | float:
    return float(value) if as_number(value) is not None else value


def _amounts(agent: Agent, used: Resources) -> Json:
    total = amounts(agent.total)
    reserved = agent.role != "*"
    return {
        "version": MESOS_VERSION,
        "resources": total,
        "used_resources": amounts(used),
        "reserved_resources": {agent.role: total} if reserved else {},
        "unreserved_resources": amounts(_NONE) if reserved else total,
        "available_resources": amounts(subtract(agent.total, used)),
    }


def free_resources(engine: Engine) -> dict[str, Resources]:
    """What each agent has left, by its id."""
    used = _used(engine)
    return {agent.id: subtract(agent.total, used.get(agent.id, _NONE)) for agent in engine.agents}


def _used(engine: Engine) -> dict[str, Resources]:
    used = dict(engine.held_by_frameworks())
    for instance in (*engine.instances(), *engine.strays()):
        app = engine.app_version(instance.app_id, instance.app_version)
        if app is not None and instance.condition in HOLDS_RESOURCES:
            used[instance.agent_id] = add(used.get(instance.agent_id, _NONE), resources_of(app, instance.ports))
    return used


def _framework(engine: Engine, sandboxes: Sandboxes, agent: Agent, framework_id: str) -> Json:
    instances = {each.task_id: each for each in engine.instances()}
    failures = {each.task_id: each for app in engine.root.all_apps() if (each := engine.last_failure(app.id))}
    running, ended = [], []
    for kept in sandboxes.all():
        if is_frameworks(kept.task_id):
            continue
        sandbox = _remembered(kept, failures.get(kept.task_id))
        instance = instances.get(sandbox.task_id)
        # An ended task of which no more is known is told by every agent: better found twice than not at all.
        if (instance.agent_id if instance else sandbox.agent_id) not in {"", agent.id}:
            continue
        if instance is not None and instance.condition in HOLDS_RESOURCES:
            running.append(_executor(engine, sandbox, instance, agent, framework_id))
        else:
            ended.append(_executor(engine, sandbox, None, agent, framework_id))
    return {
        "id": framework_id,
        "name": FRAMEWORK_NAME,
        "user": "",
        "hostname": agent.hostname,
        "checkpoint": True,
        "executors": running,
        "completed_executors": ended,
    }


def _remembered(sandbox: TaskSandbox, failure: TaskFailure | None) -> TaskSandbox:
    """Of an ended task the cluster knows what was the app's last failure."""
    if failure is None or sandbox.agent_id:
        return sandbox
    return replace(sandbox, state=failure.state, agent_id=failure.agent_id, app_id=failure.app_id)


def _executor(engine: Engine, sandbox: TaskSandbox, instance: Instance | None, agent: Agent, framework_id: str) -> Json:
    app = engine.app_version(instance.app_id, instance.app_version) if instance else None
    amount = resources_of(app, instance.ports) if app and instance else _NONE
    state = TASK_STATES[instance.condition] if instance else sandbox.state
    task = {
        "id": sandbox.task_id,
        "name": task_name(instance.app_id if instance else sandbox.app_id),
        "framework_id": framework_id,
        "executor_id": "",
        "slave_id": agent.id,
        "state": state,
        "resources": amounts(amount),
        "role": app.role if app else "*",
        "statuses": _statuses(sandbox, instance, state),
        "labels": labels_list(app.labels if app else {}),
    }
    return {
        "id": sandbox.task_id,
        "name": f"Command Executor (Task: {sandbox.task_id})",
        "source": sandbox.task_id,
        "container": container_of(sandbox.task_id),
        "directory": str(sandbox.directory),
        "resources": amounts(amount),
        "tasks": [task] if instance else [],
        "queued_tasks": [],
        "completed_tasks": [] if instance else [task],
    }


def _statuses(sandbox: TaskSandbox, instance: Instance | None, state: str) -> Sequence[Json]:
    if instance is None:
        return []
    network = {"ip_addresses": [{"protocol": "IPv4", "ip_address": instance.ip_address}]}
    status = {
        "state": state,
        "timestamp": _seconds(instance.started_at or instance.staged_at or instance.since),
        "container_status": {
            "container_id": {"value": container_of(sandbox.task_id)},
            "network_infos": [network],
        },
    }
    return [status if instance.healthy is None else {**status, "healthy": instance.healthy}]


def labels_list(labels: Mapping[str, str]) -> Sequence[Json]:
    return [{"key": key, "value": value} for key, value in labels.items()]


def task_name(app_id: str) -> str:
    """Marathon names tasks by the path read backwards: `/shop/api` runs as `api.shop`."""
    return ".".join(reversed(app_id.strip("/").split("/")))


def _seconds(moment: datetime) -> float:
    return moment.timestamp()
