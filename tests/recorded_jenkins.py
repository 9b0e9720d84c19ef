"""A server that answers as it was told, each path in turn: recorded exchanges of a real Jenkins, and awkward ones."""

from __future__ import annotations

import re
import ssl
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

RECORDED = Path(__file__).parent / "cases" / "jenkins"
_OF_THE_WIRE = {"content-encoding", "transfer-encoding", "content-length", "server", "date"}


@dataclass(frozen=True)
class Answer:
    """`hang_up` ends the connection instead, after `delay` seconds."""

    status: int = 200
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    hang_up: bool = False


@dataclass(frozen=True)
class Heard:
    method: str
    path: str
    query: str
    body: str
    headers: dict[str, str]
    connection: int


def recorded(name: str) -> Answer:
    """A file of `tests/cases/jenkins`: request line, status, headers, empty line, body."""
    head, _, body = (RECORDED / f"{name}.http").read_text().partition("\n\n")
    _, status, *lines = head.splitlines()
    headers = dict(line.split(": ", 1) for line in lines)
    kept = {name: value for name, value in headers.items() if name.lower() not in _OF_THE_WIRE}
    return Answer(int(re.findall(r"\d{3}", status)[0]), body, kept)


def as_json(text: str, status: int = 200) -> Answer:
    return Answer(status, text, {"Content-Type": "application/json", "X-Jenkins": "2.462.3"})


class RecordedJenkins:
    """Answers with the list for method and path, the last one again and again; what is not known is a 404."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.heard: list[Heard] = []
        self._answers: dict[str, list[Answer]] = {}
        recorder = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

            def do_GET(self) -> None:
                with suppress(ConnectionError):  # a client that did not wait
                    recorder.answer(self)

            do_POST = do_GET

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def on(self, request: str, *answers: Answer) -> None:
        """`request` is method and path, as in `GET /queue/api/json`."""
        self._answers[request] = list(answers)

    def asked(self, request: str) -> list[Heard]:
        return [heard for heard in self.heard if f"{heard.method} {heard.path}" == request]

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path, _, query = handler.path.partition("?")
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0)).decode()
        headers, connection = dict(handler.headers.items()), handler.client_address[1]
        self.heard.append(Heard(handler.command, path, query, body, headers, connection))
        answers = self._answers.get(f"{handler.command} {path}", [Answer(404, "Not found")])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        time.sleep(answer.delay)
        if answer.hang_up:
            handler.close_connection = True
            return
        content = answer.body.encode()
        handler.send_response(answer.status)
        for name, value in {**answer.headers, "Content-Length": str(len(content))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    def __enter__(self) -> RecordedJenkins:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
