"""A line to a server that can be cut for a while: agents lose their connections and get no other one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit


class CutLine:
    """`url` is that of the server by way of the line."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._server = parts.hostname or "", parts.port or 80
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._open: set[asyncio.StreamWriter] = set()
        self._listening: asyncio.Server | None = None
        self._port = 0
        self.join()
        self.url = f"http://127.0.0.1:{self._port}{parts.path}"

    def __enter__(self) -> CutLine:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def cut(self) -> None:
        self._do(self._cut())

    def join(self) -> None:
        self._do(self._join())

    def _do(self, what: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(10)

    async def _cut(self) -> None:
        if self._listening is not None:
            self._listening.close()
        for writer in list(self._open):
            writer.transport.abort()

    async def _join(self) -> None:
        self._listening = await asyncio.start_server(self._connected, "127.0.0.1", self._port)
        self._port = self._listening.sockets[0].getsockname()[1]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, onward = await asyncio.open_connection(*self._server)
        ends = {writer, onward}
        self._open |= ends
        await asyncio.gather(_passed(reader, onward), _passed(there, writer))
        self._open -= ends


async def _passed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    with suppress(OSError, RuntimeError):
        writer.close()
