"""A small Jenkins over real HTTP, made after recorded answers of a real one.

In a test: `with FakeJenkins() as jenkins: … jenkins.url …`. As a process of its own, for as long as it is let:
`python tests/fake_jenkins.py --port 8080 [--prefix /jenkins] [--state FILE]`; with a file it knows its nodes, jobs and
queue again after it was killed. Agents are `fake_agent.py`, which it serves as `/jnlpJars/agent.jar`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from fake_jenkins_answers import Answers
from fake_jenkins_routes import routes
from fake_jenkins_state import Controller
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount

_MAINTENANCE_S = 0.05


@dataclass
class Rules:
    """`denied` are permissions that the user lacks, such as `Agent/Create`. `session` is new with each start.
    `outage` is a status and a text with which everything is answered while it is set; agents stay connected.
    """

    prefix: str = ""
    denied: set[str] = field(default_factory=set)
    session: str = "f50545a9"
    crumb: str = "c0ffee"
    outage: tuple[int, str] | None = None


class FakeJenkins:
    def __init__(self, prefix: str = "", port: int = 0, state: Path | None = None) -> None:
        self.rules = Rules(prefix.rstrip("/"), session=f"{int(time.time() * 1000) & 0xFFFFFFFF:08x}")
        self.controller = Controller(time.time)
        self._state = state
        if state is not None and state.exists():
            self.controller.restore(json.loads(state.read_text()))
        # Named as TCP, without which asyncio leaves answers to wait for acknowledgements, 40 ms each.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind(("127.0.0.1", port))
        self._socket.listen(512)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}{self.rules.prefix}"
        self.answers = Answers(self.controller, f"{self.url}/")
        app = Starlette(routes=[Mount(self.rules.prefix or "/", routes=routes(self))])
        self._server = uvicorn.Server(
            uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1)
        )
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.requests: list[str] = []
        """Method and path with query, of all requests so far."""

    def __enter__(self) -> FakeJenkins:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(10)

    def serve(self) -> None:
        """Until a signal ends it."""
        asyncio.run(self._serve())

    def seen(self, request: Request) -> None:
        query = f"?{request.url.query}" if request.url.query else ""
        self.requests.append(f"{request.method} {request.url.path}{query}")
        del self.requests[:-1000]

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        maintenance = asyncio.create_task(self._maintain())
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            maintenance.cancel()

    async def _maintain(self) -> None:
        written = ""
        while True:
            self.controller.maintain()
            written = self._write(written)
            await asyncio.sleep(_MAINTENANCE_S)

    def _write(self, before: str) -> str:
        if self._state is None:
            return ""
        text = json.dumps(self.controller.kept())
        if text != before:
            beside = self._state.with_suffix(".new")
            beside.write_text(text)
            beside.rename(self._state)
        return text

    def save(self) -> None:
        """Before an answer says that something was done."""
        self._write("")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--prefix", default="")
    parser.add_argument("--state", type=Path)
    given = parser.parse_args()
    jenkins = FakeJenkins(given.prefix, given.port, given.state)
    print(jenkins.url, flush=True)  # noqa: T201
    jenkins.serve()


if __name__ == "__main__":
    main()
