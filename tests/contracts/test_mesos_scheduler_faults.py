"""The guarded driver against a master that fails: each of pymesos's dangers, with bounded waits."""

from __future__ import annotations

import time

import pytest
from faulty_master import (
    RECORDED,
    FaultyMaster,
    Peer,
    Script,
    recorded_event,
    refuse_connections,
    tries_within,
    well,
)
from mesos_driven import QUICK, answering, driven, in_turn
from mesos_session import Session

from ciprov.clients.mesos_scheduler.patience import Patience
from ciprov.domain.mesos_events import (
    Disconnected,
    End,
    Failure,
    Loss,
    MesosEvent,
    Offers,
    Rescinded,
    Stopped,
    Subscribed,
    Unreadable,
)

# What comes in.


def test_the_recorded_stream_of_a_real_master() -> None:
    data = (RECORDED / "subscribe_recordio.raw").read_bytes()
    # In pieces that respect neither records nor chunks of HTTP.
    pieces = [data[at : at + 97] for at in range(0, len(data), 97)]
    with driven(in_turn(Peer.begin, *(lambda peer, p=p: peer.raw(p) for p in pieces), Peer.hold)) as (_, session):  # type: ignore[misc]
        told = session.subscribed()
        assert (told.heartbeat_s, told.version, told.again) == (15.0, "1.11.0", False)
        offers = session.wait_for(Offers).offers
        assert {offer["hostname"] for offer in offers} == {"127.0.0.1", "127.0.0.2", "127.0.0.3"}
        assert [type(event) for event in session.seen] == [Subscribed, Offers]


def test_events_that_cannot_be_read_end_nothing() -> None:
    odd = (
        {"type": "UPDATE", "update": {"status": {}}},
        {"type": "OFFERS", "offers": {"offers": [None]}},
        {"type": "RESCIND", "rescind": {}},
        {"type": "SOMETHING_NEW", "something_new": {}},
        {"no": "type"},
        {"type": 7},
    )
    steps = [lambda peer, event=event: peer.event(event) for event in odd]  # type: ignore[misc]
    after = lambda peer: peer.event(recorded_event("FAILURE"))  # noqa: E731
    with driven(in_turn(Peer.subscribed, *steps, after, Peer.hold)) as (master, session):
        session.wait_for(Failure)
        assert len([event for event in session.seen if isinstance(event, Unreadable)]) >= 3
        assert len(master.subscribes) == 1


def test_a_queue_that_fails_ends_nothing() -> None:
    class Broken:
        def __init__(self) -> None:
            self.came: list[MesosEvent] = []

        def put(self, event: MesosEvent) -> None:
            self.came.append(event)
            raise RuntimeError("no room")

    broken = Broken()
    rescind = lambda peer: peer.event(recorded_event("RESCIND"))  # noqa: E731
    with FaultyMaster(in_turn(Peer.subscribed, rescind, Peer.hold)) as master:
        session = Session(master.address, patience=QUICK)
        session.events = broken  # type: ignore[assignment]
        with session.start():
            master.call("RECONCILE")
            session.driver.revive()
            master.call("REVIVE")
        assert [type(event) for event in broken.came] == [Subscribed, Rescinded, Stopped]
        assert len(master.subscribes) == 1


def test_what_is_no_recordio_ends_the_connection_and_is_tried_again() -> None:
    garbled = in_turn(Peer.subscribed, lambda peer: peer.raw(b"<html>a proxy's page</html>" * 3), Peer.hold)
    with driven(garbled, well) as (_, session):
        assert session.wait_for(Disconnected).loss is Loss.GARBLED
        assert session.subscribed().again


def test_an_answer_that_is_not_chunked_is_none() -> None:
    page = answering(200, "<html>Welcome</html>")
    with driven(page, well) as (_, session):
        assert session.wait_for(Disconnected).loss is Loss.GARBLED
        session.subscribed()


def test_a_json_that_is_none() -> None:
    cut = in_turn(Peer.subscribed, lambda peer: peer.raw(b"5\n{oops"), Peer.hold)
    with driven(cut, well) as (_, session):
        assert session.wait_for(Disconnected).loss is Loss.GARBLED
        session.subscribed()


@pytest.mark.parametrize(
    "wrong", [{"framework_id": {}}, {"framework_id": {"value": "F"}, "heartbeat_interval_seconds": "often"}, {}]
)
def test_a_subscription_that_cannot_be_read_is_none(wrong: dict[str, object]) -> None:
    def odd(peer: Peer) -> None:
        peer.begin()
        peer.event({"type": "SUBSCRIBED", "subscribed": wrong})
        while True:
            peer.event({"type": "HEARTBEAT"})
            time.sleep(0.02)

    with driven(odd, well) as (_, session):
        assert session.wait_for(Disconnected).loss is Loss.SILENT
        session.subscribed()


# Fatal errors.


@pytest.mark.parametrize(
    ("message", "end"),
    [
        ("Framework has been removed", End.REMOVED),
        ("Framework failed over", End.FAILED_OVER),
        ("Roles are invalid", End.ERROR),
    ],
)
def test_after_an_error_nothing_is_tried_again(message: str, end: End) -> None:
    with driven(in_turn(Peer.subscribed, lambda peer: peer.error(message))) as (master, session):
        assert session.wait_for(Stopped) == session.seen[-1]
        assert isinstance(session.seen[-1], Stopped)
        assert (session.seen[-1].end, session.seen[-1].reason) == (end, message)
        assert tries_within(master, 0.3)[0] == 0
        session.driver.kill("a-task")
        assert session.pending() == []
        assert len(master.subscribes) == 1


@pytest.mark.parametrize(("status", "told"), [(401, "credentials"), (403, "not allowed"), (400, "no such role")])
def test_a_refusal_is_told_and_tried_three_times(status: int, told: str) -> None:
    with driven(answering(status, "no such role")) as (master, session):
        stopped = session.wait_for(Stopped)
        assert stopped.end is End.REFUSED
        assert told in stopped.reason
        assert stopped.way_out
        assert [event.loss for event in session.seen if isinstance(event, Disconnected)] == [Loss.REFUSED] * 2
        assert len(master.subscribes) == 3


def test_the_text_of_a_refusal_that_comes_late_is_told() -> None:
    def late(peer: Peer) -> None:
        peer.connection.sendall(b"HTTP/1.1 403 X\r\nContent-Length: 9\r\n\r\n")
        peer.connection.sendall(b"not ")
        peer.connection.sendall(b"today")

    with driven(late) as (_, session):
        assert "not today" in session.wait_for(Stopped).reason


# Trying again, never in a busy loop.


@pytest.mark.parametrize("status", [500, 503, 404, 429])
def test_a_master_that_does_not_serve_is_asked_again_after_pauses(status: int) -> None:
    with driven(*[answering(status)] * 3, well) as (_, session):
        session.subscribed()
        losses = [event for event in session.seen if isinstance(event, Disconnected)]
        assert [event.loss for event in losses] == [Loss.UNAVAILABLE] * 3
        assert str(status) in losses[0].reason
        assert losses[0].retry_s < losses[2].retry_s


def _closed(_: Peer) -> None:
    pass


@pytest.mark.parametrize(
    "script",
    [
        answering(503),
        _closed,
        in_turn(Peer.subscribed, _closed),
        in_turn(Peer.subscribed, Peer.reset),
        in_turn(Peer.begin, _closed),
    ],
    ids=["503", "closed", "subscribed and closed", "subscribed and reset", "a head and closed"],
)
def test_no_busy_loop(script: Script) -> None:
    patience = Patience(connect_s=1.0, subscribe_s=1.0, first_pause_s=0.1, longest_pause_s=2.0)
    with driven(script, patience=patience) as (master, session):
        session.wait_for(Disconnected)
        tries, cpu = tries_within(master, 1.0)
        # Pauses of 0.05 to 0.1, then 0.1 to 0.2, 0.2 to 0.4 …; each connection may bring a RECONCILE on another.
        assert tries <= 2 * 5
        assert cpu < 0.5


def test_no_busy_loop_of_calls_that_fail() -> None:
    patience = Patience(first_pause_s=0.1, longest_pause_s=2.0)
    with driven(calls=(answering(503),), patience=patience) as (master, session):
        session.subscribed()
        session.driver.kill("a")
        session.driver.revive()
        master.call("REVIVE")
        before = len(master.calls)
        _, cpu = tries_within(master, 0.8)
        assert len(master.calls) - before <= 3 * 4
        assert cpu < 0.4


def test_idle_it_does_nothing() -> None:
    with driven() as (master, session):
        session.subscribed()
        master.call("RECONCILE")
        tries, cpu = tries_within(master, 0.5)
        assert tries == 0
        assert cpu < 0.1
        assert master.types() == ["RECONCILE"]


def test_masters_that_redirect_in_a_circle() -> None:
    patience = Patience(first_pause_s=0.2, longest_pause_s=1.0)
    with driven(
        lambda peer: peer.answer(307, "", (f"Location: //{peer.request.headers['host']}",)), patience=patience
    ) as (master, session):
        assert "does not lead" in session.wait_for(Disconnected).reason
        tries, _ = tries_within(master, 0.5)
        assert tries <= 4 * 3


@pytest.mark.parametrize(
    "location", ["", "Location: ftp://x/", "Location: //", "Location: //[::1", "Location: //x:99999"]
)
def test_a_redirect_to_nowhere(location: str) -> None:
    with driven(answering(307, "", *([location] if location else [])), well) as (_, session):
        assert session.wait_for(Disconnected).loss is Loss.UNAVAILABLE
        session.subscribed()


def test_a_redirect_to_a_leader_that_then_dies() -> None:
    with FaultyMaster() as leader, FaultyMaster() as next_leader:
        redirects = [answering(307, "", f"Location: //{one.address}/api/v1/scheduler") for one in (leader, next_leader)]
        with FaultyMaster(*redirects) as seed, Session(seed.address, patience=QUICK).start() as session:
            assert session.subscribed().master == leader.address
            leader.die()
            assert session.subscribed().master == next_leader.address
            assert len(seed.subscribes) == 2
            next_leader.call("RECONCILE")


def test_a_redirect_to_a_leader_that_is_dead_already() -> None:
    dead = refuse_connections()
    with driven(answering(307, "", f"Location: //{dead}"), well) as (seed, session):
        assert session.subscribed().master == seed.address


def test_of_several_masters_the_next_is_asked() -> None:
    with FaultyMaster() as master:
        servers = (refuse_connections(), "no-such-host.invalid:5050", f"http://{master.address}")
        with Session(*servers, patience=QUICK).start() as session:
            assert session.subscribed().master == master.address
            reasons = [event.reason for event in session.seen if isinstance(event, Disconnected)]
            assert "cannot be reached" in reasons[0]
            assert "'no-such-host.invalid' cannot be resolved" in reasons[1]


def test_a_name_that_does_not_resolve_is_told_and_tried_again() -> None:
    with Session("no-such-host.invalid", patience=QUICK).start() as session:
        told = session.wait_for(Disconnected)
        assert (told.loss, told.was_subscribed) == (Loss.UNREACHABLE, False)
        session.wait_for(Disconnected)
