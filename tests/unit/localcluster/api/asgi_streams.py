"""Calls routes of the embedded cluster without a socket, where answers are streams and clients may hang up."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import Message


@dataclass
class Call:
    """One request. `pieces` of its body are sent one by one; `hung_up` is set to leave."""

    method: str
    url: str
    pieces: Sequence[bytes] = (b"",)
    headers: Mapping[str, str] = field(default_factory=dict)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    stuck: bool = False
    status: int = 0
    answer_headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    complete: bool = False
    _sent: int = 0

    async def receive(self) -> Message:
        if self._sent < len(self.pieces):
            self._sent += 1
            more = self._sent < len(self.pieces)
            return {"type": "http.request", "body": self.pieces[self._sent - 1], "more_body": more}
        await self.hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if self.stuck and message["type"] == "http.response.body":
            await asyncio.Event().wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.answer_headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message.get("body", b"")
            self.complete = not message.get("more_body", False)
        self.answered.set()

    async def has(self, part: bytes) -> None:
        """Until `part` has been answered."""
        while part not in self.body:
            self.answered.clear()
            await asyncio.wait_for(self.answered.wait(), 10)

    async def run(self, routes: Sequence[BaseRoute]) -> None:
        path, _, query = self.url.partition("?")
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": self.method,
            "scheme": "http",
            "path": path,
            "raw_path": quote(path).encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in self.headers.items()],
            "client": ("127.0.0.1", 5),
            "server": ("127.9.8.1", 8080),
        }
        await asyncio.wait_for(Starlette(routes=list(routes))(scope, self.receive, self.send), 20)


def call(routes: Sequence[BaseRoute], method: str, url: str, body: bytes = b"", **headers: str) -> Call:
    """A call that is answered at once."""

    async def main() -> Call:
        request = Call(method, url, (body,), {name.replace("_", "-"): value for name, value in headers.items()})
        await request.run(routes)
        return request

    return asyncio.run(main())
