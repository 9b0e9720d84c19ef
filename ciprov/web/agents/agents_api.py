"""What agents and pipelines may ask over the network, each with a token of its own. All else is not there."""

from __future__ import annotations

import hashlib
import hmac

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from ciprov.agents.view.control import Control
from ciprov.foundation.errors import UsageError
from ciprov.web.agents.bodies import HANDLERS, Refused, json_body, only, text, texts
from ciprov.web.agents.bounds import FOR_AGENTS
from ciprov.web.agents.exposition import Exposition, exposed

_LIMIT = FOR_AGENTS.body_bytes
_CHALLENGE = {"WWW-Authenticate": "Bearer"}


def application(control: Control, api_token: str, metrics: Exposition | None) -> Starlette:
    """Without an `api_token` nobody may ask for agents; without `metrics` there are none.

    Agents are answered at once, not in the pool: its threads may all wait for the service's loop, for those who ask for
    agents.
    """

    async def busy(request: Request) -> Response:
        """204, or 401 with the same words for a wrong token and for an agent that there is not."""
        token = _bearer(request)
        entries = texts(await json_body(request, _LIMIT), "entries")
        try:
            right = control.signal(request.path_params["name"], token, entries)
        except UsageError:
            right = False
        if not right:
            raise Refused(401, "this is not that agent's token", _CHALLENGE)
        return Response(status_code=204)

    async def secrets(request: Request) -> Response:
        """Once, with the right ticket. Whatever else is asked is not there."""
        if request.method == "HEAD":
            raise Refused(405, "the ticket is good for one GET")
        text = control.secrets(request.path_params["name"], request.path_params["ticket"])
        if text is None:
            raise Refused(404, "there is nothing here")
        return PlainTextResponse(text, headers={"Cache-Control": "no-store"})

    async def make(request: Request) -> Response:
        if not _same(_bearer(request), api_token):
            raise Refused(401, "this is not the service's API token", _CHALLENGE)
        document = await json_body(request, _LIMIT)
        only(document, "template", "label")
        template = text(document, "template")
        if not template:
            raise Refused(400, "`template` is to name a template")
        made = await run_in_threadpool(control.request, template, text(document, "label"))
        return JSONResponse({"label": made.label, "agent": made.agent, "template": made.template}, 201)

    routes = [Route("/v1/agents/{name}/busy", busy, methods=["POST"])]
    routes.append(Route("/v1/agents/{name}/secrets/{ticket}", secrets, methods=["GET"]))
    if api_token:
        routes.append(Route("/v1/requests", make, methods=["POST"]))
    if metrics is not None:
        routes.append(Route("/metrics", exposed(control, metrics)))
    return Starlette(routes=routes, exception_handlers=HANDLERS)


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Refused(401, "a token is wanted: Authorization: Bearer …", _CHALLENGE)
    return token.strip()


def _same(given: str, expected: str) -> bool:
    """In a time that tells nothing of where they differ, nor of their lengths."""
    digests = [hashlib.sha256(one.encode("utf-8", "surrogateescape")).digest() for one in (given, expected)]
    return hmac.compare_digest(*digests)
