"""A Mesos master of raw sockets that fails as real ones and their networks do; it speaks recorded RecordIO."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parent / "cases/mesos_scheduler"
STREAM_ID = "94b595fe-2e3c-47e8-a9f1-94645569617c"


def recorded_event(name: str) -> dict[str, Any]:
    """As a real master sent it."""
    event: dict[str, Any] = json.loads((RECORDED / "events" / f"{name}.json").read_text())
    return event


def subscribed_event(heartbeat_s: float = 15.0) -> dict[str, Any]:
    event = recorded_event("SUBSCRIBED")
    event["subscribed"]["heartbeat_interval_seconds"] = heartbeat_s
    return event


FRAMEWORK_ID: str = subscribed_event()["subscribed"]["framework_id"]["value"]


def record(event: dict[str, Any]) -> bytes:
    body = json.dumps(event).encode()
    return f"{len(body)}\n".encode() + body


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class Peer:
    """One connection of a client."""

    connection: socket.socket
    request: Request = field(default_factory=lambda: Request("", {}, {}))

    def answer(self, status: int, text: str = "", headers: Sequence[str] = ()) -> None:
        body = text.encode()
        head = "\r\n".join([f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", ""])
        self.connection.sendall(head.encode() + body)

    def begin(self) -> None:
        """The head of an event stream, as recorded."""
        head = ("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", f"Mesos-Stream-Id: {STREAM_ID}")
        self.connection.sendall("\r\n".join([*head, "Content-Type: application/json", "", ""]).encode())

    def raw(self, data: bytes) -> None:
        self.connection.sendall(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def event(self, event: dict[str, Any]) -> None:
        self.raw(record(event))

    def subscribed(self, heartbeat_s: float = 15.0) -> None:
        self.begin()
        self.event(subscribed_event(heartbeat_s))

    def error(self, message: str) -> None:
        self.event({"type": "ERROR", "error": {"message": message}})

    def hold(self) -> None:
        """Say nothing more, until the other side closes."""
        with suppress(OSError):
            while self.connection.recv(4096):
                pass

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


Script = Callable[[Peer], None]
"""What befalls one request; the connection is closed after one that subscribes."""


def well(peer: Peer) -> None:
    peer.subscribed()
    peer.hold()


def accepted(peer: Peer) -> None:
    peer.answer(202)


class FaultyMaster:
    """The n-th subscription is dealt with by the n-th of `subscriptions`, further ones by the last; the same with
    `calls`. `context`: with TLS.
    """

    def __init__(
        self,
        *subscriptions: Script,
        calls: Sequence[Script] = (accepted,),
        context: ssl.SSLContext | None = None,
        port: int = 0,
    ) -> None:
        self.subscribes: list[Request] = []
        self.calls: list[Request] = []
        self.connections = 0
        self.teardown_wanted = False
        """Whatever befalls a driver: unless a test asked for it, no master gets a TEARDOWN."""
        self._on_subscribe = subscriptions or (well,)
        self._on_call = calls
        self._context = context
        self._changed = threading.Condition()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = int(self._listener.getsockname()[1])
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> FaultyMaster:
        return self

    def __exit__(self, *_: object) -> None:
        self.die()
        assert self.teardown_wanted or "TEARDOWN" not in self.types()

    def die(self) -> None:
        """All connections end, and nobody listens any more."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._changed:
            connections = list(self._open)
        for connection in connections:
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def types(self) -> list[str]:
        """Of the calls that came, in order."""
        with self._changed:
            return [call.body["type"] for call in self.calls]

    def wait_for(self, holds: Callable[[FaultyMaster], bool], seconds: float = 5.0) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: holds(self), seconds), (len(self.subscribes), self.calls)

    def call(self, kind: str, seconds: float = 5.0) -> Request:
        """The first call of that type, when it is there."""
        self.wait_for(lambda master: kind in [call.body["type"] for call in master.calls], seconds)
        return next(call for call in self.calls if call.body["type"] == kind)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        connection = plain
        with suppress(OSError, ValueError):
            self.connections += 1
            if self._context is not None:
                connection = self._context.wrap_socket(plain, server_side=True)
            with self._changed:
                self._open.add(connection)
            while (request := _read(connection)) is not None and self._deal(Peer(connection, request)):
                pass
        with self._changed:
            self._open.discard(connection)
        connection.close()

    def _deal(self, peer: Peer) -> bool:
        """Whether the connection goes on."""
        subscribes = peer.request.body["type"] == "SUBSCRIBE"
        with self._changed:
            came = self.subscribes if subscribes else self.calls
            scripts = self._on_subscribe if subscribes else self._on_call
            script = scripts[min(len(came), len(scripts) - 1)]
            came.append(peer.request)
            self._changed.notify_all()
        script(peer)
        return not subscribes


def _read(connection: socket.socket) -> Request | None:
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return None
        data += more
        if not data.startswith(b"POST"[: len(data)]):
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            return None
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers["content-length"]):
        body += connection.recv(65536)
    return Request(first.split(" ")[1], headers, json.loads(body))


def refuse_connections() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"127.0.0.1:{listener.getsockname()[1]}"


def tries_within(master: FaultyMaster, seconds: float) -> tuple[int, float]:
    """How many connections came in that time, and how much CPU this process used meanwhile, in seconds."""
    began, used = master.connections, time.process_time()
    time.sleep(seconds)
    return master.connections - began, time.process_time() - used
