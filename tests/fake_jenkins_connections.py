"""How agents are connected to the fake Jenkins."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

if TYPE_CHECKING:
    from fake_jenkins import FakeJenkins


class AgentConnection:
    """An answer that stays open while the agent is connected: each line is a build for it."""

    def __init__(self, fake: FakeJenkins) -> None:
        self._controller = fake.controller

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope, receive)
        name = request.path_params["name"]
        node = self._controller.nodes.get(name)
        right = request.headers.get("X-Secret") == self._controller.secret(name)
        status = 400 if node is None else 403 if not right else 500 if node.send is not None else 200
        if node is None or status != 200:
            await Response(status_code=status)(scope, receive, send)
            return
        builds: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": b"{}\n", "more_body": True})
        self._controller.connect(node, builds.put_nowait)
        gone = asyncio.create_task(_gone(receive))
        try:
            while await _passed_on(builds, gone, send):
                pass
        finally:
            gone.cancel()
            self._controller.disconnected(node)


async def _passed_on(builds: asyncio.Queue[dict[str, Any] | None], gone: asyncio.Task[None], send: Any) -> bool:
    """Sends the next build; False once the agent is gone, or is to go."""
    next_one = asyncio.create_task(builds.get())
    await asyncio.wait({next_one, gone}, return_when=asyncio.FIRST_COMPLETED)
    build = next_one.result() if next_one.done() else None
    next_one.cancel()
    if build is None:
        if not gone.done():
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        return False
    await send({"type": "http.response.body", "body": json.dumps(build).encode() + b"\n", "more_body": True})
    return True


async def _gone(receive: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
