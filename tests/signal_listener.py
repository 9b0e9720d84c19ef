"""Stands where agents fetch their secrets and tell that they work, and keeps what they told."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Told:
    """`at` is the time of day in seconds when it had come in whole."""

    at: float
    path: str
    authorization: str
    content_type: str
    entries: list[str]


class SignalListener:
    """`statuses` are its first answers, one after the other; then it answers 204. Each takes it `pause_s`.

    `texts` are given by their paths, once.
    """

    def __init__(self, *statuses: int, pause_s: float = 0.0) -> None:
        self.told: list[Told] = []
        self.texts: dict[str, str] = {}
        listener = self
        answers = iter(statuses)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                entries = json.loads(body)["entries"]
                headers = self.headers
                listener.told.append(
                    Told(time.time(), self.path, headers["Authorization"], headers["Content-Type"], entries)
                )
                time.sleep(pause_s)
                self.send_response(next(answers, 204))
                self.end_headers()

            def do_GET(self) -> None:
                text = listener.texts.pop(self.path, None)
                self.send_response(404 if text is None else 200)
                self.end_headers()
                self.wfile.write((text or "").encode())

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> SignalListener:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def entries(self) -> list[list[str]]:
        """Of each request, in the order in which they came."""
        return [told.entries for told in self.told]
