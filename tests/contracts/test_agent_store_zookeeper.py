"""What agent services keep, in ZooKeeper, against the contract of all stores, on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from agent_store_cases import AgentStoreContract, agent, leading, numbered
from kazoo.client import KazooClient
from zookeeper_server import ADDRESS, need_server, place_of_its_own

from ciprov.domain.agents import Key
from ciprov.store.errors import StoreError
from ciprov.store.zookeeper.connection import Address
from ciprov.store.zookeeper.store import ZookeeperStore

LOCK = "locks/agents%2Fstaging%2Fci"
SERVICE = "agents/staging/ci"


def open_zookeeper(place: str, lease_seconds: float) -> ZookeeperStore:
    hosts, _, root = place.partition("/")
    return ZookeeperStore(Address((hosts,), f"/{root}"), lease_seconds=lease_seconds)


class TestZookeeperAgents(AgentStoreContract):
    open_store = staticmethod(open_zookeeper)

    @pytest.fixture(autouse=True)
    def client(self) -> Iterator[KazooClient]:
        """Somebody else with a hand in the same ZooKeeper."""
        need_server()
        client = KazooClient(hosts=ADDRESS)
        client.start()
        self.hand = client
        yield client
        client.stop()
        client.close()

    @pytest.fixture
    def place(self, client: KazooClient) -> Iterator[str]:
        with place_of_its_own() as url:
            yield url.removeprefix("zk://")

    def path(self, place: str, below: str) -> str:
        return f"/{place.partition('/')[2]}/{below}"

    def take_the_lock_away(self, place: str) -> None:
        (node,) = self.hand.get_children(self.path(place, LOCK))
        self.hand.delete(self.path(place, f"{LOCK}/{node}"))

    def overwrite(self, place: str, key: Key, text: str) -> None:
        self.hand.set(self.path(place, f"{SERVICE}/{key.kind}:{key.id}"), text.encode())

    def follow(self, place: str, way_out: str) -> None:
        self.hand.delete(way_out.rpartition("zkCli.sh delete ")[2])

    def test_a_write_that_is_too_large_for_one_transaction_is_several(self, store: Any, place: str) -> None:
        documents = {agent(number): {"large": "x" * 90_000} for number in range(30)}
        with leading(store) as (agents, _):
            agents.write(documents)
            before = self.hand.get(self.path(place, SERVICE))[1].version
            agents.write({}, documents)
            assert self.hand.get(self.path(place, SERVICE))[1].version == before + 1
            assert agents.load() == {}
            agents.write(documents)
        assert self.kept(place) == documents

    def test_a_document_that_is_too_large_is_refused_with_its_size_and_nothing_is_written(
        self, store: Any, place: str
    ) -> None:
        with leading(store) as (agents, _):
            with pytest.raises(
                StoreError, match=r"(?s)agent ci-linux-1 of .* too large for ZooKeeper: 1,\d+,\d+ bytes"
            ):
                agents.write({agent(0): {}, agent(1): {"x": "x" * 1_100_000}})
            agents.write({agent(2): {"x": "x" * 900_000}})
        assert list(self.kept(place)) == [agent(2)]

    def test_nodes_that_somebody_removed_or_made_do_not_keep_it_from_writing(self, store: Any, place: str) -> None:
        with leading(store) as (agents, _):
            agents.write(numbered(5))
            self.hand.delete(self.path(place, f"{SERVICE}/agent:ci-linux-1"))
            self.hand.create(self.path(place, f"{SERVICE}/agent:ci-linux-7"), b"{}")
            agents.write({agent(1): {}, agent(7): {"ours": 1}})
            self.hand.delete(self.path(place, f"{SERVICE}/agent:ci-linux-2"))
            agents.write({}, [agent(2)])
            self.hand.set(self.path(place, SERVICE), b"")
            agents.write({}, [agent(0), agent(3), agent(4)])
            assert agents.load() == {agent(1): {}, agent(7): {"ours": 1}}
            self.hand.delete(self.path(place, SERVICE), recursive=True)
            agents.write({agent(8): {}})
        assert self.kept(place) == {agent(8): {}}

    def test_a_node_that_is_none_of_ours_is_named(self, store: Any, place: str) -> None:
        self.hand.create(self.path(place, f"{SERVICE}/stray"), makepath=True)
        with leading(store) as (agents, _), pytest.raises(StoreError, match=r"(?s)stray is no node of ciprov.*remove"):
            agents.load()
