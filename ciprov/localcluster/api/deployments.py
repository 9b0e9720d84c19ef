"""`/v2/deployments`: what is running, and cancelling it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ciprov.localcluster.api.answers import Json, deployment, flag
from ciprov.localcluster.api.port import DeploymentView, Engine
from ciprov.localcluster.definitions.errors import NotFound
from ciprov.localcluster.model import Step


def routes(engine: Engine) -> list[Route]:
    async def listing(_: Request) -> Response:
        return Json([shown(view) for view in engine.deployments()])

    async def cancel(request: Request) -> Response:
        deployment_id = request.path_params["id"]
        if all(view.id != deployment_id for view in engine.deployments()):
            raise NotFound.deployment(deployment_id)
        accepted = engine.cancel(deployment_id, force=flag(request, "force"))
        return Response(status_code=202) if accepted is None else deployment(accepted)

    return [
        Route("/v2/deployments", listing, methods=["GET"]),
        Route("/v2/deployments/{id}", cancel, methods=["DELETE"]),
    ]


def steps(planned: Iterable[Step]) -> list[dict[str, Any]]:
    return [{"actions": [{"action": item.kind, "app": item.app_id} for item in step.actions]} for step in planned]


def shown(view: DeploymentView) -> dict[str, Any]:
    return {
        "id": view.id,
        "version": view.version,
        "affectedApps": list(view.affected_apps),
        "affectedPods": [],
        "steps": steps(view.steps),
        "currentActions": [
            {
                "action": item.kind,
                "app": item.app_id,
                "readinessCheckResults": [dict(result) for result in view.readiness.get(item.app_id, ())],
            }
            for item in view.current_actions
        ],
        "currentStep": view.current_step,
        "totalSteps": len(view.steps),
    }
