"""Gives service ports a stable address: TCP on the cluster's own loopback address, round robin over what may serve.

Implements `Forwarder` of `engine/ports.py`. Connections that are open stay open when the targets change: only new
ones follow the new targets.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence

CONNECT_TIMEOUT_SECONDS = 5.0
RETRY_FIRST_SECONDS = 0.5
RETRY_AT_MOST_SECONDS = 30.0
_PIECE = 64 * 1024

Target = tuple[str, int]

logger = logging.getLogger(__name__)


def order(targets: Sequence[Target], turn: int) -> list[Target]:
    """The targets in the order to try them for the connection number `turn`."""
    start = turn % len(targets) if targets else 0
    return [*targets[start:], *targets[:start]]


def retry_pause(failures: int) -> float:
    """Seconds until a port that could not be bound is tried again, after so many failures."""
    return float(min(RETRY_FIRST_SECONDS * 2 ** min(failures - 1, 16), RETRY_AT_MOST_SECONDS))


class _Listener:
    """One service port. `problem` says why it is not bound, empty while it is."""

    def __init__(self, address: str, port: int) -> None:
        self.address = address
        self.port = port
        self.targets: Sequence[Target] = ()
        self.problem = ""
        self._turn = 0
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()
        # Never cancelled: that could lose a server which is bound already. It looks at `_closing` instead.
        self._binding = asyncio.get_running_loop().create_task(self._bind(), name=f"bind {port}")

    async def _bind(self) -> None:
        failures = 0
        while not self._closing.is_set():
            try:
                self._server = await asyncio.start_server(self._accepted, self.address, self.port, backlog=1024)
            except OSError as error:
                failures += 1
                self.problem = f"cannot listen on {self.address}:{self.port}: {error.strerror or error}"
                logger.log(logging.WARNING if failures == 1 else logging.DEBUG, "%s; trying again", self.problem)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._closing.wait(), retry_pause(failures))
                continue
            if self._closing.is_set():
                self._server.close()
            if self.problem:
                logger.info("now listening on %s:%d", self.address, self.port)
            self.problem = ""
            return

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._forward(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            target = await self._connect()
            if target is None:
                # Nobody serves: a reset tells clients more clearly than an orderly end would.
                writer.transport.abort()
                return
            await splice((reader, writer), target)
        except OSError:
            logger.debug("connection on service port %d broke off", self.port, exc_info=True)
        finally:
            writer.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """To the target whose turn it is, or the next one that accepts."""
        self._turn += 1
        for host, port in order(self.targets, self._turn):
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                    return await asyncio.open_connection(host, port)
            except (OSError, TimeoutError):
                logger.debug("service port %d: %s:%d does not accept", self.port, host, port)
        return None

    @property
    def listening(self) -> bool:
        return self._server is not None and self._server.is_serving()

    @property
    def busy(self) -> bool:
        return bool(self._connections)

    def stop_listening(self) -> None:
        """Accept no more; open connections go on."""
        self._closing.set()
        if self._server is not None:
            self._server.close()

    def cut(self) -> None:
        for task in self._connections:
            task.cancel()


async def splice(
    one: tuple[asyncio.StreamReader, asyncio.StreamWriter], other: tuple[asyncio.StreamReader, asyncio.StreamWriter]
) -> None:
    """Copy both ways until both directions have ended; the end of one direction is passed on by itself."""
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_copy(one[0], other[1]))
            group.create_task(_copy(other[0], one[1]))
    except* OSError:
        # One side reset the connection: the other must not get an orderly end, it would take a part for the whole.
        one[1].transport.abort()
        other[1].transport.abort()
    finally:
        one[1].close()
        other[1].close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(_PIECE):
        writer.write(piece)
        await writer.drain()
    with contextlib.suppress(OSError):
        if writer.can_write_eof():
            writer.write_eof()


class TcpForwarder:
    """All service ports of the cluster: at its own address, and at those from which containers reach this machine."""

    def __init__(self, address: str) -> None:
        self._addresses = [address]
        self._routes: Mapping[int, Sequence[Target]] = {}
        self._listeners: dict[tuple[str, int], _Listener] = {}
        self._retired: list[_Listener] = []

    def serve_also(self, address: str) -> None:
        """Serve at this address too, and no longer at one that was named before."""
        if self._addresses[1:] != [address]:
            self._addresses[1:] = [address]
            self.update(self._routes)

    def update(self, routes: Mapping[int, Sequence[Target]]) -> None:
        self._routes = routes
        wanted = {
            (address, port)
            for address in self._addresses
            for port, targets in routes.items()
            if (address, port) not in targets  # whoever listens there needs no forwarding
        }
        for key in self._listeners.keys() - wanted:
            listener = self._listeners.pop(key)
            listener.stop_listening()
            self._retired.append(listener)
        for address, port in sorted(wanted):
            if (address, port) not in self._listeners:
                self._listeners[address, port] = _Listener(address, port)
            self._listeners[address, port].targets = tuple(routes[port])
        self._retired = [listener for listener in self._retired if listener.busy]

    def listens(self, address: str, port: int) -> bool:
        """Whether it is this forwarder that has the port; it gives way to a task that is launched there."""
        listener = self._listeners.get((address, port))
        return listener is not None and listener.listening

    @property
    def problems(self) -> dict[int, str]:
        """Service port -> why it is not served at present."""
        return {key[1]: listener.problem for key, listener in self._listeners.items() if listener.problem}

    def close(self) -> None:
        """Free all ports and cut all connections."""
        for listener in [*self._listeners.values(), *self._retired]:
            listener.stop_listening()
            listener.cut()
        self._listeners.clear()
        self._retired.clear()
