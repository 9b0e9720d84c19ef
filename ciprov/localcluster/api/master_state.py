"""The state of a Mesos master: its agents, and all tasks of Marathon and other frameworks, reachable or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ciprov.localcluster.api.agents import (
    FRAMEWORK_ID,
    FRAMEWORK_NAME,
    MESOS_VERSION,
    known_slaves,
    labels_list,
    task_name,
)
from ciprov.localcluster.api.amounts import amounts
from ciprov.localcluster.api.framework_state import all_tasks, completed_frameworks, frameworks
from ciprov.localcluster.api.metrics import figures
from ciprov.localcluster.api.port import Engine
from ciprov.localcluster.master.state import MasterState
from ciprov.localcluster.model import HOLDS_RESOURCES, TASK_STATES, UNREACHABLE, Condition, Instance
from ciprov.localcluster.scheduling.agents import resources_of


def master_routes(
    engine: Engine, known: MasterState, now: Callable[[], datetime], framework_id: str = FRAMEWORK_ID
) -> list[Route]:
    """`known` are the frameworks beside Marathon."""
    started = now().timestamp()

    def marathon() -> dict[str, Any]:
        listed = [_task(engine, instance, condition, framework_id) for instance, condition in _holding(engine)]
        unreachable = TASK_STATES[Condition.UNREACHABLE]
        return {
            "id": framework_id,
            "name": FRAMEWORK_NAME,
            "active": True,
            "connected": True,
            "tasks": [task for task in listed if task["state"] != unreachable],
            "unreachable_tasks": [task for task in listed if task["state"] == unreachable],
            "completed_tasks": [],
        }

    async def state(request: Request) -> Response:
        slaves = known_slaves(engine, known, request)
        return JSONResponse(
            {
                **_leader(known, request),
                "version": MESOS_VERSION,
                "cluster": "ciprov",
                "start_time": started,
                "elected_time": started,
                "activated_slaves": sum(slave["active"] for slave in slaves),
                "deactivated_slaves": sum(slave["deactivated"] for slave in slaves),
                "unreachable_slaves": sum(agent.lost for agent in engine.agents),
                "slaves": slaves,
                "recovered_slaves": [],
                "frameworks": [marathon(), *frameworks(known)],
                "completed_frameworks": completed_frameworks(known),
                "orphan_tasks": [],
                "unregistered_frameworks": [],
            }
        )

    async def all_frameworks(_: Request) -> Response:
        running, removed = [marathon(), *frameworks(known)], completed_frameworks(known)
        return JSONResponse({"frameworks": running, "completed_frameworks": removed, "unregistered_frameworks": []})

    async def tasks(_: Request) -> Response:
        own = marathon()
        return JSONResponse({"tasks": [*own["tasks"], *own["unreachable_tasks"], *all_tasks(known)]})

    async def metrics(_: Request) -> Response:
        return JSONResponse(figures(engine, known, now().timestamp() - started))

    served = {"state": state, "frameworks": all_frameworks, "tasks": tasks}
    both = [Route(f"{prefix}/{name}", served[name], methods=["GET"]) for name in served for prefix in ("", "/master")]
    return [*both, Route("/metrics/snapshot", metrics, methods=["GET"])]


def _leader(known: MasterState, request: Request) -> dict[str, Any]:
    host, port = request.scope.get("server") or ("127.0.0.1", 0)
    pid = f"master@{host}:{port}"
    leader = {"id": known.id, "pid": pid, "port": port, "hostname": host}
    return {"id": known.id, "pid": pid, "hostname": host, "leader": pid, "leader_info": leader}


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
