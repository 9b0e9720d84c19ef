"""The guarded driver against a master that fails: each of pymesos's dangers, with bounded waits."""

from __future__ import annotations

import queue
import resource
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
from faulty_master import (
    FRAMEWORK_ID,
    RECORDED,
    FaultyMaster,
    Peer,
    Script,
    accepted,
    recorded_event,
    refuse_connections,
    tries_within,
    well,
)
from mesos_session import HURRIED, Session

from ciprov.clients.mesos_scheduler.addresses import Master
from ciprov.clients.mesos_scheduler.fenced import framework_info
from ciprov.clients.mesos_scheduler.leader import MasterList
from ciprov.clients.mesos_scheduler.link import Link
from ciprov.clients.mesos_scheduler.patience import Patience
from ciprov.clients.mesos_scheduler.subscribing import Access, Subscriber
from ciprov.domain.mesos_events import (
    CallLost,
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
    Update,
)
from ciprov.domain.mesos_scheduler import Framework
from ciprov.foundation.errors import UsageError

QUICK = Patience(connect_s=1.0, subscribe_s=0.4, call_s=0.4, first_pause_s=0.05, longest_pause_s=0.2, farewell_s=0.5)


@pytest.fixture(autouse=True)
def no_teardown_by_accident(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[FaultyMaster]]:
    """Whatever befell a driver: unless a test asked for it, no master got a TEARDOWN."""
    masters: list[FaultyMaster] = []
    ordinary = FaultyMaster.__enter__

    def entered(self: FaultyMaster) -> FaultyMaster:
        masters.append(self)
        return ordinary(self)

    monkeypatch.setattr(FaultyMaster, "__enter__", entered)
    yield masters
    for master in masters:
        assert "TEARDOWN" not in master.types()


@contextmanager
def driven(
    *subscriptions: Script, calls: Sequence[Script] = (accepted,), patience: Patience = QUICK
) -> Iterator[tuple[FaultyMaster, Session]]:
    with FaultyMaster(*subscriptions, calls=calls) as master, Session(master.address, patience=patience) as session:
        session.start()
        yield master, session


def answering(status: int, text: str = "", *headers: str) -> Script:
    return lambda peer: peer.answer(status, text, headers)


def in_turn(*steps: Callable[[Peer], None]) -> Script:
    def script(peer: Peer) -> None:
        for step in steps:
            step(peer)

    return script


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


# Half-open connections and silence.


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


# Calls.


def test_calls_wait_for_a_subscription_and_go_out_in_order() -> None:
    with driven(answering(503), well) as (master, session):
        session.driver.kill("a", agent_id="S1", grace_s=2.0)
        session.driver.kill("b")
        session.driver.suppress()
        session.driver.kill("a", agent_id="S1", grace_s=2.0)
        session.driver.reconcile([("a", "S1"), ("b", "")])
        master.call("RECONCILE")
        master.wait_for(lambda one: len(one.calls) == 5)
        assert [call.body["type"] for call in master.calls] == [
            "KILL",
            "SUPPRESS",
            "KILL",
            "RECONCILE",
            "RECONCILE",
        ]
        assert master.calls[2].body["kill"] == {
            "task_id": {"value": "a"},
            "agent_id": {"value": "S1"},
            "kill_policy": {"grace_period": {"nanoseconds": 2_000_000_000}},
        }
        assert {call.headers["mesos-stream-id"] for call in master.calls} == {"94b595fe-2e3c-47e8-a9f1-94645569617c"}
        assert all(call.body["framework_id"] == {"value": FRAMEWORK_ID} for call in master.calls)
        assert master.subscribes[1].body["subscribe"]["suppressed_roles"] == ["ci"]


def test_calls_about_offers_do_not_outlive_the_subscription() -> None:
    with Session(refuse_connections(), patience=QUICK).start() as session:
        session.driver.launch(["O1", "O2"], [{"task_id": {"value": "t"}}])
        lost = session.wait_for(CallLost)
        assert (lost.type, lost.ids, lost.perhaps_done) == ("ACCEPT", ("O1", "O2"), False)
        session.driver.decline(["O3"])
        assert session.wait_for(CallLost).ids == ("O3",)


@pytest.mark.parametrize(
    ("script", "perhaps_done"),
    [
        (answering(500, "boom"), True),
        (answering(503), False),
        (answering(400, "bad JSON"), False),
        (answering(401), False),
        (Peer.hold, True),
        (Peer.reset, True),
    ],
    ids=["500", "503", "400", "401", "no answer", "reset"],
)
def test_an_accept_is_sent_once_and_its_loss_is_told(script: Script, perhaps_done: bool) -> None:
    with driven(calls=(accepted, script, accepted)) as (master, session):
        session.subscribed()
        master.call("RECONCILE")
        session.driver.launch(["O1"], [{"task_id": {"value": "t"}}])
        lost = session.wait_for(CallLost)
        assert (lost.type, lost.perhaps_done) == ("ACCEPT", perhaps_done)
        session.driver.revive()
        master.call("REVIVE")
        assert master.types().count("ACCEPT") == 1
        assert len(master.subscribes) == 1


@pytest.mark.parametrize("script", [answering(500), answering(503), Peer.hold, Peer.reset])
def test_what_may_be_repeated_is_repeated_until_it_arrives(script: Script) -> None:
    with driven(calls=(accepted, script, script, accepted)) as (master, session):
        session.subscribed()
        master.call("RECONCILE")
        session.driver.kill("a")
        master.wait_for(lambda one: [call.body["type"] for call in one.calls].count("KILL") == 3)
        session.driver.revive()
        master.call("REVIVE")
        assert master.types().count("KILL") == 3


def test_a_repeated_failure_does_not_hold_up_other_calls() -> None:
    def kills_fail(peer: Peer) -> None:
        peer.answer(503 if peer.request.body["type"] == "KILL" else 202)

    patience = Patience(first_pause_s=5.0)
    with driven(calls=(kills_fail,), patience=patience) as (master, session):
        session.subscribed()
        session.driver.kill("a")
        session.driver.launch(["O1"], [{"task_id": {"value": "t"}}])
        master.call("ACCEPT", 2.0)


@pytest.mark.parametrize("status", [202, 500])
def test_an_answer_that_drips_does_not_hold_up_other_calls(status: int) -> None:
    def dripping(peer: Peer) -> None:
        peer.connection.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: 1000\r\n\r\n".encode())
        peer.connection.settimeout(0.05)
        for _ in range(100):
            try:
                if not peer.connection.recv(1):
                    return
            except TimeoutError:
                peer.connection.sendall(b"x")

    with driven(calls=(accepted, dripping, accepted)) as (master, session):
        session.subscribed()
        master.call("RECONCILE")
        session.driver.kill("a")
        master.call("KILL")
        session.driver.revive()
        master.call("REVIVE", 2.0)


@pytest.mark.parametrize(
    "script",
    [
        answering(400, "The stream ID 'x' included in this request didn't match the stream ID"),
        answering(400, "Framework cannot be found"),
        answering(403, "Framework is not subscribed"),
        answering(307, "", "Location: //127.0.0.1:1"),
    ],
    ids=["stream id", "framework", "not subscribed", "redirected"],
)
def test_a_subscription_that_is_not_valid_any_more_is_made_anew(script: Script) -> None:
    with driven(calls=(accepted, script, accepted)) as (master, session):
        session.subscribed()
        master.call("RECONCILE")
        session.driver.kill("a")
        assert session.wait_for(Disconnected).was_subscribed
        session.subscribed()
        master.wait_for(lambda one: [call.body["type"] for call in one.calls].count("KILL") == 2)


def test_a_call_that_always_ends_the_subscription_is_given_up() -> None:
    def kills_fail(peer: Peer) -> None:
        stale = peer.request.body["type"] == "KILL"
        peer.answer(400 if stale else 202, "Framework cannot be found" if stale else "")

    with driven(calls=(kills_fail,)) as (master, session):
        session.driver.kill("a")
        assert session.wait_for(CallLost).type == "KILL"
        assert master.types().count("KILL") == 4


def test_a_kill_is_repeated_when_the_master_says_that_the_task_lives() -> None:
    alive = recorded_event("UPDATE.TASK_RUNNING.MASTER.REASON_AGENT_REREGISTERED")
    task = alive["update"]["status"]["task_id"]["value"]
    killed = threading.Event()

    def late(peer: Peer) -> None:
        peer.subscribed()
        assert killed.wait(5)
        peer.event(alive)
        peer.hold()

    with driven(late) as (master, session):
        session.subscribed()
        session.driver.kill(task)
        master.call("KILL")
        killed.set()
        session.wait_for(Update)
        master.wait_for(lambda one: [call.body["type"] for call in one.calls].count("KILL") == 2)


def test_acknowledgements() -> None:
    with driven() as (master, session):
        session.subscribed()
        session.driver.acknowledge(
            recorded_event("UPDATE.TASK_RUNNING.MASTER.REASON_RECONCILIATION")["update"]["status"]
        )
        status = recorded_event("UPDATE.TASK_RUNNING.EXECUTOR")["update"]["status"]
        session.driver.acknowledge(status)
        session.driver.acknowledge_operation({"operation_id": {"value": "o"}, "uuid": {"value": "u"}, "state": "X"})
        body = master.call("ACKNOWLEDGE_OPERATION_STATUS").body["acknowledge_operation_status"]
        assert body == {"operation_id": {"value": "o"}, "uuid": "u"}
        sent = [call.body["acknowledge"] for call in master.calls if call.body["type"] == "ACKNOWLEDGE"]
        assert sent == [{name: status[name] for name in ("agent_id", "task_id", "uuid")}]


def test_a_teardown_only_by_the_name_of_the_framework(no_teardown_by_accident: list[FaultyMaster]) -> None:
    with driven() as (master, session):
        no_teardown_by_accident.remove(master)
        session.subscribed()
        for wrong in ("", "another"):
            with pytest.raises(UsageError):
                session.driver.teardown(wrong)
        session.driver.teardown(FRAMEWORK_ID)
        assert session.wait_for(Stopped).end is End.TORN_DOWN
        assert master.types() == ["RECONCILE", "TEARDOWN"]


# The end.


@pytest.mark.parametrize("script", [well, Peer.hold, answering(503)], ids=["subscribed", "no answer", "503"])
def test_stopping_is_quick_and_the_last_event(script: Script) -> None:
    patience = Patience(farewell_s=2.0)
    with driven(script, patience=patience) as (master, session):
        master.wait_for(lambda one: bool(one.subscribes))
        used, _ = tries_within(master, 0.0)
        session.driver.stop()
        session.driver.stop()
        assert session.wait_for(Stopped, seconds=2).end is End.ASKED
        assert session.pending() == []
        assert used == 0


def test_what_is_under_way_when_it_stops_is_told() -> None:
    patience = Patience(call_s=30.0, farewell_s=0.2)
    with driven(calls=(accepted, Peer.hold), patience=patience) as (master, session):
        session.subscribed()
        master.call("RECONCILE")
        session.driver.launch(["O1"], [{"task_id": {"value": "t"}}])
        master.call("ACCEPT")
        session.driver.decline(["O2"])
        session.driver.stop()
        lost = [event for event in session.pending() if not isinstance(event, Disconnected)]
        assert isinstance(lost[-1], Stopped)
        told = [(event.type, event.perhaps_done) for event in lost[:-1] if isinstance(event, CallLost)]
        assert sorted(told) == [("ACCEPT", True), ("DECLINE", False)]


def test_what_waits_when_it_stops_is_still_sent() -> None:
    with driven() as (master, session):
        session.subscribed()
        for number in range(50):
            session.driver.kill(f"task-{number}")
        session.driver.stop()
        assert master.types().count("KILL") == 50
        assert not any(isinstance(event, CallLost) for event in session.pending())


def test_a_connection_that_was_closed_while_idle_costs_no_call() -> None:
    def last(peer: Peer) -> None:
        peer.answer(202)
        peer.connection.shutdown(socket.SHUT_RDWR)

    with driven(calls=(last,)) as (master, session):
        session.subscribed()
        for number in range(5):
            master.wait_for(lambda one, count=number + 1: len(one.calls) == count)  # type: ignore[misc]
            tries_within(master, 0.05)  # until the end of the connection has arrived
            session.driver.launch([f"O{number}"], [{"task_id": {"value": "t"}}])
        master.wait_for(lambda one: len(one.calls) == 6)
        assert not any(isinstance(event, CallLost) for event in session.pending())


def test_a_leader_that_changes_while_it_is_being_connected_to() -> None:
    class Changing(MasterList):
        """Another leads as soon as the first was told, which only shows once the connection stands."""

        def leads(self, master: Master) -> bool:
            return master.port == second.port

    with FaultyMaster() as first, FaultyMaster() as second:
        events: queue.SimpleQueue[MesosEvent] = queue.SimpleQueue()
        link = Link("", events)
        leaders = Changing([Master("127.0.0.1", one.port) for one in (first, second)])
        access = Access("", ssl.create_default_context)
        framework = framework_info(Framework("changing", ("ci",)))
        subscriber = Subscriber(link, leaders, access, QUICK, lambda: (framework, ()))
        thread = threading.Thread(target=subscriber.run, daemon=True)
        thread.start()
        told = events.get(timeout=5)
        assert isinstance(told, Disconnected)
        assert told.loss is Loss.LEADER_CHANGED
        assert isinstance(events.get(timeout=5), Subscribed)
        assert first.subscribes == []
        link.finish(Stopped(End.ASKED, "done"))
        thread.join(5)
        assert not thread.is_alive()


def test_more_open_files_than_select_can_take() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4096), hard), hard))
    held = [socket.socket() for _ in range(1100)]
    try:
        with FaultyMaster() as master, Session(master.address, patience=HURRIED).start() as session:
            session.subscribed()
            session.driver.kill("a")
            master.call("KILL")
    finally:
        for one in held:
            one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
