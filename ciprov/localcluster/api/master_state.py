"""The state of a Mesos master: its agents, and the tasks of its one framework, also those that it cannot reach."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ciprov.localcluster.api.agents import (
    FRAMEWORK_ID,
    FRAMEWORK_NAME,
    MESOS_VERSION,
    amounts,
    known_slaves,
    labels_list,
    task_name,
)
from ciprov.localcluster.api.port import Engine
from ciprov.localcluster.model import HOLDS_RESOURCES, TASK_STATES, UNREACHABLE, Condition, Instance
from ciprov.localcluster.scheduling.agents import resources_of


def master_routes(engine: Engine, framework_id: str = FRAMEWORK_ID) -> list[Route]:
    async def state(request: Request) -> Response:
        listed = [_task(engine, instance, condition, framework_id) for instance, condition in _holding(engine)]
        unreachable = TASK_STATES[Condition.UNREACHABLE]
        slaves = known_slaves(engine, request)
        framework = {
            "id": framework_id,
            "name": FRAMEWORK_NAME,
            "active": True,
            "connected": True,
            "tasks": [task for task in listed if task["state"] != unreachable],
            "unreachable_tasks": [task for task in listed if task["state"] == unreachable],
            "completed_tasks": [],
        }
        return JSONResponse(
            {
                "version": MESOS_VERSION,
                "activated_slaves": sum(slave["active"] for slave in slaves),
                "unreachable_slaves": sum(agent.lost for agent in engine.agents),
                "slaves": slaves,
                "frameworks": [framework],
                "completed_frameworks": [],
            }
        )

    return [Route(path, state, methods=["GET"]) for path in ("/state", "/master/state")]


def _holding(engine: Engine) -> Iterator[tuple[Instance, Condition]]:
    """What holds resources. A stray, which Marathon has forgotten, is unreachable until its agent is back."""
    for instance in engine.instances():
        if instance.condition in HOLDS_RESOURCES:
            yield instance, instance.condition
    lost = {agent.id for agent in engine.agents if agent.lost}
    for stray in engine.strays():
        if stray.agent_id in lost:
            yield stray, Condition.UNREACHABLE
        else:
            yield stray, Condition.KILLING if stray.condition in UNREACHABLE else stray.condition


def _task(engine: Engine, instance: Instance, condition: Condition, framework_id: str) -> dict[str, Any]:
    app = engine.app_version(instance.app_id, instance.app_version)
    return {
        "id": instance.task_id,
        "name": task_name(instance.app_id),
        "framework_id": framework_id,
        "executor_id": "",
        "slave_id": instance.agent_id,
        "state": TASK_STATES[condition],
        "resources": amounts(resources_of(app, instance.ports)) if app else {},
        "role": app.role if app else "*",
        "statuses": [],
        "labels": labels_list(app.labels if app else {}),
    }
