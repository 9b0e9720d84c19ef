"""The guarded driver and masters that say nothing any more."""

from __future__ import annotations

import socket

import pytest
from faulty_master import (
    FRAMEWORK_ID,
    Peer,
    Script,
    recorded_event,
    well,
)
from mesos_driven import driven, in_turn
from mesos_session import Session

from ciprov.clients.mesos_scheduler.patience import Patience
from ciprov.domain.mesos_events import (
    Disconnected,
    Failure,
    Loss,
)


def test_missing_heartbeats_end_the_connection() -> None:
    patience = Patience(subscribe_s=1.0, first_pause_s=0.05, longest_pause_s=0.2, heartbeats_missed=2.0)
    with driven(in_turn(lambda peer: peer.subscribed(0.1), Peer.hold), well, patience=patience) as (master, session):
        assert session.subscribed().heartbeat_s == 0.1
        told = session.wait_for(Disconnected)
        assert (told.loss, told.was_subscribed) == (Loss.SILENT, True)
        assert session.subscribed().again
        assert master.subscribes[1].body["framework_id"] == {"value": FRAMEWORK_ID}


def test_heartbeats_keep_it() -> None:
    def beating(peer: Peer) -> None:
        peer.subscribed(0.1)
        for _ in range(8):
            peer.connection.settimeout(0.05)
            with pytest.raises(TimeoutError):
                peer.connection.recv(1)
            peer.event({"type": "HEARTBEAT"})
        peer.event(recorded_event("FAILURE"))
        peer.connection.settimeout(None)
        peer.hold()

    patience = Patience(first_pause_s=0.05, heartbeats_missed=3.0)
    with driven(beating, patience=patience) as (_, session):
        session.wait_for(Failure)
        assert not any(isinstance(event, Disconnected) for event in session.seen)


@pytest.mark.parametrize("script", [Peer.hold, in_turn(Peer.begin, Peer.hold)], ids=["no answer", "a head only"])
def test_who_never_answers_subscribe(script: Script) -> None:
    with driven(script, well) as (_, session):
        assert session.wait_for(Disconnected).loss is Loss.SILENT
        session.subscribed()


def test_bytes_that_never_make_an_event_are_no_sign_of_life() -> None:
    def dripping(peer: Peer) -> None:
        peer.subscribed(0.1)
        peer.raw(b"1000000\n")
        for _ in range(100):
            peer.connection.settimeout(0.05)
            try:
                if not peer.connection.recv(1):
                    return
            except TimeoutError:
                peer.raw(b" ")

    patience = Patience(first_pause_s=0.05, longest_pause_s=0.2, heartbeats_missed=2.0)
    with driven(dripping, well, patience=patience) as (_, session):
        assert session.wait_for(Disconnected, seconds=2).loss is Loss.SILENT
        session.subscribed()


def test_a_host_that_takes_no_connection() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:  # fill the backlog, so that further connections get no answer
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        patience = Patience(connect_s=0.3, first_pause_s=0.05)
        with Session(f"127.0.0.1:{full.getsockname()[1]}", patience=patience).start() as session:
            assert "does not answer in time" in session.wait_for(Disconnected, seconds=3).reason
        for one in waiting:
            one.close()
