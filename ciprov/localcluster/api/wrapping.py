"""Middleware around all routes: harmless slashes, and the headers that every answer carries."""

from __future__ import annotations

import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SLASHES = re.compile("/{2,}")


def plain_path(path: str) -> str:
    """A URL's path without doubled and trailing slashes."""
    single = _SLASHES.sub("/", path)
    return single.rstrip("/") or "/"


class Wrapping:
    """`leader` is this cluster's base URL."""

    def __init__(self, app: ASGIApp, leader: str) -> None:
        self._app = app
        self._headers = {
            "X-Marathon-Leader": leader,
            "Cache-Control": "no-cache, no-store, must-revalidate",
            "Pragma": "no-cache",
            "Expires": "0",
            "X-Content-Type-Options": "nosniff",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers[name] = value
            await send(message)

        await self._app({**scope, "path": plain_path(scope["path"])}, receive, sending)
