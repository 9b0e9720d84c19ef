"""`POST /api/v1/scheduler`: Mesos' scheduler API for frameworks, in JSON, next to the embedded Marathon."""

from __future__ import annotations

import logging
from collections.abc import Collection

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ciprov.localcluster.api.answers import bytes_of
from ciprov.localcluster.api.scheduler_stream import STREAM_ID, SchedulerStream
from ciprov.localcluster.definitions.errors import Unavailable
from ciprov.localcluster.master.calls import BadCall, parse
from ciprov.localcluster.master.master import Master

_JSON = "application/json"
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
"""All that may come: what is refused is refused here, as Mesos words it."""
_PROTOBUF = "application/x-protobuf"
_ALLOWING = ("application/json", "application/*", "*/*")

logger = logging.getLogger(__name__)


def scheduler_routes(master: Master) -> list[Route]:
    async def scheduler(request: Request) -> Response:
        if request.method != "POST":
            text = f"405 Method Not Allowed. Expecting one of {{ 'POST' }}, but received '{request.method}'."
            return PlainTextResponse(text, 405, {"Allow": "POST"})
        body = await bytes_of(request)
        try:
            return _answer(master, request, body)
        except BadCall as refused:
            return PlainTextResponse(str(refused), refused.status)
        except Unavailable as error:
            return PlainTextResponse(str(error), 503)

    return [Route(path, scheduler, methods=_METHODS) for path in ("/api/v1/scheduler", "/master/api/v1/scheduler")]


def _answer(master: Master, request: Request, body: bytes) -> Response:
    content = request.headers.get("content-type")
    if content is None:
        raise BadCall("Expecting 'Content-Type' to be present")
    if content == _PROTOBUF:
        raise BadCall(f"The embedded cluster takes '{_JSON}' alone, and no '{_PROTOBUF}'", 415)
    if content != _JSON:
        raise BadCall(f"Expecting 'Content-Type' of {_JSON} or {_PROTOBUF}", 415)
    call = parse(body)
    given = request.headers.get(STREAM_ID)
    if call.type != "SUBSCRIBE":
        return Response(status_code=master.call(call, given))
    if not _allows(request.headers.getlist("accept"), _ALLOWING):
        raise BadCall(f"Expecting 'Accept' to allow '{_PROTOBUF}' or '{_JSON}'", 406)
    if given is not None:
        raise BadCall(f"Subscribe calls should not include the '{STREAM_ID}' header")
    stream = SchedulerStream(request.scope.get("server") or ("127.0.0.1", 0))
    framework_id = master.subscribe(call, stream)
    stream.when_gone(lambda: master.disconnected(framework_id, stream))
    return stream


def _allows(accepted: Collection[str], types: Collection[str]) -> bool:
    if not accepted:
        return True
    named = {part.partition(";")[0].strip().lower() for header in accepted for part in header.split(",")}
    return any(kind in named for kind in types)
