"""An HTTP server in a thread of its own: off the main thread it leaves the process's signals alone."""

from __future__ import annotations

import asyncio
import socket
import threading

import uvicorn
from starlette.types import ASGIApp

from ciprov.foundation.errors import CiprovError
from ciprov.web.agents.bounds import Bounds, bounded

_GRACE_S = 2
_START_S = 10.0


class ServerThread:
    """Serves `app` on a listening socket from `start` to `stop`. One connection serves one request."""

    def __init__(self, name: str, app: ASGIApp, listener: socket.socket, bounds: Bounds) -> None:
        config = uvicorn.Config(
            app,
            loop="none",
            http=bounded(bounds),
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="critical",  # what strangers send wrongly is no news of the service
            access_log=False,
            server_header=False,
            proxy_headers=False,
            headers=[("Connection", "close"), ("Cache-Control", "no-store")],
            h11_max_incomplete_event_size=bounds.header_bytes,
            timeout_graceful_shutdown=_GRACE_S,
        )
        self._server = _Server(config)
        self._listener = listener
        # The process may end while somebody is being answered.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._failure: BaseException | None = None

    def start(self) -> None:
        """Returns when requests are answered. Raises `CiprovError`."""
        self._thread.start()
        if not self._server.ready.wait(_START_S) or self._failure is not None:
            reason = f": {self._failure}" if self._failure is not None else ""
            raise CiprovError(
                f"the service cannot answer requests{reason}", way_out="see that this machine has memory and threads"
            ) from self._failure

    def leave(self) -> None:
        """Take no more requests; what is being answered is still answered."""
        self._server.should_exit = True

    def join(self) -> None:
        """Wait until it left, 5 s at most."""
        if self._thread.ident is not None:
            self._thread.join(_GRACE_S + 3)

    def _run(self) -> None:
        try:
            asyncio.run(self._server.serve(sockets=[self._listener]))
        except BaseException as error:  # told by `start`, or nobody waits any more
            self._failure = error
        finally:
            self._server.ready.set()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.ready.set()
