"""Which calls wait, which are dropped, and which are lost with their subscription."""

from __future__ import annotations

import queue
from dataclasses import replace

from ciprov.clients.mesos_scheduler import calls
from ciprov.clients.mesos_scheduler.addresses import Master
from ciprov.clients.mesos_scheduler.back_off import BackOff
from ciprov.clients.mesos_scheduler.kills import Kills
from ciprov.clients.mesos_scheduler.link import Link
from ciprov.clients.mesos_scheduler.outbox import Call, Outbox
from ciprov.clients.mesos_scheduler.patience import Patience
from ciprov.domain.mesos_events import CallLost, MesosEvent, Update


def kill(task: str) -> Call:
    return calls.kill(task, "", None)


def drained(outbox: Outbox, subscription: int = 1, now: float = 0.0) -> list[tuple[str, ...]]:
    found = []
    while (call := outbox.next(subscription, now)) is not None:
        found.append((call.type, *call.ids))
    return found


def test_in_order_and_of_what_says_the_same_only_the_last() -> None:
    outbox = Outbox()
    for call in (kill("a"), calls.for_roles("SUPPRESS", {"r"}), kill("b"), kill("a"), calls.for_roles("REVIVE", {"r"})):
        outbox.add(call)
    assert drained(outbox) == [("KILL", "b"), ("KILL", "a"), ("REVIVE", "r")]


def test_what_was_sent_may_be_said_again_and_what_was_put_back_is_replaced() -> None:
    outbox = Outbox()
    for _ in range(2):
        outbox.add(kill("a"))
        assert drained(outbox) == [("KILL", "a")]
    outbox.put_back(kill("a"), due=0.0)
    outbox.put_back(kill("a"), due=0.0)
    outbox.add(kill("b"))
    outbox.add(kill("a"))
    assert drained(outbox) == [("KILL", "b"), ("KILL", "a")]


def test_several_declines_do_not_replace_each_other() -> None:
    outbox = Outbox()
    for offer in ("1", "1", "2"):
        outbox.add(replace(calls.decline([offer], 5.0), subscription=1))
    assert drained(outbox) == [("DECLINE", "1"), ("DECLINE", "1"), ("DECLINE", "2")]


def test_offers_belong_to_their_subscription() -> None:
    outbox = Outbox()
    old, new = (replace(calls.accept(["o"], [], 5.0), subscription=number) for number in (1, 2))
    for call in (old, kill("a"), new):
        outbox.add(call)
    assert outbox.void(2) == (old,)
    assert outbox.void(2) == ()
    assert drained(outbox, 2) == [("KILL", "a"), ("ACCEPT", "o")]


def test_what_failed_is_not_sent_in_another_subscription() -> None:
    events: queue.SimpleQueue[MesosEvent] = queue.SimpleQueue()
    link = Link("F", events)
    link.registered(Master("m", 5050), "s1", "F")
    link.post(calls.decline(["o"], 5.0))
    taken = link.next_call()
    assert taken is not None
    link.disconnected()
    link.registered(Master("m", 5050), "s2", "F")
    link.put_back(taken[0], "no answer", 0.0)
    assert events.get_nowait() == CallLost("DECLINE", taken[0].body, "no answer", perhaps_done=True, ids=("o",))
    link.post(kill("a"))
    following = link.next_call()
    assert following is not None
    assert following[0].ids == ("a",)


def test_what_failed_waits_and_others_pass_it() -> None:
    outbox = Outbox()
    outbox.add(kill("a"))
    outbox.add(kill("b"))
    first = outbox.next(1, 0.0)
    assert first is not None
    outbox.put_back(first, due=3.0)
    assert drained(outbox) == [("KILL", "b")]
    assert outbox.next_due() == 3.0
    assert outbox.next(1, 2.9) is None
    again = outbox.next(1, 3.0)
    assert again is not None
    assert again.tries == 1


def test_what_failed_is_dropped_where_something_later_says_the_same() -> None:
    outbox = Outbox()
    revive, suppress = calls.for_roles("REVIVE", {"r"}), calls.for_roles("SUPPRESS", {"r"})
    outbox.add(suppress)
    outbox.put_back(revive, due=0.0)
    assert drained(outbox) == [("SUPPRESS", "r")]


def update(state: str, source: str) -> Update:
    return Update({"task_id": {"value": "a"}, "state": state, "source": source})


def test_a_task_that_is_to_die_is_killed_again_while_the_master_says_it_lives() -> None:
    kills = Kills()
    assert kills.heard(update("TASK_RUNNING", "SOURCE_MASTER")) is None
    kills.order(kill("a"))
    assert kills.heard(update("TASK_RUNNING", "SOURCE_EXECUTOR")) is None
    assert kills.heard(update("TASK_UNKNOWN", "SOURCE_MASTER")) is None
    assert kills.heard(update("TASK_UNREACHABLE", "SOURCE_MASTER")) is None
    assert kills.heard(update("TASK_KILLING", "SOURCE_MASTER")) is None
    assert kills.heard(update("TASK_RUNNING", "SOURCE_MASTER")) == kill("a")
    assert kills.heard(update("TASK_KILLED", "SOURCE_EXECUTOR")) is None
    assert kills.heard(update("TASK_RUNNING", "SOURCE_MASTER")) is None


def test_pauses_grow_up_to_a_limit_and_are_never_nothing() -> None:
    back_off = BackOff(0.5, 15.0)
    pauses = []
    for _ in range(60):
        back_off = back_off.failed()
        pauses.append((back_off.pause(1.0), back_off.pause(0.0)))
    assert pauses[:3] == [(0.25, 0.5), (0.5, 1.0), (1.0, 2.0)]
    assert pauses[-1] == (7.5, 15.0)
    assert all(shortest >= 0.25 for shortest, _ in pauses)


def test_a_subscription_that_lived_long_begins_the_pauses_anew_and_a_short_one_does_not() -> None:
    back_off = BackOff(0.5, 15.0, failures=4)
    assert back_off.failed(lived_s=16.0).failures == 1
    assert back_off.failed(lived_s=14.0).failures == 5


def test_silence_is_borne_for_some_heartbeats() -> None:
    assert Patience().silence(15.0) == 45.0
    assert Patience().silence(0.0) == 45.0
    assert Patience(heartbeat_s=2.0).silence(15.0) == 6.0


def test_calls_as_mesos_wants_them() -> None:
    status = {"agent_id": {"value": "S"}, "task_id": {"value": "t"}, "uuid": "u", "state": "TASK_RUNNING"}
    assert calls.message(calls.acknowledge(status), "F") == {
        "type": "ACKNOWLEDGE",
        "framework_id": {"value": "F"},
        "acknowledge": {"agent_id": {"value": "S"}, "task_id": {"value": "t"}, "uuid": "u"},
    }
    assert calls.reconcile([("t", "S"), ("u", "")]).body == {
        "tasks": [{"task_id": {"value": "t"}, "agent_id": {"value": "S"}}, {"task_id": {"value": "u"}}]
    }
    assert calls.message(calls.reconcile(()), "F")["reconcile"] == {"tasks": []}
    assert calls.message(calls.teardown(), "F") == {"type": "TEARDOWN", "framework_id": {"value": "F"}}
    assert calls.inverse("DECLINE", ["i"]).body == {"inverse_offer_ids": [{"value": "i"}]}
