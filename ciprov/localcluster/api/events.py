"""`GET /v2/events`: the event bus as server-sent events."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from ciprov.localcluster.events import Event, EventBus, Subscription

KEEP_ALIVE_SECONDS = 10.0
LAST_WORDS_SECONDS = 0.2


def event_routes(bus: EventBus) -> list[Route]:
    def stream(request: Request) -> Response:
        accepted = request.headers.get("accept", "*/*")
        if not any(kind in accepted for kind in ("text/event-stream", "text/*", "*/*")):
            return JSONResponse({"message": "/v2/events only gives text/event-stream; name it in Accept"}, 406)
        reader = request.client.host if request.client else "unknown"
        return EventStream(bus, reader, request.query_params.getlist("event_type"))

    return [Route("/v2/events", stream, methods=["GET"])]


def frame(event: Event) -> bytes:
    """One event as Marathon frames it: carriage returns, no ids, and JSON that never holds a line break."""
    return f"event: {event.type}\r\ndata: {event.data}\r\n\r\n".encode()


class EventStream(Response):
    """An endless answer that ends when the reader goes, reads too slowly, or the bus is closed.

    Not a StreamingResponse: a reader that stops reading blocks `send`, and must neither hold up the daemon's end nor
    keep its subscription.
    """

    def __init__(self, bus: EventBus, reader: str, types: Collection[str]) -> None:
        super().__init__(media_type="text/event-stream", headers={"Cache-Control": "no-cache"})
        self._bus = bus
        self._reader = reader
        self._types = types

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        subscription = self._bus.subscribe(self._reader, self._types)
        headers = [header for header in self.raw_headers if header[0] != b"content-length"]
        pump = asyncio.create_task(self._pump(subscription, headers, send))
        gone = asyncio.create_task(_gone(receive))
        closed = asyncio.create_task(subscription.ended.wait())
        try:
            await asyncio.wait({pump, gone, closed}, return_when=asyncio.FIRST_COMPLETED)
            if closed.done() and not subscription.dropped:
                await asyncio.wait({pump}, timeout=LAST_WORDS_SECONDS)
        finally:
            for task in (pump, gone, closed):
                task.cancel()
            self._bus.unsubscribe(subscription)
            for task in (pump, gone, closed):
                with contextlib.suppress(asyncio.CancelledError, OSError):
                    await task

    async def _pump(self, subscription: Subscription, headers: list[tuple[bytes, bytes]], send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while True:
            events = await subscription.next(KEEP_ALIVE_SECONDS)
            if not events and subscription.closed:
                break
            await send(_piece(b"".join(frame(event) for event in events) or b"\r\n"))
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _piece(body: bytes) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": True}


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
