"""`POST /slave(k)/api/v1`: commands beside running tasks, as nested container sessions of a Mesos agent.

A session lives as long as the answer to its launch is being read: whoever hangs up ends it.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ciprov.localcluster.api.agents import agent_at, container_of, unknown_agent
from ciprov.localcluster.api.exec_calls import (
    BadCall,
    ContainerId,
    InputData,
    InputTo,
    InputWindow,
    Kill,
    Launch,
    Wait,
    parse,
    parse_input,
)
from ciprov.localcluster.api.port import Engine
from ciprov.localcluster.api.recordio import BadRecord, record, records
from ciprov.localcluster.api.sandbox_port import Sandboxes, Session

HEARTBEAT_SECONDS = 30.0
REMEMBERED = 1000
BODY_LIMIT = 1024 * 1024

logger = logging.getLogger(__name__)


class Sessions:
    """The sessions that run, by container id, and the exit status of the last ones that ended."""

    def __init__(self, sandboxes: Sandboxes) -> None:
        self._sandboxes = sandboxes
        self._starting: set[str] = set()
        self._running: dict[str, Session] = {}
        self._ended: OrderedDict[str, int] = OrderedDict()

    async def launch(self, call: Launch) -> Session:
        """Raises `BadCall` where the container is taken or the command cannot start, KeyError for an unknown task."""
        name = call.container.value
        if name in self._starting or name in self._running or name in self._ended:
            raise BadCall(f"Container '{name}' exists already: give each session an id of its own")
        task_id = self._task(call.container)
        self._starting.add(name)
        try:
            session = await self._sandboxes.start(task_id, call.argv, call.environment, tty=call.tty)
            self._running[name] = session
        except ValueError as error:
            raise BadCall(str(error)) from None
        finally:
            self._starting.discard(name)
        if call.window:
            session.resize(*call.window)
        logger.info("session %s started, task_id=%s", name, task_id)
        return session

    async def end(self, container: ContainerId) -> None:
        """End the session with all its processes and remember its exit status."""
        session = self._running[container.value]
        try:
            await session.close()
        finally:
            self._running.pop(container.value, None)
            self._ended[container.value] = session.exit_status or 0
            while len(self._ended) > REMEMBERED:
                self._ended.popitem(last=False)

    def running(self, container: ContainerId) -> Session | None:
        return self._running.get(container.value)

    def exit_status(self, container: ContainerId) -> int | None:
        return self._ended.get(container.value)

    async def close(self) -> None:
        """End all, for the daemon stops."""
        await asyncio.gather(*(session.close() for session in list(self._running.values())))

    def _task(self, container: ContainerId) -> str:
        for sandbox in self._sandboxes.all():
            if container_of(sandbox.task_id) == container.root:
                return sandbox.task_id
        raise KeyError(container.root)


def exec_routes(engine: Engine, sessions: Sessions) -> list[Route]:
    async def call(request: Request) -> Response:
        if agent_at(engine, request) is None:
            return unknown_agent(engine, request)
        kind = request.headers.get("content-type", "application/json").partition(";")[0].strip()
        try:
            if kind == "application/recordio":
                return await _attach_input(sessions, request)
            if kind != "application/json":
                return PlainTextResponse("Expecting 'Content-Type' of application/json or application/recordio\n", 415)
            return await _answer(sessions, request)
        except (BadCall, BadRecord) as error:
            return PlainTextResponse(f"{error}\n", 400)
        except ClientDisconnect:
            return Response(status_code=499)

    return [Route("/slave({agent:int})/api/v1", call, methods=["POST"])]


async def _answer(sessions: Sessions, request: Request) -> Response:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > BODY_LIMIT:
            raise BadCall(f"The call is longer than {BODY_LIMIT} bytes")
    match parse(body):
        case Launch() as launch:
            try:
                return SessionOutput(sessions, launch, await sessions.launch(launch))
            except KeyError:
                return _unknown(launch.container)
        case Wait(container, kind):
            session = sessions.running(container)
            if session is not None:
                await _either(session.wait(), _gone(request.receive))
            status = session.exit_status if session else sessions.exit_status(container)
            if status is None:
                return _unknown(container)
            return JSONResponse({"type": kind, kind.lower(): {"exit_status": status}})
        case Kill(container, number):
            session = sessions.running(container)
            if session is None:
                return _unknown(container) if sessions.exit_status(container) is None else Response()
            session.send_signal(number)
            return Response()


def _unknown(container: ContainerId) -> Response:
    name = f"{container.root}.{container.value}" if container.value else container.root
    return PlainTextResponse(f"Container {name} cannot be found\n", 404)


async def _attach_input(sessions: Sessions, request: Request) -> Response:
    session: Session | None = None
    pending = b""
    async for piece in request.stream():
        bodies, pending = records(pending, piece)
        for message in map(parse_input, bodies):
            match message:
                case InputTo(container):
                    session = sessions.running(container)
                    if session is None:
                        return _unknown(container)
                case _ if session is None:
                    raise BadCall("ATTACH_CONTAINER_INPUT begins with a message of type CONTAINER_ID")
                case InputData(data):
                    await session.write(data)
                case InputWindow(rows, columns):
                    session.resize(rows, columns)
    return Response()


class SessionOutput(Response):
    """The output of a session as it comes, as records of ProcessIO; the session ends with it."""

    def __init__(self, sessions: Sessions, launch: Launch, session: Session) -> None:
        super().__init__(headers={"Content-Type": "application/recordio", "Message-Content-Type": "application/json"})
        self._sessions = sessions
        self._container = launch.container
        self._session = session
        self._raw = [header for header in self.raw_headers if header[0] != b"content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        try:
            await _either(self._pump(send), _gone(receive))
        finally:
            await self._sessions.end(self._container)
            logger.info("session %s ended with status %s", self._container.value, self._session.exit_status)

    async def _pump(self, send: Send) -> None:
        sending = asyncio.Lock()

        async def tell(body: bytes, more: bool = True) -> None:
            async with sending:
                await send({"type": "http.response.body", "body": body, "more_body": more})

        await send({"type": "http.response.start", "status": 200, "headers": self._raw})
        heart = asyncio.create_task(_beat(tell))
        try:
            async for piece in self._session.output():
                data = {"type": piece.stream, "data": base64.b64encode(piece.data).decode()}
                await tell(record({"type": "DATA", "data": data}))
            # The stream ends only when the exit status is known, so that a client may ask for it at once.
            await self._session.wait()
        finally:
            heart.cancel()
        await tell(b"", more=False)


async def _beat(tell: Callable[[bytes], Awaitable[None]]) -> None:
    interval = {"nanoseconds": int(HEARTBEAT_SECONDS * 1e9)}
    message = record({"type": "CONTROL", "control": {"type": "HEARTBEAT", "heartbeat": {"interval": interval}}})
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)
        await tell(message)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _either(one: Coroutine[Any, Any, Any], other: Coroutine[Any, Any, Any]) -> None:
    """Until one of the two has ended; the other is cancelled. What `one` raised is raised."""
    tasks = [asyncio.create_task(one), asyncio.create_task(other)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    if not tasks[0].cancelled() and (error := tasks[0].exception()) and not isinstance(error, OSError):
        raise error
