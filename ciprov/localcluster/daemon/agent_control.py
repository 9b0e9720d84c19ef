"""`POST /ciprov/agents/{agent}/drain|lose|return`: agents go and come back on command. No part of Marathon's API."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ciprov.localcluster.daemon.overview import describe
from ciprov.localcluster.engine.absences import NotPossible
from ciprov.localcluster.engine.cluster import ClusterEngine

PATH = "/ciprov/agents"


def control_routes(engine: ClusterEngine) -> list[Route]:
    """`GET` lists the agents as the overview does; each answer to a `POST` is the agent as it is then."""
    actions: dict[str, Callable[[str], None]] = {
        "drain": engine.drain_agent,
        "lose": engine.lose_agent,
        "return": engine.return_agent,
    }

    async def listing(_: Request) -> Response:
        return JSONResponse({"agents": describe(engine, engine.master.known)["agents"]})

    async def act(request: Request) -> Response:
        agent_id, action = request.path_params["agent"], request.path_params["action"]
        if action not in actions:
            return JSONResponse({"message": f"an agent can {', '.join(actions)}, not {action}"}, 404)
        try:
            actions[action](agent_id)
        except KeyError:
            there = ", ".join(agent.id for agent in engine.agents)
            return JSONResponse({"message": f"there is no agent {agent_id}; there are {there}"}, 404)
        except NotPossible as error:
            return JSONResponse({"message": str(error)}, 409)
        (agent,) = (each for each in describe(engine, engine.master.known)["agents"] if each["id"] == agent_id)
        return JSONResponse(agent)

    return [Route(PATH, listing, methods=["GET"]), Route(PATH + "/{agent}/{action}", act, methods=["POST"])]
