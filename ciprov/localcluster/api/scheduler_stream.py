"""The stream of events to one scheduler, with its heartbeats."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from ciprov.localcluster.api.recordio import record
from ciprov.localcluster.definitions.errors import Unavailable
from ciprov.localcluster.master.membership import HEARTBEAT_SECONDS

STREAM_ID = "Mesos-Stream-Id"
MOST_WAITING_BYTES = 64 * 1024 * 1024
"""A scheduler that reads no more is cut off at this; it may come back and be told again."""
LAST_WORDS_SECONDS = 0.5

logger = logging.getLogger(__name__)


class SchedulerStream(Response):
    """Implements `master.state.Subscriber`. Ends when the reader goes, reads too slowly, or is told the end."""

    def __init__(self, endpoint: tuple[str, int]) -> None:
        self.stream_id = str(uuid.uuid4())
        self.endpoint = endpoint
        super().__init__(media_type="application/json", headers={STREAM_ID: self.stream_id})
        self._pending: list[bytes] = []
        self._size = 0
        self._stirred = asyncio.Event()
        self._over = asyncio.Event()
        self._overrun = False
        self._gone: Callable[[], None] = lambda: None

    def when_gone(self, gone: Callable[[], None]) -> None:
        """`gone` is called once, whatever ends the stream."""
        self._gone = gone

    def push(self, event: Mapping[str, Any]) -> None:
        if self._over.is_set():
            return
        content = record(event)
        self._pending.append(content)
        self._size += len(content)
        if self._size > MOST_WAITING_BYTES:
            logger.warning("a scheduler does not read its events: it is cut off")
            self._pending.clear()
            self._overrun = True
            self._over.set()
        self._stirred.set()

    def close(self) -> None:
        self._over.set()
        self._stirred.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        headers = [header for header in self.raw_headers if header[0] != b"content-length"]
        pump = asyncio.create_task(self._pump(headers, send))
        left = asyncio.create_task(_left(receive))
        over = asyncio.create_task(self._over.wait())
        tasks: tuple[asyncio.Task[Any], ...] = (pump, left, over)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if over.done() and not self._overrun:
                await asyncio.wait({pump}, timeout=LAST_WORDS_SECONDS)
        finally:
            self._over.set()
            for task in tasks:
                task.cancel()
            with contextlib.suppress(Unavailable):
                self._gone()
            for task in tasks:
                with contextlib.suppress(asyncio.CancelledError, OSError):
                    await task

    async def _pump(self, headers: list[tuple[bytes, bytes]], send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        loop = asyncio.get_running_loop()
        beat_at = loop.time() + HEARTBEAT_SECONDS
        while self._pending or not self._over.is_set():
            if not self._pending:
                self._stirred.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stirred.wait(), max(0.0, beat_at - loop.time()))
            if loop.time() >= beat_at:
                self.push({"type": "HEARTBEAT"})
                beat_at = loop.time() + HEARTBEAT_SECONDS
            pieces, self._pending, self._size = self._pending, [], 0
            if pieces:
                await send(_piece(b"".join(pieces)))
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _piece(body: bytes) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": True}


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
