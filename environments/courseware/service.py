"""The HTTP plumbing that the courseware services share: JSON in and out, on the address that Marathon gave.

Every service listens on $HOST:$PORT0 and ends cleanly on SIGTERM, so that its port is free for its successor.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, str, bytes]
Route = Callable[[dict[str, str], Any], Answer]


def as_json(status: int, value: object) -> Answer:
    return status, "application/json", json.dumps(value, sort_keys=True).encode()


def call(url: str, body: object = None, seconds: float = 5.0) -> Any:
    """GET `url`, or POST `body` to it as JSON; gives the decoded answer, or raises OSError saying which call failed."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=seconds) as response:
            return json.load(response)
    except (urllib.error.URLError, ValueError) as error:
        raise OSError(f"{request.get_method()} {url}: {error}") from error


def ready_once(check: Callable[[], object]) -> Route:
    """A health route: 503 until `check` has passed once, 200 from then on.

    A service that stayed unhealthy whenever one behind it is replaced would be killed along with it.
    """
    passed = threading.Event()

    def health(_query: dict[str, str], _body: Any) -> Answer:
        if not passed.is_set():
            check()
            passed.set()
        return as_json(200, {"ready": True})

    return health


def serve(name: str, routes: dict[tuple[str, str], Route]) -> None:
    """Answer `routes`, keyed by (method, path), until SIGTERM. A service behind that fails becomes a 503."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, method: str) -> None:
            parts = urlsplit(self.path)
            query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length)
            route = routes.get((method, parts.path))
            try:
                body = json.loads(raw) if raw else None
                status, kind, content = route(query, body) if route else as_json(404, {"error": f"no {parts.path}"})
            except OSError as error:
                status, kind, content = as_json(503, {"error": str(error)})
            except (KeyError, TypeError, ValueError) as error:
                status, kind, content = as_json(400, {"error": f"{type(error).__name__}: {error}"})
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self.answer("GET")

        def do_POST(self) -> None:
            self.answer("POST")

        def log_message(self, format: str, *args: object) -> None:
            if self.path != "/health":
                print(name, format % args, flush=True)

    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ["PORT0"])
    server = ThreadingHTTPServer((host, port), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"{name} listens on {host}:{port}", flush=True)
    server.serve_forever(poll_interval=0.05)
    server.server_close()
