"""The event bus: filters, slow readers, and a clean end."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from ciprov.localcluster.events import PENDING_CHARACTERS, EventBus, Subscription

NOW = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)


def bus(limit: int = 100) -> EventBus:
    return EventBus(lambda: NOW, limit)


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await asyncio.wait_for(work(), 20)

    asyncio.run(main())


async def types(subscription: Subscription) -> list[str]:
    return [event.type for event in await subscription.next(0)]


def test_events_carry_their_type_and_time() -> None:
    async def work() -> None:
        events = bus()
        subscription = events.subscribe("me")
        events.publish("deployment_success", {"id": "1"})
        attached, success = await subscription.next(0)
        assert json.loads(attached.data) == {
            "eventType": "event_stream_attached",
            "timestamp": "2024-05-06T07:08:09.123Z",
            "remoteAddress": "me",
        }
        assert json.loads(success.data)["id"] == "1"

    run(work)


def test_only_what_was_asked_for() -> None:
    async def work() -> None:
        events = bus()
        some, everything = events.subscribe("some", ["a", "b"]), events.subscribe("all")
        for name in ("a", "x", "b"):
            events.publish(name, {})
        assert await types(some) == ["a", "b"]
        assert await types(everything) == ["event_stream_attached", "a", "x", "b"]

    run(work)


def test_who_leaves_is_told_of_and_hears_no_more() -> None:
    async def work() -> None:
        events = bus()
        one, other = events.subscribe("one"), events.subscribe("other")
        await types(other)
        events.unsubscribe(one)
        events.publish("a", {})
        assert await types(other) == ["event_stream_detached", "a"]
        assert "a" not in await types(one)

    run(work)


def test_a_slow_reader_is_dropped_with_a_line_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        events = bus(limit=5)
        slow, quick = events.subscribe("slow"), events.subscribe("quick")
        for _ in range(3):
            events.publish("a", {})
            await quick.next(0)
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                events.publish("a", {})
                assert len(await quick.next(0)) == 1
        assert slow.dropped
        assert slow.closed
        assert await slow.next(0) == ()
        assert not quick.closed
        assert [record.getMessage() for record in caplog.records] == [
            "event stream of slow is dropped: 5 events wait to be read"
        ]

    run(work)


def test_a_slow_reader_of_large_events_is_dropped_sooner() -> None:
    async def work() -> None:
        events = bus()
        slow, quick = events.subscribe("slow"), events.subscribe("quick")
        for _ in range(PENDING_CHARACTERS // 2**22 + 1):
            events.publish("a", {"text": "x" * 2**22})
            await quick.next(0)
        assert (slow.dropped, quick.dropped) == (True, False)

    run(work)


def test_one_event_of_any_size_is_delivered() -> None:
    async def work() -> None:
        events = bus()
        one = events.subscribe("one")
        await one.next(0)
        events.publish("a", {"text": "x" * PENDING_CHARACTERS})
        assert await types(one) == ["a"]

    run(work)


def test_without_subscribers_nothing_is_made_of_an_event() -> None:
    class Unprintable:
        def __str__(self) -> str:
            raise AssertionError

    bus().publish("a", {"field": Unprintable()})


def test_a_closed_bus_ends_all_streams_after_what_waits() -> None:
    async def work() -> None:
        events = bus()
        subscription = events.subscribe("me", ["a"])
        events.publish("a", {})
        events.close()
        assert await types(subscription) == ["a"]
        assert subscription.closed
        assert events.subscribe("late").closed

    run(work)
