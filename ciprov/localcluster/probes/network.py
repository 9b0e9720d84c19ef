"""One HTTP(S) request or one TCP connection. Callers bound the time."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass

import h11

from ciprov.localcluster.probes.answers import HttpAnswer, ProbeFailed

READ_AT_MOST = 256 * 1024
_PIECE = 16 * 1024


@dataclass(frozen=True, slots=True)
class HttpTarget:
    host: str
    port: int
    path: str = "/"
    tls: bool = False


@functools.cache
def _unchecked_tls() -> ssl.SSLContext:
    """Marathon and Mesos check no certificate in health checks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@contextlib.asynccontextmanager
async def _connected(
    host: str, port: int, tls: bool
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    try:
        reader, writer = await asyncio.open_connection(host, port, ssl=_unchecked_tls() if tls else None)
    except ssl.SSLError as error:
        raise ProbeFailed(f"no TLS: {error.reason or error}") from None
    except OSError as error:
        raise ProbeFailed(describe(error)) from None
    try:
        yield reader, writer
    finally:
        writer.close()


def describe(error: OSError) -> str:
    """`Connection refused` and the like, without the numbers and addresses that Python adds."""
    if isinstance(error, ConnectionRefusedError):
        return "Connection refused"
    if isinstance(error, ConnectionResetError):
        return "Connection reset by peer"
    return error.strerror or str(error) or type(error).__name__


async def connect(host: str, port: int) -> None:
    """Raises ProbeFailed where nobody accepts."""
    async with _connected(host, port, tls=False):
        pass


async def get(target: HttpTarget, keep_bytes: int = 0) -> HttpAnswer:
    """Send a GET without following redirects, and read the whole answer so that the server is not cut off.

    Raises ProbeFailed where there is no connection or what comes is not HTTP.
    """
    async with _connected(target.host, target.port, target.tls) as (reader, writer):
        connection = h11.Connection(h11.CLIENT)
        headers = [
            ("Host", f"{target.host}:{target.port}"),
            ("User-Agent", "ciprov health check"),
            ("Accept", "*/*"),
            ("Connection", "close"),
        ]
        try:
            request = h11.Request(method="GET", target=target.path or "/", headers=headers)
            writer.write((connection.send(request) or b"") + (connection.send(h11.EndOfMessage()) or b""))
            return await _answer(connection, reader, keep_bytes)
        except h11.LocalProtocolError as error:
            raise ProbeFailed(f"path '{target.path}' cannot be requested: {error}") from None
        except h11.RemoteProtocolError as error:
            raise ProbeFailed(f"not a valid HTTP answer: {error}") from None
        except OSError as error:
            raise ProbeFailed(describe(error)) from None


async def _answer(connection: h11.Connection, reader: asyncio.StreamReader, keep_bytes: int) -> HttpAnswer:
    response: h11.Response | None = None
    body = bytearray()
    read = 0
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            if response is not None and read > READ_AT_MOST:
                break
            piece = await reader.read(_PIECE)
            if not piece and response is None:
                raise ProbeFailed("the connection was closed without an answer")
            read += len(piece)
            connection.receive_data(piece)
        elif isinstance(event, h11.Response):
            response = event
        elif isinstance(event, h11.Data):
            body += event.data[: max(0, keep_bytes - len(body))]
        elif event is h11.PAUSED or isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            break
    if response is None:
        raise ProbeFailed("the connection was closed without an answer")
    content_type = next((value for name, value in response.headers if name == b"content-type"), b"")
    return HttpAnswer(
        response.status_code, response.reason.decode("latin-1"), content_type.decode("latin-1"), bytes(body)
    )
