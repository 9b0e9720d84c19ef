"""One HTTP request to the engine's socket whose answer may last for days: logs, waiting, commands in containers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import h11

_PIECE = 64 * 1024


class StreamFailed(Exception):
    """What came is not HTTP, or it broke off."""


class EngineStream:
    """An answer that is read as it comes. A hijacked connection can be written to as well."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT)
        self._raw = False
        self._early = b""
        self.status = 0

    async def request(self, method: str, path: str, body: Mapping[str, Any] | None, more: Mapping[str, str]) -> None:
        """`more` are headers."""
        content = json.dumps(body).encode() if body is not None else b""
        headers = [("Host", "docker"), ("Content-Type", "application/json"), ("Content-Length", str(len(content)))]
        headers += more.items()
        if body is not None:
            headers += [("Connection", "Upgrade"), ("Upgrade", "tcp")]
        try:
            self._writer.write(self._http.send(h11.Request(method=method, target=path, headers=headers)) or b"")
            self._writer.write(self._http.send(h11.Data(data=content)) or b"")
            self._writer.write(self._http.send(h11.EndOfMessage()) or b"")
            await self._writer.drain()
            event = await self._next()
        except h11.ProtocolError as error:
            raise StreamFailed(str(error)) from None
        if isinstance(event, h11.InformationalResponse):
            self._raw = True
            self._early = self._http.trailing_data[0]
        elif not isinstance(event, h11.Response):
            raise StreamFailed("the connection ended before an answer came")
        self.status = event.status_code

    async def read(self) -> bytes:
        """The next piece; empty at the end. Raises StreamFailed or OSError where it breaks off."""
        if self._early:
            early, self._early = self._early, b""
            return early
        if self._raw:
            return await self._reader.read(_PIECE)
        try:
            event = await self._next()
        except h11.ProtocolError as error:
            raise StreamFailed(str(error)) from None
        return bytes(event.data) if isinstance(event, h11.Data) else b""

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def write_eof(self) -> None:
        """The end of what is written; reading goes on."""
        if self._writer.can_write_eof():
            self._writer.write_eof()

    def close(self) -> None:
        self._writer.close()

    async def _next(self) -> Any:
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event
            self._http.receive_data(await self._reader.read(_PIECE))


async def open_stream(
    socket: str, method: str, path: str, body: Mapping[str, Any] | None, headers: Mapping[str, str]
) -> EngineStream:
    """With a body, the connection is asked to become a plain one in both directions.

    Raises OSError where nobody listens, StreamFailed where what answers is no engine.
    """
    reader, writer = await asyncio.open_unix_connection(socket)
    stream = EngineStream(reader, writer)
    try:
        await stream.request(method, path, body, headers)
    except BaseException:
        writer.close()
        raise
    return stream
