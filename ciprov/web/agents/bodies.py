"""JSON in and out: bodies that are read to their bound and no further, and one form for every refusal."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from ciprov.foundation.errors import CiprovError, UsageError
from ciprov.foundation.json import JsonObject

logger = logging.getLogger(__name__)


class Refused(Exception):
    """An HTTP status with one sentence."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers


async def json_body(request: Request, limit: int) -> JsonObject:
    """The JSON object that was sent, of at most `limit` bytes; no body is an empty one. Raises `Refused`."""
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > limit:
                raise Refused(413, f"the body has more than {limit} bytes")
    except ClientDisconnect:
        raise Refused(400, "the connection ended before the request's body") from None
    try:
        document = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        raise Refused(400, "the body is no JSON") from None
    if not isinstance(document, dict):
        raise Refused(400, "the body is no JSON object")
    return document


def texts(document: JsonObject, key: str, most: int = 10_000) -> list[str]:
    """A list of texts in a body. Raises `Refused`."""
    value = document.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value) or len(value) > most:
        raise Refused(400, f"`{key}` is to be a list of at most {most} texts")
    return value


def text(document: JsonObject, key: str) -> str:
    """A text in a body, empty where there is none. Raises `Refused`."""
    value = document.get(key, "")
    if not isinstance(value, str):
        raise Refused(400, f"`{key}` is to be a text")
    return value


def only(document: JsonObject, *keys: str) -> None:
    """A key that is misspelt must not be passed over. Raises `Refused`."""
    if unknown := sorted(set(document) - set(keys)):
        raise Refused(400, f"{', '.join(unknown)}: no such key; there are: {', '.join(keys)}")


async def refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return JSONResponse({"message": error.message}, error.status, error.headers)


async def failed(_: Request, error: Exception) -> Response:
    """A refusal of the service itself."""
    assert isinstance(error, CiprovError)
    usage = isinstance(error, UsageError)
    document: dict[str, Any] = {"message": error.message, "place": error.place, "way_out": error.way_out}
    return JSONResponse({**document, "usage": usage}, 400 if usage else 409)


async def broken(request: Request, error: Exception) -> Response:
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return JSONResponse({"message": "the service has a fault; its log has the details"}, 500)


async def not_found(_: Request, __: Exception) -> Response:
    """The same for all that is not there, so that nothing can be found out."""
    return JSONResponse({"message": "there is nothing here"}, 404)


Handler = Callable[[Request, Exception], Awaitable[Response]]
HANDLERS: Mapping[Any, Handler] = {
    Refused: refused,
    CiprovError: failed,
    HTTPException: not_found,
    Exception: broken,
}
