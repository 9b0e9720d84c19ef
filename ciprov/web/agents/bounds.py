"""What one who asks may take: connections, time, bytes. Beyond that a connection is cut without a word."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

from uvicorn.protocols.http.h11_impl import H11Protocol


@dataclass(frozen=True, slots=True)
class Bounds:
    """`seconds` from a connection to its end, whatever goes on in it. `header_bytes` of a request before its body.

    `connections` at once, and of them `by_peer` from one address.
    """

    seconds: float
    connections: int
    by_peer: int
    header_bytes: int = 8192
    body_bytes: int = 65536


FOR_AGENTS = Bounds(seconds=15.0, connections=512, by_peer=256, body_bytes=16384)
FOR_OPERATORS = Bounds(seconds=60.0, connections=64, by_peer=64, body_bytes=262144)


def bounded(bounds: Bounds) -> type[H11Protocol]:
    """The protocol of a listener that keeps to `bounds`: the server itself waits for a request for ever."""
    connected: Counter[str] = Counter()

    class Bounded(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._peer = str(self.client[0]) if self.client else ""
            connected[self._peer] += 1
            self._end = self.loop.call_later(bounds.seconds, transport.abort)
            if connected[self._peer] > bounds.by_peer or connected.total() > bounds.connections:
                transport.abort()

        def connection_lost(self, exc: Exception | None) -> None:
            self._end.cancel()
            connected[self._peer] -= 1
            if not connected[self._peer]:
                del connected[self._peer]
            super().connection_lost(exc)

    return Bounded
