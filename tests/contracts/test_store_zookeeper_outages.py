"""The ZooKeeper store while its server is away, frozen, or comes back: a server of the tests' own."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from store_cases import ignore, record
from zookeeper_server import JAR, Server, need

from ciprov.domain.environment import LockHeld, LockHolder
from ciprov.store.errors import StoreError
from ciprov.store.zookeeper.connection import Address
from ciprov.store.zookeeper.store import ZookeeperStore


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    need(JAR.exists(), "ZooKeeper is not installed")
    server = Server(tmp_path_factory.mktemp("zookeeper"))
    yield server
    server.thaw()
    server.stop()


@pytest.fixture
def server(own_server: Server) -> Server:
    """Up, whatever the test before left behind."""
    own_server.bring_back()
    return own_server


def store_of(server: Server, seconds: float) -> ZookeeperStore:
    return ZookeeperStore(Address((server.address,), "/c"), lease_seconds=seconds)


def test_a_short_freeze_stops_writing_but_loses_nothing(server: Server) -> None:
    store = store_of(server, 20.0)
    saved = store.save(record("frozen"))
    with store.lock("freeze", "me", wait_seconds=0, on_wait=ignore) as check:
        server.freeze()
        thaw = threading.Timer(3, server.thaw)
        thaw.start()
        time.sleep(1.2)  # by now the last proof is too old to be trusted
        started = time.monotonic()
        check()
        waited = time.monotonic() - started
        assert waited > 1, "wrote while nobody could say whether the lock was still held"
        assert store.save(replace(saved, owner="me")).revision > saved.revision
    store.close()


def test_a_restarted_server_keeps_records_and_locks_of_sessions_that_return_in_time(server: Server) -> None:
    store = store_of(server, 30.0)
    saved = store.save(record("kept"))
    with store.lock("restart", "me", wait_seconds=0, on_wait=ignore) as check:
        server.stop()
        server.start()
        check()
        assert store.get("staging", "kept") == saved
        store.save(replace(saved, owner="me"))
    store.close()


def test_a_server_that_accepts_and_says_nothing_does_not_cost_the_session(server: Server) -> None:
    store = store_of(server, 12.0)
    with store.lock("mute", "me", wait_seconds=0, on_wait=ignore) as check:
        server.stop()
        with socket.create_server(("127.0.0.1", server.port)) as mute:
            accepted, _ = mute.accept()
        server.start()
        with accepted:
            check()
    store.close()


def test_without_a_server_nothing_hangs_and_afterwards_all_works_again(server: Server) -> None:
    store = store_of(server, 6.0)
    saved = store.save(record("away"))
    with store.lock("away", "me", wait_seconds=0, on_wait=ignore) as check:
        server.stop()
        with timed(12), pytest.raises(StoreError, match=rf"{server.address}\) gave no answer for 10 s"):
            store.save(replace(saved, owner="me"))
        with timed(12), pytest.raises(LockHeld, match="our session with ZooKeeper was lost"):
            check()
    server.start()
    assert store.get("staging", "away") == saved
    with store.lock("away", "me again", wait_seconds=10, on_wait=ignore) as check:
        check()
    store.close()


def test_one_who_waits_is_told_once_and_gets_the_lock_in_order(server: Server) -> None:
    stores = [store_of(server, 10.0) for _ in range(4)]
    order: list[int] = []
    told: list[LockHolder] = []

    def wait_for_it(number: int) -> None:
        with stores[number].lock("line", f"number {number}", wait_seconds=30, on_wait=told.append):
            order.append(number)

    threads = [threading.Thread(target=wait_for_it, args=(number,)) for number in (1, 2, 3)]
    with stores[0].lock("line", "the first", wait_seconds=0, on_wait=ignore):
        for count, thread in enumerate(threads, 1):
            thread.start()
            while len(told) < count:
                time.sleep(0.01)
    for thread in threads:
        thread.join(30)
    assert order == [1, 2, 3]
    assert {holder.description for holder in told} == {"the first"}
    assert len(told) == 3
    for store in stores:
        store.close()


def test_a_server_that_is_not_there_is_named_with_the_way_out() -> None:
    store = ZookeeperStore(Address(("127.0.0.1:1", "no-such-host.invalid:2181"), "/c"))
    with timed(14), pytest.raises(StoreError) as refusal:
        store.get("staging", "x")
    text = str(refusal.value)
    assert "127.0.0.1:1, no-such-host.invalid:2181" in text
    assert "no-such-host.invalid:2181: the name is not known" in text
    assert "CIPROV_STORE" in text


@contextmanager
def timed(seconds: float) -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds
