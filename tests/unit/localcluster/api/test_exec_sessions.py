"""Sessions beside tasks over HTTP: output as it comes, exit status afterwards, an end when the client leaves."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from api_double import TreeEngine
from asgi_streams import Call, call
from sandboxes_double import Kept, ScriptedSession
from starlette.routing import Route

from ciprov.localcluster.api import exec as exec_api
from ciprov.localcluster.api.agents import container_of
from ciprov.localcluster.api.exec import Sessions, exec_routes
from ciprov.localcluster.api.recordio import record, records
from ciprov.localcluster.api.sandbox_port import Output, TaskSandbox
from ciprov.localcluster.model import Agent, Resources

URL = "/slave(1)/api/v1"
PARENT = {"value": container_of("t.1")}
SAID = (Output("STDOUT", b"one\n"), Output("STDERR", b"\xff"))


def world(session: ScriptedSession | None) -> tuple[Kept, Sessions, list[Route]]:
    engine = TreeEngine(agents=(Agent("agent-0", "h", Resources()),))
    kept = Kept(tasks=[TaskSandbox("t.1", Path("/tasks/t.1"), "TASK_RUNNING")], session=session)
    sessions = Sessions(kept)
    return kept, sessions, exec_routes(engine, sessions)


def body(kind: str, name: str = "s1", parent: Any = PARENT, **content: Any) -> bytes:
    return json.dumps(
        {"type": kind, kind.lower(): {"container_id": {"value": name, "parent": parent}, **content}}
    ).encode()


def launch(name: str = "s1", **content: Any) -> bytes:
    return body("LAUNCH_NESTED_CONTAINER_SESSION", name, **{"command": {"value": "ls"}, **content})


def post(content: bytes, **headers: str) -> Call:
    return Call("POST", URL, (content,), {name.replace("_", "-"): value for name, value in headers.items()})


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 20))


def messages(request: Call) -> list[Any]:
    found, rest = records(b"", request.body)
    assert rest == b""
    return [json.loads(each) for each in found]


def test_output_and_exit_status() -> None:
    async def work() -> None:
        session = ScriptedSession(SAID, status=768)
        kept, _, routes = world(session)
        request = post(launch(command={"value": "ls", "environment": {"variables": [{"name": "A", "value": "b"}]}}))
        await request.run(routes)
        assert request.status == 200
        assert request.answer_headers["content-type"] == "application/recordio"
        assert request.answer_headers["message-content-type"] == "application/json"
        assert request.complete
        assert [(each["type"], each["data"]["type"]) for each in messages(request)] == [
            ("DATA", "STDOUT"),
            ("DATA", "STDERR"),
        ]
        assert [base64.b64decode(each["data"]["data"]) for each in messages(request)] == [b"one\n", b"\xff"]
        assert kept.started == [("t.1", ("/bin/sh", "-c", "ls"), {"A": "b"}, False)]
        assert session.closed
        for kind in ("WAIT_NESTED_CONTAINER", "WAIT_CONTAINER"):
            wait = post(body(kind))
            await wait.run(routes)
            assert json.loads(wait.body) == {"type": kind, kind.lower(): {"exit_status": 768}}

    run(work)


def test_a_client_that_leaves_ends_the_session() -> None:
    async def work() -> None:
        session = ScriptedSession(SAID, endless=True)
        _, sessions, routes = world(session)
        request = post(launch())
        task = asyncio.create_task(request.run(routes))
        await request.has(b"STDERR")
        assert not session.closed
        request.hung_up.set()
        await task
        assert session.closed
        assert not sessions._running

    run(work)


def test_the_end_of_the_daemon_ends_all_sessions() -> None:
    async def work() -> None:
        session = ScriptedSession(SAID, endless=True)
        _, sessions, routes = world(session)
        request = post(launch())
        task = asyncio.create_task(request.run(routes))
        await request.has(b"STDERR")
        await sessions.close()
        await task
        assert session.closed
        assert request.complete

    run(work)


def test_waiting_for_one_that_runs() -> None:
    async def work() -> None:
        session = ScriptedSession(SAID, status=256, endless=True)
        _, _, routes = world(session)
        request, wait = post(launch()), post(body("WAIT_NESTED_CONTAINER"))
        launched = asyncio.create_task(request.run(routes))
        await request.has(b"STDERR")
        waited = asyncio.create_task(wait.run(routes))
        await asyncio.sleep(0)
        assert not wait.body
        session.finish()
        await asyncio.gather(launched, waited)
        assert json.loads(wait.body)["wait_nested_container"]["exit_status"] == 256

    run(work)


def test_signals_and_input() -> None:
    def process_io(**content: Any) -> bytes:
        attach = {"type": "PROCESS_IO", "process_io": content}
        return record({"type": "ATTACH_CONTAINER_INPUT", "attach_container_input": attach})

    async def work() -> None:
        session = ScriptedSession(SAID, endless=True)
        kept, _, routes = world(session)
        tty = {"tty_info": {"window_size": {"rows": 5, "columns": 6}}}
        request = post(launch(container=tty))
        task = asyncio.create_task(request.run(routes))
        await request.has(b"STDERR")
        assert kept.started[0][3]
        assert session.window == (5, 6)
        kill = post(body("KILL_NESTED_CONTAINER", signal=15))
        await kill.run(routes)
        assert (kill.status, session.signals) == (200, [15])

        who = {"type": "CONTAINER_ID", "container_id": {"value": "s1", "parent": PARENT}}
        hello = {"type": "STDIN", "data": base64.b64encode(b"hello").decode()}
        wider = {"tty_info": {"window_size": {"rows": 7, "columns": 8}}}
        stream = b"".join(
            [
                record({"type": "ATTACH_CONTAINER_INPUT", "attach_container_input": who}),
                process_io(type="DATA", data=hello),
                process_io(type="CONTROL", control=wider),
                process_io(type="DATA", data={"type": "STDIN", "data": ""}),
            ]
        )
        pieces = [stream[start : start + 7] for start in range(0, len(stream), 7)]
        attach = Call("POST", URL, pieces, {"Content-Type": "application/recordio"})
        await attach.run(routes)
        assert attach.status == 200
        assert session.written == [b"hello", b""]
        assert session.window == (7, 8)
        session.finish()
        await task

    run(work)


def test_silence_is_filled_with_heartbeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exec_api, "HEARTBEAT_SECONDS", 0.0)

    async def work() -> None:
        session = ScriptedSession(endless=True)
        _, _, routes = world(session)
        request = post(launch())
        task = asyncio.create_task(request.run(routes))
        await request.has(b'{"type":"CONTROL","control":{"type":"HEARTBEAT"')
        session.finish()
        await task

    run(work)


def test_a_container_id_is_used_once() -> None:
    async def work() -> None:
        _, _, routes = world(ScriptedSession())
        await post(launch()).run(routes)
        again = post(launch())
        await again.run(routes)
        assert (again.status, "exists already" in again.body.decode()) == (400, True)

    run(work)


@pytest.mark.parametrize(
    ("content", "status", "message"),
    [
        (b"{", 400, "Failed to parse body into JSON"),
        (b'{"type":"GET_FLAGS"}', 400, "Unknown call type 'GET_FLAGS'"),
        (launch(), 400, "Task 't.1' does not run"),
        (launch(parent={"value": "nobody"}), 404, "Container nobody.s1 cannot be found"),
        (body("WAIT_NESTED_CONTAINER"), 404, "cannot be found"),
        (body("KILL_NESTED_CONTAINER"), 404, "cannot be found"),
        (b'{"type": "' + b"x" * 2**21 + b'"}', 400, "longer than"),
    ],
)
def test_refusals(content: bytes, status: int, message: str) -> None:
    _, _, routes = world(None)
    answer = call(routes, "POST", URL, content)
    assert answer.status == status
    assert message in answer.body.decode()


def test_other_refusals() -> None:
    _, _, routes = world(None)
    assert call(routes, "POST", "/slave(9)/api/v1", launch()).status == 404
    assert call(routes, "POST", URL, launch(), content_type="application/x-protobuf").status == 415
    assert call(routes, "POST", URL, b"nonsense\n", content_type="application/recordio").status == 400
    first = {"type": "ATTACH_CONTAINER_INPUT", "attach_container_input": {"type": "PROCESS_IO", "process_io": {}}}
    answer = call(routes, "POST", URL, record(first), content_type="application/recordio")
    assert (answer.status, "begins with" in answer.body.decode()) == (400, True)


def test_a_container_id_is_used_once_even_by_two_at_the_same_time() -> None:
    class Slow(Kept):
        async def start(self, *arguments: Any, **options: Any) -> ScriptedSession:
            await asyncio.sleep(0)
            return await super().start(*arguments, **options)

    async def work() -> None:
        kept = Slow(tasks=[TaskSandbox("t.1", Path("/tasks/t.1"), "TASK_RUNNING")], session=ScriptedSession())
        routes = exec_routes(TreeEngine(agents=(Agent("agent-0", "h", Resources()),)), Sessions(kept))
        both = [post(launch()), post(launch())]
        await asyncio.gather(*(each.run(routes) for each in both))
        assert sorted(each.status or 0 for each in both) == [200, 400]
        assert len(kept.started) == 1

    run(work)
