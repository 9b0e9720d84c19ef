"""`GET /ciprov/overview`: what `ciprov local status` shows beside the addresses. No part of Marathon's API."""

from __future__ import annotations

from collections import Counter
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ciprov.localcluster.api.port import Engine
from ciprov.localcluster.forwarder import TcpForwarder
from ciprov.localcluster.master.state import MasterState
from ciprov.localcluster.model import HOLDS_RESOURCES, Agent, Condition

PATH = "/ciprov/overview"


def overview_routes(engine: Engine, known: MasterState, forwarder: TcpForwarder) -> list[Route]:
    """`known` are the frameworks beside Marathon."""

    async def overview(_: Request) -> Response:
        return JSONResponse(describe(engine, known) | {"problems": [*forwarder.problems.values()]})

    return [Route(PATH, overview, methods=["GET"])]


def describe(engine: Engine, known: MasterState) -> dict[str, Any]:
    """Agents with their sizes and tasks, and counts over the whole cluster."""
    instances = engine.instances()
    per_agent = Counter(item.agent_id for item in instances if item.condition in HOLDS_RESOURCES)
    others = list(known.holding())
    per_agent.update(task.agent_id for task in others)
    conditions = Counter(item.condition for item in instances)
    return {
        "agents": [_agent(agent, per_agent[agent.id]) for agent in engine.agents],
        "counts": {
            "apps": sum(1 for _ in engine.root.all_apps()),
            "running": conditions[Condition.RUNNING],
            "staging": conditions[Condition.STAGING],
            "waiting": conditions[Condition.SCHEDULED],
            "deployments": len(engine.deployments()),
            "frameworks": len(known.frameworks),
            "framework_tasks": len(others),
        },
    }


def _agent(agent: Agent, tasks: int) -> dict[str, Any]:
    ports = agent.total.ports
    return {
        "id": agent.id,
        "hostname": agent.hostname,
        "state": "lost" if agent.lost else "active" if agent.active else "drained",
        "role": agent.role,
        "attributes": dict(agent.attributes),
        "cpus": agent.total.cpus,
        "mem": agent.total.mem,
        "disk": agent.total.disk,
        "ports": f"{min(ports)}-{max(ports)}" if ports else "",
        "tasks": tasks,
    }
