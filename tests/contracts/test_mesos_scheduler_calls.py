"""What becomes of the guarded driver's calls when a master fails, and when the driver stops."""

from __future__ import annotations

import queue
import resource
import socket
import ssl
import threading

import pytest
from faulty_master import (
    FRAMEWORK_ID,
    FaultyMaster,
    Peer,
    Script,
    accepted,
    recorded_event,
    refuse_connections,
    tries_within,
    well,
)
from mesos_driven import QUICK, answering, driven
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
    Loss,
    MesosEvent,
    Stopped,
    Subscribed,
    Update,
)
from ciprov.domain.mesos_scheduler import Framework
from ciprov.foundation.errors import UsageError

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


@pytest.mark.parametrize("script", [answering(500), answering(503), Peer.hold, Peer.reset])
def test_a_decline_is_repeated_until_it_arrives(script: Script) -> None:
    """A master waits for the answer to an offer without end, and gives to nobody else what is in it."""
    with driven(calls=(accepted, script, script, accepted)) as (master, session):
        session.subscribed()
        master.call("RECONCILE")
        session.driver.decline(["O1"])
        master.wait_for(lambda one: one.types().count("DECLINE") == 3)
        session.driver.revive()
        master.call("REVIVE")
        assert master.types().count("DECLINE") == 3
        assert not [event for event in session.pending() if isinstance(event, CallLost)]


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


def test_a_teardown_only_by_the_name_of_the_framework() -> None:
    with driven() as (master, session):
        master.teardown_wanted = True
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
