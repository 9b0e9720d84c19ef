"""Answers and questions in HTTP: JSON bodies, flags in the query, deployments, refusals."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ciprov.localcluster.api.port import Accepted, Engine, Locked, TreeChange
from ciprov.localcluster.definitions.errors import (
    BadRequest,
    LockedByDeployments,
    Refused,
    TooLong,
    Unprocessable,
    UnsupportedMediaType,
)
from ciprov.localcluster.definitions.ids import canonical
from ciprov.localcluster.definitions.parse import parse_json
from ciprov.localcluster.timestamps import timestamp

logger = logging.getLogger(__name__)

DEPLOYMENT_HEADER = "Marathon-Deployment-Id"
BODY_LIMIT = 16 * 2**20
"""Bytes. A group of a thousand apps has a few millions; everything that is accepted is kept in memory and on disk."""


class Json(Response):
    """A compact JSON answer."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def version_of(text: str) -> str:
    """A version as it is stored, from any notation of the same moment; raises `Unprocessable`."""
    try:
        moment = datetime.fromisoformat(text)
        return timestamp(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        # The first and the last day of the calendar may lie beyond it in UTC.
        raise Unprocessable(f"Invalid timestamp provided '{text}'. Expecting ISO-8601 datetime string.") from None


def flag(request: Request, name: str, default: bool = False) -> bool:
    """A boolean of the query; whatever is not `true` is false."""
    value = request.query_params.get(name)
    return default if value is None else value.strip().lower() == "true"


def path_id(request: Request, name: str = "id") -> str:
    """The absolute id in the URL."""
    return canonical(request.path_params.get(name, ""))


async def body_of(request: Request) -> Any:
    """The JSON value sent, said to be JSON if anything; raises `Refused` where it is not, or is too long."""
    kind = request.headers.get("content-type", "application/json")
    if kind.partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType(kind)
    return await any_body_of(request)


async def any_body_of(request: Request) -> Any:
    """As `body_of`, whatever type is named: Marathon's groups take any."""
    return parse_json(await bytes_of(request))


async def bytes_of(request: Request) -> bytes:
    """The body as it was sent; raises `Refused` where it is too long, or broke off."""
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > BODY_LIMIT:
                raise TooLong(BODY_LIMIT)
    except ClientDisconnect:
        raise BadRequest("The connection ended before the request's body") from None
    return bytes(body)


def change(engine: Engine, request: Request, edit: TreeChange, group_id: str, **options: Any) -> Accepted:
    """Hand a change to the engine; `force` is the query's unless given. Raises `Refused`."""
    force = options.pop("force", None)
    try:
        return engine.change(
            edit, force=flag(request, "force") if force is None else force, group_id=group_id, **options
        )
    except Locked as locked:
        raise LockedByDeployments(locked.deployment_ids) from None


def deployment(accepted: Accepted, status: int = 200, location: str | None = None) -> Response:
    """`{"version", "deploymentId"}` with the deployment's id in a header."""
    headers = {DEPLOYMENT_HEADER: accepted.deployment_id}
    if location is not None:
        headers["Location"] = location
    return Json({"version": accepted.version, "deploymentId": accepted.deployment_id}, status, headers)


def location_of(request: Request, path: str) -> str:
    """An id under the base URL."""
    return str(request.base_url).rstrip("/") + path


async def refused(_: Request, error: Exception) -> Response:
    """The answer to a `Refused`."""
    assert isinstance(error, Refused)
    return Json(error.body, error.status)


async def locked(request: Request, error: Exception) -> Response:
    """The answer to a lock that was met outside of `change`."""
    assert isinstance(error, Locked)
    return await refused(request, LockedByDeployments(error.deployment_ids))


async def broken(request: Request, error: Exception) -> Response:
    """The answer to a fault of this program."""
    logger.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return Json({"message": f"{type(error).__name__} in the embedded cluster; its log has the details"}, 500)


async def not_routed(request: Request, _: Exception) -> Response:
    """Marathon 1.11 answers 500 to what it does not know below /v2, and 404 elsewhere."""
    return Json({"message": "URI not found"}, 500 if request.url.path.startswith("/v2/") else 404)


async def wrong_method(_: Request, error: Exception) -> Response:
    headers: Mapping[str, str] = getattr(error, "headers", None) or {}
    return Json({"message": "Method Not Allowed"}, 405, dict(headers))


def exclusive(scale: bool, wipe: bool) -> None:
    """A kill either scales or wipes; raises `BadRequest`."""
    if scale and wipe:
        raise BadRequest("You cannot use scale and wipe at the same time.")
