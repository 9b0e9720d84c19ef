"""A proxy before a real Marathon that fails as networks, balancers and elections do, by a plan given as data."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from faulty_events import UNDISTURBED, Disturbance, disturbed

EVENTS = "/v2/events"
_HOP_BY_HOP = frozenset({"connection", "transfer-encoding", "content-length", "keep-alive", "host", "authorization"})


class Kind(StrEnum):
    RESET_BEFORE = "reset before the request was sent on"
    RESET_AFTER = "reset after Marathon had answered"
    RESET_WITHIN = "reset in the middle of the answer"
    CUT = "half an answer without a length, ended in good order"
    SILENCE = "no word, and the request is not sent on"
    LATE = "sent on, and the answer comes late"
    ANSWER = "an answer of its own"


RESETS = (Kind.RESET_BEFORE, Kind.RESET_AFTER, Kind.RESET_WITHIN)


@dataclass(frozen=True)
class Fault:
    """Befalls the requests number `first` to `first + count - 1` of those with `method` and `path` within theirs.

    `seconds`: how long a delay or a silence is; of an `ANSWER` how long it is given, from its first time on, whatever
    the `count`. Streams of events are counted for themselves, by faults that name their path; they may be answered
    for, and what befalls their content is a `Disturbance`.
    """

    kind: Kind
    first: int = 1
    count: int = 1
    method: str = ""
    path: str = ""
    seconds: float = 0.0
    status: int = 503
    body: str = '{"message": "Could not find a leader"}'
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Heard:
    """A request as it came. `status` is Marathon's answer; 0 where it never reached it."""

    server: str
    method: str
    path: str
    body: Any
    status: int = 0
    answer: Any = None
    fault: Kind | None = None

    @property
    def is_write(self) -> bool:
        return self.method not in {"GET", "HEAD"}


class Log:
    """What all proxies of one Marathon heard, in order. `streams` are the servers that gave one of events."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.heard: list[Heard] = []
        self.streams: list[str] = []

    def add(self, heard: Heard) -> None:
        with self._lock:
            self.heard.append(heard)

    def stream(self, server: str) -> None:
        with self._lock:
            self.streams.append(server)

    @property
    def writes(self) -> list[Heard]:
        """Those that Marathon accepted."""
        return [one for one in self.heard if one.is_write and 200 <= one.status < 300]


@dataclass(frozen=True)
class Upstream:
    """The Marathon behind: where it is, and what it wants to see."""

    url: str
    authorization: str


@dataclass(frozen=True)
class Front:
    """How the proxy shows itself: below a path, with TLS, asking for credentials (the whole header)."""

    host: str = "127.0.0.1"
    prefix: str = ""
    tls: ssl.SSLContext | None = None
    wants: str = ""


class FaultyProxy:
    """Serves while entered. `plan`, `events` and `leader` may be changed at any time.

    With `leader` it answers 307 to there, as a server that does not lead.
    """

    def __init__(self, upstream: Upstream, log: Log | None = None, front: Front | None = None) -> None:
        self.upstream, self.log, self.front = upstream, log or Log(), front or Front()
        self.events: Disturbance = UNDISTURBED
        self.leader = ""
        self._lock = threading.Lock()
        self._plan: list[_Pending] = []
        self._open: set[socket.socket] = set()
        self._http = _Server((self.front.host, 0), self)
        scheme = "https" if self.front.tls else "http"
        self.url = f"{scheme}://{self.front.host}:{self._http.server_address[1]}{self.front.prefix}"

    @property
    def plan(self) -> Sequence[Fault]:
        return [one.fault for one in self._plan]

    @plan.setter
    def plan(self, faults: Sequence[Fault]) -> None:
        with self._lock:
            self._plan = [_Pending(fault) for fault in faults]

    def __enter__(self) -> FaultyProxy:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.die()

    def die(self) -> None:
        """Listens no more, and ends what is under way, streams of events too."""
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
        with self._lock:
            still_open, self._open = self._open, set()
        for one in still_open:
            reset(one)

    def cut_streams(self) -> None:
        """End all that is under way, as a balancer does that is loaded anew."""
        with self._lock:
            still_open = list(self._open)
        for one in still_open:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def fault_for(self, method: str, path: str) -> Fault | None:
        with self._lock:
            of_stream = path.startswith(EVENTS)
            plan = [one for one in self._plan if (EVENTS in one.fault.path) == of_stream]
            found = [one.fault for one in plan if one.befalls(method, path)]
        return found[0] if found else None

    @contextmanager
    def holding(self, one: socket.socket) -> Iterator[None]:
        with self._lock:
            self._open.add(one)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(one)


@dataclass
class _Pending:
    fault: Fault
    seen: int = 0
    since: float | None = None

    def befalls(self, method: str, path: str) -> bool:
        fault = self.fault
        if fault.method not in ("", method) or fault.path not in path:
            return False
        self.seen += 1
        if self.seen < fault.first:
            return False
        if fault.kind is Kind.ANSWER and fault.seconds:
            self.since = time.monotonic() if self.since is None else self.since
            return time.monotonic() - self.since < fault.seconds
        return self.seen < fault.first + fault.count


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], proxy: FaultyProxy) -> None:
        self.proxy = proxy
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Connections that break are what this is for."""

    def finish_request(self, request: Any, client_address: Any) -> None:
        with self.proxy.holding(request):
            if self.proxy.front.tls is not None:
                request.settimeout(10)
                request = self.proxy.front.tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
                try:
                    request.do_handshake()
                except ssl.SSLError:
                    time.sleep(0.3)  # for the client to read why
                    raise
                request.settimeout(None)
                with self.proxy.holding(request):
                    super().finish_request(request, client_address)
            else:
                super().finish_request(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: _Server

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        proxy = self.server.proxy
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = self.path.removeprefix(proxy.front.prefix)
        if not self.path.startswith(proxy.front.prefix + "/"):
            self._answer(404, b"<html>nothing here</html>", {"Content-Type": "text/html"})
        elif proxy.front.wants not in ("", self.headers.get("authorization", "")):
            self._answer(401, b'{"message": "Invalid username or password"}', {"Content-Type": "application/json"})
        elif path.startswith(EVENTS):
            self._stream(path)
        else:
            self._pass_on(path, body)

    do_PUT = do_POST = do_DELETE = do_PATCH = do_GET

    def _pass_on(self, path: str, body: bytes) -> None:
        proxy = self.server.proxy
        fault = proxy.fault_for(self.command, path)
        kind = fault.kind if fault else None
        status, headers, answer = 0, {}, b""
        if fault is None and proxy.leader:
            fault = redirect(proxy.leader + path)
        if kind is Kind.SILENCE and fault:
            time.sleep(fault.seconds)
        elif kind is not Kind.RESET_BEFORE and not (fault and fault.kind is Kind.ANSWER):
            status, headers, answer = self._ask(path, body)
        heard = Heard(proxy.url, self.command, path, _decoded(body), status, _decoded(answer), kind)
        proxy.log.add(heard)  # before the answer: who has that may look here
        match fault.kind if fault else None:
            case Kind.RESET_BEFORE | Kind.RESET_AFTER | Kind.SILENCE:
                self._reset()
            case Kind.RESET_WITHIN:
                self._answer(status, answer[: len(answer) // 2], headers | {"Content-Length": str(len(answer))})
                self._reset()
            case Kind.CUT:
                self._answer(status, answer[: len(answer) // 2], headers | {"Connection": "close"}, length=False)
                self.close_connection = True
            case Kind.ANSWER if fault:
                self._answer(fault.status, fault.body.encode(), {"Content-Type": "application/json", **fault.headers})
            case _:
                time.sleep(fault.seconds if fault else 0)
                self._answer(status, answer, headers)

    def _ask(self, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = self._connected()
        try:
            connection.request(self.command, path, body or None, self._headers())
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        headers = {name: value for name, value in response.getheaders() if name.lower() not in _HOP_BY_HOP}
        return response.status, headers, answer

    def _connected(self) -> http.client.HTTPConnection:
        where = urlsplit(self.server.proxy.upstream.url)
        return http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)

    def _headers(self) -> dict[str, str]:
        kept = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
        return kept | {"Authorization": self.server.proxy.upstream.authorization}

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str], *, length: bool = True) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if length and "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _stream(self, path: str) -> None:
        proxy = self.server.proxy
        fault = proxy.fault_for(self.command, path)
        if proxy.leader and fault is None:
            fault = redirect(proxy.leader + path)
        if fault is not None:
            self._answer(fault.status, fault.body.encode(), fault.headers)
            return
        connection = self._connected()
        try:
            connection.request("GET", path, None, self._headers())
            response = connection.getresponse()
            proxy.log.stream(proxy.url)
            self._answer(200, b"", {"Content-Type": "text/event-stream", "Connection": "close"}, length=False)
            self.close_connection = True
            with proxy.holding(response.fp.raw._sock):  # type: ignore[attr-defined]
                for piece in disturbed(iter(response.readline, b""), proxy.events, time.sleep):
                    self.wfile.write(piece)
                    self.wfile.flush()
        except (OSError, http.client.HTTPException, ValueError):
            self.close_connection = True
        finally:
            connection.close()

    def _reset(self) -> None:
        self.close_connection = True
        reset(self.connection)


def redirect(url: str) -> Fault:
    return Fault(Kind.ANSWER, status=307, body="", headers={"Location": url})


def reset(one: socket.socket) -> None:
    """RST instead of FIN."""
    with suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.shutdown(socket.SHUT_RD)
    with suppress(OSError):
        one.close()


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")
