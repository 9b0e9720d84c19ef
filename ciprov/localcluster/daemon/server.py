"""The HTTP server, on the daemon's own loop and under the daemon's own signals."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import h11
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

KEEP_ALIVE_SECONDS = 30
GRACEFUL_SECONDS = 2


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """The daemon decides what signals mean."""
        yield


class LateAnswers:
    """Around the application: an answer to a request that broke off is dropped.

    The server refuses such a request by itself as soon as it reads the broken piece, and its connection then takes
    nothing more.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            try:
                await send(message)
            except h11.LocalProtocolError:
                # Until the server, too, has noticed that the connection is gone.
                await asyncio.sleep(0)

        await self._app(scope, receive, sending)


class ApiServer:
    """Serves `app` on a listening socket from `start` to `stop`."""

    def __init__(self, app: ASGIApp, listener: socket.socket) -> None:
        config = uvicorn.Config(
            LateAnswers(app),
            loop="none",
            http="h11",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACEFUL_SECONDS,
        )
        self._server = _Server(config)
        self._listener = listener
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when requests are answered. Raises RuntimeError where that fails."""
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._listener]), name="api")
        while not self._server.started:
            if self._serving.done():
                raise RuntimeError("the API could not be served") from self._serving.exception()
            await asyncio.sleep(0.001)

    async def stop(self) -> None:
        """Answer what is under way, cut what takes too long."""
        self._server.should_exit = True
        if self._serving is not None:
            await asyncio.wait({self._serving})
        self._listener.close()
