"""What the command line asks over the Unix socket, whose owner may do all."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ciprov.agents.view import status_view
from ciprov.agents.view.control import Control
from ciprov.agents.view.why import why
from ciprov.foundation.clock import utc_now
from ciprov.foundation.errors import UsageError
from ciprov.web.agents.bodies import HANDLERS, Refused, json_body, only, text, texts
from ciprov.web.agents.bounds import FOR_OPERATORS
from ciprov.web.agents.exposition import Exposition, exposed

_LIMIT = FOR_OPERATORS.body_bytes


def application(control: Control, metrics: Exposition | None) -> Starlette:
    """`metrics` is None for none."""

    def status(_: Request) -> Response:
        return JSONResponse(status_view.status(control.snapshot(), utc_now()))

    def agent(request: Request) -> Response:
        return JSONResponse(status_view.agent(control.snapshot(), request.path_params["name"], utc_now()))

    def templates(_: Request) -> Response:
        return JSONResponse({"templates": status_view.templates(control.snapshot(), utc_now())})

    def why_(request: Request) -> Response:
        label = request.query_params.get("label", "")
        return JSONResponse(why(control.snapshot(), label, utc_now()).as_json())

    async def make(request: Request) -> Response:
        document = await json_body(request, _LIMIT)
        only(document, "template", "label")
        made = await run_in_threadpool(control.request, text(document, "template"), text(document, "label"))
        return JSONResponse({"label": made.label, "agent": made.agent, "template": made.template}, 201)

    def steering(act: Callable[[Collection[str]], Collection[str]], everything: Callable[[], Collection[str]]) -> Any:
        async def steer(request: Request) -> Response:
            document = await json_body(request, _LIMIT)
            only(document, "templates", "all")
            names = list(dict.fromkeys(texts(document, "templates")))
            if document.get("all") is True:
                names = sorted(await run_in_threadpool(everything))
            elif not names:
                raise Refused(400, "`templates` is to name some, or `all` is to be true")
            changed = await run_in_threadpool(act, names)
            return JSONResponse({"templates": names, "changed": sorted(changed)})

        return steer

    async def kill(request: Request) -> Response:
        document = await json_body(request, _LIMIT)
        only(document, "agents")
        names = texts(document, "agents")
        if not names:
            raise UsageError("no agent is named", way_out="`ciprov agents status` lists them")
        await run_in_threadpool(control.kill, names)
        return JSONResponse({"agents": names})

    def reload(_: Request) -> Response:
        reloaded = control.reload()
        return JSONResponse(
            {
                "templates": all_templates(),
                "difference": asdict(reloaded.difference),
                "at_next_start": list(reloaded.at_next_start),
                "text": str(reloaded.difference),
            }
        )

    def all_templates() -> list[str]:
        return [template.name for template in control.snapshot().rules.templates]

    def drained() -> Collection[str]:
        return control.snapshot().drained

    def paused() -> list[str]:
        return [pause.template for pause in control.snapshot().pauses]

    routes = [
        Route("/v1/status", status),
        Route("/v1/agents/{name:path}", agent),
        Route("/v1/templates", templates),
        Route("/v1/why", why_),
        Route("/v1/requests", make, methods=["POST"]),
        Route("/v1/drain", steering(control.drain, all_templates), methods=["POST"]),
        Route("/v1/undrain", steering(control.undrain, drained), methods=["POST"]),
        Route("/v1/resume", steering(control.resume, paused), methods=["POST"]),
        Route("/v1/kill", kill, methods=["POST"]),
        Route("/v1/reload", reload, methods=["POST"]),
    ]
    if metrics is not None:
        routes.append(Route("/metrics", exposed(control, metrics)))
    return Starlette(routes=routes, exception_handlers=HANDLERS)
