"""The ZooKeeper store against the contract of all stores, on a real server."""

from __future__ import annotations

import json
import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError
from store_cases import StoreContract, entry, hold_until_killed, ignore, processes, record
from store_dead_lock_cases import DeadLockContract
from store_history_cases import HistoryContract
from zookeeper_server import ADDRESS, need_server

from ciprov.domain.environment import LockHeld
from ciprov.store.errors import StoreError
from ciprov.store.zookeeper.connection import Address
from ciprov.store.zookeeper.history import HISTORY_KEPT, HISTORY_OF_CLUSTER_KEPT, LOOKED_OVER_EVERY
from ciprov.store.zookeeper.store import ZookeeperStore


def open_zookeeper(place: str, lease_seconds: float) -> ZookeeperStore:
    hosts, _, root = place.partition("/")
    return ZookeeperStore(Address((hosts,), f"/{root}"), lease_seconds=lease_seconds)


@pytest.fixture
def client() -> Iterator[KazooClient]:
    """Somebody else with a hand in the same ZooKeeper."""
    need_server()
    client = KazooClient(hosts=ADDRESS)
    client.start()
    yield client
    client.stop()
    client.close()


@pytest.fixture
def place(client: KazooClient) -> Iterator[str]:
    root = f"/ciprov-test-{uuid.uuid4().hex}"
    yield f"{ADDRESS}{root}"
    with suppress(NoNodeError):
        client.delete(root, recursive=True)


def root_of(place: str) -> str:
    return "/" + place.partition("/")[2]


def all_at_once(client: KazooClient, call: Callable[[str], Any], paths: Sequence[str]) -> None:
    for answer in [call(path) for path in paths]:
        answer.get(timeout=60)


class TestZookeeperStore(StoreContract, HistoryContract, DeadLockContract):
    open_store = staticmethod(open_zookeeper)

    def test_revisions_are_of_the_cluster_and_only_grow(self, store: Any) -> None:
        revisions = [store.save(record(name)).revision for name in ("a", "b", "c")]
        assert revisions == sorted(set(revisions))

    def test_a_large_blueprint_is_compressed_and_read_back(self, store: Any, client: Any, place: str) -> None:
        source = "blueprint: big\n" + "# a line that repeats itself\n" * 100_000
        saved = store.save(record(blueprint_source=source))
        assert store.get("staging", "feature-x") == saved
        data, _ = client.get(f"{root_of(place)}/environments/staging/feature-x")
        assert len(data) < 100_000

    def test_a_record_that_is_too_large_is_refused_with_its_size(self, store: Any) -> None:
        with pytest.raises(StoreError, match=r"(?s)feature-x .* too large for ZooKeeper: 1,\d+,\d+ bytes"):
            store.save(record(failure="x" * 1_100_000))
        assert store.get("staging", "feature-x") is None

    def test_a_newer_record_is_refused_and_left_alone(self, store: Any, client: Any, place: str) -> None:
        first = store.save(record())
        path = f"{root_of(place)}/environments/staging/feature-x"
        newer = {**json.loads(client.get(path)[0]), "schema": 99}
        client.set(path, json.dumps(newer).encode())
        with pytest.raises(StoreError, match=r"(?s)feature-x on cluster staging.*newer ciprov.*version 99"):
            store.get("staging", "feature-x")
        with pytest.raises(StoreError, match="newer ciprov"):
            store.save(first)
        assert json.loads(client.get(path)[0]) == newer

    def test_a_record_without_a_version_is_of_the_first(self, store: Any, client: Any, place: str) -> None:
        saved = store.save(record())
        path = f"{root_of(place)}/environments/staging/feature-x"
        old = json.loads(client.get(path)[0])
        del old["schema"]
        client.set(path, json.dumps(old).encode())
        assert store.get("staging", "feature-x") == saved

    def test_a_damaged_record_names_the_environment(self, store: Any, client: Any, place: str) -> None:
        store.save(record())
        client.set(f"{root_of(place)}/environments/staging/feature-x", b"dear diary")
        with pytest.raises(StoreError, match="feature-x on cluster staging cannot be read"):
            store.list("staging")

    def test_history_does_not_grow_for_ever(self, store: Any) -> None:
        ids = [store.begin(entry()) for _ in range(HISTORY_KEPT + 5)]
        kept = store.history("staging", "feature-x", limit=10_000)
        assert [found.id for found in kept] == list(reversed(ids[-HISTORY_KEPT:]))

    def test_the_history_of_names_that_come_and_go_does_not_grow_for_ever(
        self, store: Any, client: Any, place: str
    ) -> None:
        first = store.begin(entry(name="first"))
        of_cluster = f"{root_of(place)}/history/staging"
        data, _ = client.get(f"{of_cluster}/first/{first:010d}")
        newer = [f"{of_cluster}/newer/{1_000_000_000 + number}" for number in range(HISTORY_OF_CLUSTER_KEPT)]
        client.create(f"{of_cluster}/newer")
        all_at_once(client, lambda path: client.create_async(path, data), newer)
        while store.begin(entry()) % LOOKED_OVER_EVERY:
            pass
        assert len(store.operations("staging", limit=2 * HISTORY_OF_CLUSTER_KEPT)) == HISTORY_OF_CLUSTER_KEPT
        assert client.get_children(of_cluster) == ["newer"]
        store.end(first, "ready", entry().at)
        store.begin(entry())
        assert sorted(client.get_children(of_cluster)) == ["feature-x", "newer"]
        all_at_once(client, client.delete_async, newer)

    def test_another_process_may_end_an_entry(self, store: Any, place: str) -> None:
        begun = store.begin(entry())
        open_zookeeper(place, 30.0).end(begun, "ok", entry().at)
        assert store.history("staging", "feature-x")[0].outcome == "ok"

    def test_nothing_is_left_of_a_lock(self, store: Any, client: Any, place: str) -> None:
        with store.lock("env/staging/x", "me", wait_seconds=0, on_wait=ignore):
            assert client.get_children(f"{root_of(place)}/locks") == ["env%2Fstaging%2Fx"]
        assert client.get_children(f"{root_of(place)}/locks") == []

    def test_a_holder_killed_on_another_machine_holds_until_its_session_ends(
        self, store: Any, client: Any, place: str
    ) -> None:
        ready = processes.Event()
        victim = processes.Process(target=hold_elsewhere_until_killed, args=(open_zookeeper, place, ready))
        victim.start()
        assert ready.wait(20)
        queue = f"{root_of(place)}/locks/k"
        (node,) = client.get_children(queue)
        elsewhere = {**json.loads(client.get(f"{queue}/{node}")[0]), "host": "another machine"}
        client.set(f"{queue}/{node}", json.dumps(elsewhere).encode())
        os.kill(victim.pid, signal.SIGKILL)
        victim.join()
        started = time.monotonic()
        with store.lock("k", "me", wait_seconds=10, on_wait=ignore):
            assert 0.5 < time.monotonic() - started < 8

    def test_whoever_lost_the_session_writes_nothing_more(self, store: Any, client: Any, place: str) -> None:
        saved = store.save(record())
        with store.lock("k", "me", wait_seconds=0, on_wait=ignore) as check:
            check()
            (node,) = client.get_children(f"{root_of(place)}/locks/k")
            client.delete(f"{root_of(place)}/locks/k/{node}")  # as the server does when a session ends
            for write in (
                lambda: store.save(replace(saved, owner="too late")),
                lambda: store.delete("staging", "feature-x"),
                lambda: store.save(record("another")),
            ):
                with pytest.raises(LockHeld):
                    write()
            with pytest.raises(LockHeld):
                check()
        assert store.list("staging") == [saved]

    def test_digest_credentials_keep_others_out(self, client: Any, place: str) -> None:
        hosts, _, root = place.partition("/")
        ours = ZookeeperStore(Address((hosts,), f"/{root}/private", "ann", "s3cret"))
        saved = ours.save(record())
        with ours.lock("k", "me", wait_seconds=0, on_wait=ignore):
            for address in (
                Address((hosts,), f"/{root}/private"),
                Address((hosts,), f"/{root}/private", "ann", "wrong"),
            ):
                theirs = ZookeeperStore(address)
                with pytest.raises(StoreError, match="does not let") as refusal:
                    theirs.get("staging", "feature-x")
                with pytest.raises(StoreError, match="does not let"):
                    theirs.save(saved)
                assert "wrong" not in str(refusal.value)
        assert ours.get("staging", "feature-x") == saved
        assert "s3cret" not in f"{ours.place} {Address(('h',), '/c', 'ann', 's3cret')!r}"
        cleaner = KazooClient(hosts=hosts, auth_data=[("digest", "ann:s3cret")])
        cleaner.start()
        cleaner.delete(f"/{root}", recursive=True)
        cleaner.stop()


def hold_elsewhere_until_killed(open_store: Any, place: str, ready: Any) -> None:
    hold_until_killed(lambda where, _: open_store(where, 1.5), place, ready)


def test_an_empty_queue_is_what_is_left_of_a_lock(client: KazooClient, place: str) -> None:
    store = open_zookeeper(place, 30.0)
    client.ensure_path(f"{root_of(place)}/locks/env%2Fc%2Fx")
    assert [(one.key, one.why) for one in store.dead_locks()] == [("env/c/x", "an empty queue")]
    assert store.drop_dead_lock("env/c/x")
    assert store.dead_locks() == []
    store.close()


def test_a_cluster_with_records_has_one_name(place):
    store = open_zookeeper(place, 10.0)
    assert store.other_name("the cluster", "staging") == ""
    assert store.other_name("the cluster", "stage") == "", "no record hangs on the first name yet"
    store.save(record(cluster="stage"))
    assert store.other_name("the cluster", "staging") == "stage"
    assert store.other_name("the cluster", "stage") == ""
    assert store.other_name("another cluster", "staging") == ""
    store.close()
