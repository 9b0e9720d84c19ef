"""What agent services keep while their ZooKeeper is away, frozen, or comes back: a server of the tests' own."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from agent_store_cases import agent, leading, numbered
from zookeeper_server import JAR, Server, need

from ciprov.domain.environment import LockHeld
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


def next_one(server: Server, service: str) -> Any:
    store = store_of(server, 30.0)
    with leading(store, "the next one", service) as (agents, _):
        found = agents.load()
    store.close()
    return found


def test_a_server_that_restarts_costs_no_more_than_the_wait(server: Server) -> None:
    store = store_of(server, 30.0)
    with leading(store, service="restart") as (agents, _):
        agents.write(numbered(3))
        server.stop()
        start = threading.Timer(1.0, server.start)
        start.start()
        agents.write({agent(0): {"written": "during the restart"}})
        start.join()
        expected = {**numbered(3), agent(0): {"written": "during the restart"}}
        assert agents.load() == expected
    assert next_one(server, "restart") == expected
    store.close()


def test_what_was_done_after_its_write_was_given_up_is_taken_back(server: Server) -> None:
    store = store_of(server, 60.0)
    with leading(store, service="late") as (agents, _):
        agents.write({agent("kept"): {"old": 1}, agent("removed"): {"old": 2}})
        server.freeze()
        started = time.monotonic()
        with pytest.raises(StoreError, match="gave no answer"):
            agents.write({agent("kept"): {"new": 1}, agent("late"): {"new": 2}}, [agent("removed")])
        assert 5 < time.monotonic() - started < 12
        server.thaw()  # the server reads what was sent meanwhile, and does it
        end = time.monotonic() + 10
        while next_raw(server, "late") != {"agent:kept", "agent:late"}:
            assert time.monotonic() < end, "the test does not try what it should"
            time.sleep(0.05)
        agents.write({agent("next"): {}})
        expected = {agent("kept"): {"old": 1}, agent("removed"): {"old": 2}, agent("next"): {}}
        assert agents.load() == expected
    assert next_one(server, "late") == expected
    store.close()


def next_raw(server: Server, service: str) -> set[str]:
    store = store_of(server, 30.0)
    path = f"/c/agents/staging/{service}"
    found = store._connection.ask(lambda client: client.get_children_async(path))
    store.close()
    return {child.replace(":ci-linux-", ":") for child in found}


def test_a_session_that_ended_meanwhile_is_a_lead_that_is_lost(server: Server) -> None:
    store = store_of(server, 2.0)
    with leading(store, service="expired") as (agents, lead):
        agents.write(numbered(2))
        server.stop()
        with pytest.raises(StoreError, match=rf"{server.address}\) gave no answer"):
            agents.write({agent(0): {"too": "late"}})
        with pytest.raises(LockHeld):
            lead.check()
        server.start()
        with pytest.raises((LockHeld, StoreError)):
            agents.write({agent(0): {"too": "late"}})
        assert lead.wait(20)
        with pytest.raises(LockHeld, match="another may have led"):
            agents.write({agent(0): {"too": "late"}})
        # The first of them may have been done, while the session was alive again for a moment.
        assert agents.load() in (numbered(2), {**numbered(2), agent(0): {"too": "late"}})
        agents.write({agent(0): {"in": "time"}})
    assert next_one(server, "expired") == {**numbered(2), agent(0): {"in": "time"}}
    store.close()
