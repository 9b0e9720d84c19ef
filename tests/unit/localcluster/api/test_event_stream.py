"""`/v2/events`: framing, filters, clients that hang up or stop reading, and a clean end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from asgi_streams import Call, call

from ciprov.localcluster.api import events as stream
from ciprov.localcluster.api.events import event_routes
from ciprov.localcluster.events import EventBus

NOW = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)


def bus(limit: int = 100) -> EventBus:
    return EventBus(lambda: NOW, limit)


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await asyncio.wait_for(work(), 20)

    asyncio.run(main())


async def opened(events: EventBus, url: str = "/v2/events", **options: Any) -> tuple[Call, asyncio.Task[None]]:
    request = Call("GET", url, headers={"Accept": "text/event-stream"}, **options)
    task = asyncio.create_task(request.run(event_routes(events)))
    while not events._subscriptions:  # noqa: ASYNC110 - only the loop has to go on
        await asyncio.sleep(0)
    return request, task


def test_the_stream_is_framed_as_marathon_frames_it() -> None:
    async def work() -> None:
        events = bus()
        request, task = await opened(events, "/v2/events?event_type=a&event_type=b")
        events.publish("a", {"text": "line\nfeed"})
        events.publish("x", {})
        events.publish("b", {})
        events.close()
        await task
        assert request.status == 200
        assert request.answer_headers["content-type"] == "text/event-stream; charset=utf-8"
        assert "content-length" not in request.answer_headers
        assert request.body == (
            b'event: a\r\ndata: {"eventType":"a","timestamp":"2024-05-06T07:08:09.123Z","text":"line\\nfeed"}\r\n\r\n'
            b'event: b\r\ndata: {"eventType":"b","timestamp":"2024-05-06T07:08:09.123Z"}\r\n\r\n'
        )
        assert request.complete

    run(work)


def test_a_stream_begins_with_its_own_attachment() -> None:
    async def work() -> None:
        events = bus()
        request, task = await opened(events)
        await request.has(b'"remoteAddress":"127.0.0.1"')
        request.hung_up.set()
        await task
        assert request.body.startswith(b"event: event_stream_attached\r\n")

    run(work)


def test_a_client_that_hangs_up_is_forgotten() -> None:
    async def work() -> None:
        events = bus()
        witness = events.subscribe("witness", ["event_stream_detached"])
        request = Call("GET", "/v2/events")
        task = asyncio.create_task(request.run(event_routes(events)))
        await request.has(b"attached")
        request.hung_up.set()
        await task
        assert [event.type for event in await witness.next(0)] == ["event_stream_detached"]
        assert events._subscriptions == [witness]

    run(work)


def test_a_client_that_stops_reading_holds_up_neither_publishers_nor_the_end() -> None:
    async def work() -> None:
        events = bus(limit=10)
        request, task = await opened(events, stuck=True)
        for _ in range(50):
            events.publish("a", {})
            await asyncio.sleep(0)
        await task
        assert request.body == b""
        assert events._subscriptions == []

    run(work)


def test_the_end_of_the_daemon_does_not_wait_for_a_client_that_stopped_reading() -> None:
    async def work() -> None:
        events = bus()
        _, task = await opened(events, stuck=True)
        await asyncio.sleep(0)
        events.close()
        await task

    run(work)


def test_silence_is_filled_with_blank_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "KEEP_ALIVE_SECONDS", 0.0)

    async def work() -> None:
        events = bus()
        request, task = await opened(events, "/v2/events?event_type=never")
        await request.has(b"\r\n\r\n")
        events.close()
        await task
        assert set(request.body.split(b"\r\n")) == {b""}

    run(work)


def test_another_type_of_answer_is_refused() -> None:
    assert call(event_routes(bus()), "GET", "/v2/events", accept="application/json").status == 406
