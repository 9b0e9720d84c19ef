"""The guarded driver finds the leader in a real ZooKeeper, where the test enters masters as they would themselves."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from faulty_master import FaultyMaster, refuse_connections, subscribed_event
from kazoo.client import KazooClient
from kazoo.security import make_digest_acl
from mesos_session import Session
from tls_authority import Authority
from zookeeper_server import ADDRESS, JAR, Server, need, need_server

from ciprov.clients.mesos_scheduler.patience import Patience
from ciprov.domain.mesos_events import Disconnected, Loss, Stopped

QUICK = Patience(connect_s=1.0, subscribe_s=0.5, first_pause_s=0.05, longest_pause_s=0.3)


class Election:
    """Of masters: each has a node `json.info_…` with its `MasterInfo`."""

    def __init__(self, address: str) -> None:
        self.path = f"/ciprov-test-mesos-{uuid.uuid4().hex}"
        self.url = f"zk://{address}{self.path}"
        self.client = KazooClient(address)
        self.client.start(timeout=20)
        self.client.create(self.path)

    def enter(self, address: str, prefix: str = "json.info_") -> str:
        """The master's node."""
        host, _, port = address.rpartition(":")
        info = subscribed_event()["subscribed"]["master_info"]
        info["port"] = int(port)
        info["address"] = {"hostname": host, "ip": host, "port": int(port)}
        return self.write(json.dumps(info).encode(), prefix)

    def write(self, data: bytes, prefix: str = "json.info_") -> str:
        return str(self.client.create(f"{self.path}/{prefix}", data, sequence=True))

    def leave(self, node: str) -> None:
        self.client.delete(node)

    def end(self) -> None:
        self.client.delete(self.path, recursive=True)
        self.client.stop()
        self.client.close()


@pytest.fixture
def election() -> Iterator[Election]:
    need_server()
    running = Election(ADDRESS)
    yield running
    running.end()


def test_the_oldest_node_leads(election: Election) -> None:
    with FaultyMaster() as older, FaultyMaster() as newer:
        election.write(b"\x0a\x02old", "info_")
        election.client.create(f"{election.path}/log_replicas")
        election.enter(older.address)
        election.enter(newer.address)
        with Session(election.url, patience=QUICK).start() as session:
            assert session.subscribed().master == older.address
            older.call("RECONCILE")
        assert newer.connections == 0


def test_another_leader_is_followed_at_once(election: Election) -> None:
    with FaultyMaster() as first, FaultyMaster() as second:
        node = election.enter(first.address)
        election.enter(second.address)
        with Session(election.url, patience=QUICK).start() as session:
            session.subscribed()
            # The first has lost its session, and does not know: its connection to us still stands.
            election.leave(node)
            told = session.wait_for(Disconnected)
            assert (told.loss, told.was_subscribed) == (Loss.LEADER_CHANGED, True)
            again = session.subscribed()
            assert (again.master, again.again) == (second.address, True)


def test_without_a_leader_it_waits_and_goes_on_when_there_is_one(election: Election) -> None:
    patience = Patience(connect_s=0.3, first_pause_s=0.05, longest_pause_s=30.0)
    with FaultyMaster() as master, Session(election.url, patience=patience).start() as session:
        told = session.wait_for(Disconnected)
        assert told.loss is Loss.NO_LEADER
        assert "no master stands" in told.reason
        election.enter(master.address)
        assert session.subscribed(5).master == master.address


def test_while_nobody_leads_the_old_subscription_is_kept(election: Election) -> None:
    with FaultyMaster() as master, Session(election.url, patience=QUICK).start() as session:
        node = election.enter(master.address)
        session.subscribed()
        election.leave(node)
        # The master comes back with another node, as after a lost session of its own.
        election.enter(master.address)
        session.driver.kill("a-task")
        master.call("KILL")
        assert session.pending() == []


def test_a_leader_that_is_dead_and_the_next_one(election: Election) -> None:
    with FaultyMaster() as master:
        node = election.enter(refuse_connections())
        with Session(election.url, patience=QUICK).start() as session:
            assert session.wait_for(Disconnected).loss is Loss.UNREACHABLE
            election.enter(master.address)
            election.leave(node)
            assert session.subscribed().master == master.address


@pytest.mark.parametrize("data", [b"", b"no json", b"[]", b'{"address": {"port": 1}}', b'{"address": 7, "port": "x"}'])
def test_a_node_that_is_unreadable_is_told(election: Election, data: bytes) -> None:
    patience = Patience(connect_s=0.3, first_pause_s=0.05)
    with FaultyMaster() as master, Session(election.url, patience=patience).start() as session:
        node = election.write(data)
        session.wait_for(Disconnected, lambda event: "unreadable" in event.reason)
        election.enter(master.address)
        election.leave(node)
        session.subscribed()


def test_a_path_that_nobody_made(election: Election) -> None:
    patience = Patience(connect_s=0.3, first_pause_s=0.05)
    with Session(f"{election.url}/elsewhere", patience=patience).start() as session:
        session.wait_for(Disconnected, lambda event: "no master has entered the election" in event.reason)


def test_with_credentials_and_without(election: Election) -> None:
    guarded = [make_digest_acl("mesos", "secret", all=True)]
    election.client.add_auth("digest", "mesos:secret")
    host = election.url.removeprefix("zk://")
    patience = Patience(connect_s=0.3, first_pause_s=0.05)
    with FaultyMaster() as master:
        election.enter(master.address)
        election.client.set_acls(election.path, guarded)
        with Session(f"zk://{host}", patience=patience).start() as session:
            told = session.wait_for(Disconnected, lambda event: "may not be read" in event.reason)
            assert "secret" not in told.reason
        with Session(f"zk://mesos:secret@{host}", patience=QUICK).start() as session:
            session.subscribed()


def test_no_zookeeper_at_all_is_told_soon_and_without_a_busy_loop() -> None:
    patience = Patience(connect_s=0.2, first_pause_s=0.2, longest_pause_s=1.0)
    for servers in ("zk://127.0.0.1:1/mesos", "zk://no-such-host.invalid/mesos"):
        with Session(servers, patience=patience).start() as session:
            told = session.wait_for(Disconnected, seconds=3)
            assert told.loss is Loss.NO_LEADER
            assert "no ZooKeeper answers" in told.reason
            used = time.process_time()
            session.wait_for(Disconnected)
            assert time.process_time() - used < 0.3
            session.driver.stop()
            session.wait_for(Stopped, seconds=2)


def test_a_zookeeper_that_goes_away_and_comes_back_costs_no_subscription(tmp_path: Path) -> None:
    need(JAR.exists(), f"no ZooKeeper at {JAR}")
    server = Server(tmp_path)
    server.start()
    try:
        election = Election(server.address)
        with FaultyMaster() as first, FaultyMaster() as second:
            node = election.enter(first.address)
            with Session(election.url, patience=QUICK).start() as session:
                session.subscribed()
                server.stop()
                session.driver.kill("a-task")
                first.call("KILL")
                server.start()
                assert session.pending() == []
                election.client.retry(election.enter, second.address)
                election.client.retry(election.leave, node)
                assert session.subscribed(15).master == second.address
        election.end()
    finally:
        server.stop()


def test_leaders_that_speak_tls_are_asked_by_name(election: Election, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = authority.sign("leader", "DNS:localhost").context()
    with FaultyMaster(context=context) as master:
        info = {"address": {"hostname": "localhost", "ip": "127.0.0.1", "port": master.port}}
        election.write(json.dumps(info).encode())
        with Session(election.url, patience=QUICK, leader_tls=True, verify=authority.file).start() as session:
            assert session.subscribed().master == f"https://localhost:{master.port}"
