"""The guarded driver against a real Mesos 1.11, and against the embedded cluster's master."""

from __future__ import annotations

import json
import time
import urllib.request
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from embedded_mesos import EmbeddedMesos
from mesos_session import HURRIED, Session, sleeper
from real_mesos import GivenMesos, RealMesos, eventually, given_address

from ciprov.clients.mesos_scheduler.patience import Patience
from ciprov.domain.mesos_events import (
    CallLost,
    Disconnected,
    End,
    Failure,
    InverseOffers,
    InverseRescinded,
    Offers,
    Stopped,
    Subscribed,
    Update,
)


@pytest.fixture(scope="module", params=["real", "embedded"])
def mesos(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealMesos]:
    if request.param == "real" and given_address():
        yield GivenMesos(given_address())
        return
    kind = {"real": RealMesos, "embedded": EmbeddedMesos}[request.param]
    running = kind(tmp_path_factory.mktemp(f"{request.param}-mesos"))
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def own_mesos(mesos: RealMesos) -> RealMesos:
    """One that may be disturbed."""
    if isinstance(mesos, GivenMesos):
        pytest.skip(f"the Mesos at {mesos.address} is not ours to disturb")
    return mesos


def at(mesos: RealMesos, patience: Patience = HURRIED) -> Session:
    return Session(mesos.address, patience=patience, **mesos.access)


def a_task() -> str:
    return f"sleeper-{uuid.uuid4().hex[:8]}"


def end(session: Session, framework_id: str) -> None:
    session.driver.teardown(framework_id)
    assert session.wait_for(Stopped).end is End.TORN_DOWN


def test_a_task_from_offer_to_end(mesos: RealMesos) -> None:
    task = a_task()
    with at(mesos).start() as session:
        told = session.subscribed()
        assert told.version == "1.11.0"
        assert told.heartbeat_s == 15.0
        assert not told.again
        session.launch_sleeper(task)
        running = session.update(task, "TASK_RUNNING")
        assert running.wants_acknowledgement
        session.driver.reconcile([(task, running.status["agent_id"]["value"])])
        asked = session.wait_for(Update, lambda update: update.status.get("reason") == "REASON_RECONCILIATION")
        assert (asked.task_id, asked.state, asked.wants_acknowledgement) == (task, "TASK_RUNNING", False)
        session.driver.kill(task)
        session.update(task, "TASK_KILLED")
        session.driver.reconcile([("never-heard-of", "")])
        session.update("never-heard-of", "TASK_UNKNOWN")
        eventually(lambda: mesos.framework(told.framework_id)["tasks"] == [], 10, "the end is acknowledged")  # type: ignore[index]
        end(session, told.framework_id)


def test_who_stops_leaves_the_tasks_running_and_the_next_finds_them(mesos: RealMesos) -> None:
    task = a_task()
    with at(mesos).start() as session:
        framework_id = session.subscribed().framework_id
        session.launch_sleeper(task)
        session.update(task, "TASK_RUNNING")
    assert session.wait_for(Stopped).end is End.ASKED
    with at(mesos).start(framework_id) as second:
        assert second.subscribed().again
        # Nobody asked: the driver reconciles by itself.
        assert second.update(task, "TASK_RUNNING").status["reason"] == "REASON_RECONCILIATION"
        end(second, framework_id)


def test_a_second_driver_takes_over_and_the_first_stays_down(mesos: RealMesos) -> None:
    task = a_task()
    with at(mesos).start() as first:
        framework_id = first.subscribed().framework_id
        first.launch_sleeper(task)
        first.update(task, "TASK_RUNNING")
        with at(mesos).start(framework_id) as second:
            second.subscribed()
            stopped = first.wait_for(Stopped)
            assert (stopped.end, stopped.reason) == (End.FAILED_OVER, "Framework failed over")
            first.driver.kill(task)
            assert first.pending() == []
            second.update(task, "TASK_RUNNING")
            second.driver.reconcile()
            second.update(task, "TASK_RUNNING")
            end(second, framework_id)


def test_a_framework_that_was_removed_is_not_subscribed_again(mesos: RealMesos) -> None:
    with at(mesos).start() as session:
        framework_id = session.subscribed().framework_id
        end(session, framework_id)
    with at(mesos).start(framework_id) as again:
        stopped = again.wait_for(Stopped)
        assert stopped.end is End.REMOVED
        assert "new framework id" in stopped.way_out


def test_suppressed_there_are_no_offers_until_they_are_revived(mesos: RealMesos) -> None:
    with at(mesos).start(suppressed=("ci",)) as session:
        framework_id = session.subscribed().framework_id
        # A reconciliation's answer comes after offers would have: the allocator runs at a subscription.
        session.driver.reconcile([("a-marker", "")])
        session.update("a-marker", "TASK_UNKNOWN")
        eventually(lambda: mesos.framework(framework_id)["offered_resources"]["cpus"] == 0, 5, "no offers")  # type: ignore[index]
        assert not any(isinstance(event, Offers) for event in session.seen)
        session.driver.revive()
        offer = session.offer()
        session.driver.suppress()
        session.driver.decline([offer["id"]["value"]], filter_s=0.0)
        end(session, framework_id)


def test_bad_launches_come_back_as_updates(mesos: RealMesos) -> None:
    task = a_task()
    with at(mesos).start() as session:
        framework_id = session.subscribed().framework_id
        offer = session.offer()
        agent = offer["agent_id"]["value"]
        session.driver.launch(["an-offer-of-nobody"], [sleeper(task, agent)])
        assert session.update(task, "TASK_DROPPED").status["reason"] == "REASON_INVALID_OFFERS"
        impossible = sleeper(task, agent)
        impossible["resources"][0]["scalar"]["value"] = 1000.0
        session.driver.launch([offer["id"]["value"]], [impossible])
        assert session.update(task, "TASK_ERROR").status["reason"] == "REASON_TASK_INVALID"
        end(session, framework_id)


def test_the_master_is_killed_and_comes_back(own_mesos: RealMesos) -> None:
    task = a_task()
    with at(own_mesos).start() as session:
        framework_id = session.subscribed().framework_id
        offer = session.launch_sleeper(task)
        session.update(task, "TASK_RUNNING")
        own_mesos.kill("master")
        assert session.wait_for(Disconnected).was_subscribed
        session.driver.launch([offer["id"]["value"]], [sleeper(a_task(), offer["agent_id"]["value"])])
        assert not session.wait_for(CallLost).perhaps_done
        own_mesos.start_master()
        again = session.subscribed()
        assert (again.framework_id, again.again) == (framework_id, True)
        own_mesos.wait_for_agents(2)
        session.driver.reconcile([(task, "")])
        session.update(task, "TASK_RUNNING")
        session.driver.kill(task)
        session.update(task, "TASK_KILLED")
        end(session, framework_id)


def test_a_kill_while_the_master_is_away_arrives(own_mesos: RealMesos) -> None:
    task = a_task()
    with at(own_mesos).start() as session:
        framework_id = session.subscribed().framework_id
        session.launch_sleeper(task)
        running = session.update(task, "TASK_RUNNING")
        own_mesos.kill("master")
        session.wait_for(Disconnected)
        session.driver.kill(task, agent_id=running.status["agent_id"]["value"])
        own_mesos.start_master()
        session.subscribed()
        own_mesos.wait_for_agents(2)
        session.update(task, "TASK_KILLED")
        end(session, framework_id)


def test_a_master_that_hangs_is_noticed_by_its_silence(own_mesos: RealMesos) -> None:
    patience = Patience(
        heartbeat_s=0.3, connect_s=0.5, subscribe_s=0.5, call_s=0.5, first_pause_s=0.1, longest_pause_s=0.3
    )
    with at(own_mesos, patience=patience).start() as session:
        framework_id = session.subscribed().framework_id
        own_mesos.freeze("master")
        try:
            assert session.wait_for(Disconnected).was_subscribed
        finally:
            own_mesos.thaw("master")
        assert session.subscribed().framework_id == framework_id
        end(session, framework_id)


def test_an_agent_is_killed(own_mesos: RealMesos) -> None:
    with at(own_mesos).start() as session:
        framework_id = session.subscribed().framework_id

        def on_agent_2(event: Offers) -> bool:
            return any(offer["attributes"][0]["text"]["value"] == "r2" for offer in event.offers)

        offers = session.wait_for(Offers, on_agent_2).offers
        offer = next(offer for offer in offers if offer["attributes"][0]["text"]["value"] == "r2")
        task, agent = a_task(), offer["agent_id"]["value"]
        session.driver.launch([offer["id"]["value"]], [sleeper(task, agent)])
        session.update(task, "TASK_RUNNING")
        own_mesos.kill("agent2")
        session.update(task, "TASK_UNREACHABLE")
        assert session.wait_for(Failure).agent_id == agent
        own_mesos.start_agent(2)
        own_mesos.wait_for_agents(2)
        session.update(task, "TASK_RUNNING")
        end(session, framework_id)


def test_offers_of_several_agents_are_declined_in_one_call_and_a_second_time_in_vain(mesos: RealMesos) -> None:
    with at(mesos).start() as session:
        framework_id = session.subscribed().framework_id

        def offered() -> dict[str, str]:
            """Offers of two agents, by agent."""
            found: dict[str, str] = {}
            while len(found) < 2:
                found |= {one["agent_id"]["value"]: one["id"]["value"] for one in session.wait_for(Offers).offers}
            return found

        first = offered()
        for _ in range(2):
            session.driver.decline(list(first.values()), filter_s=0.2)
        second = offered()
        assert second.keys() == first.keys()
        assert not [event for event in session.seen if isinstance(event, CallLost | Disconnected)]
        end(session, framework_id)


@pytest.mark.parametrize("mesos", ["real"], indirect=True)  # the embedded cluster plans no maintenance
def test_of_a_maintenance_that_was_agreed_to_and_dropped_the_offers_alone_tell(own_mesos: RealMesos) -> None:
    def plan(*windows: dict[str, Any]) -> None:
        body = json.dumps({"windows": windows}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"http://{own_mesos.address}/maintenance/schedule", body, headers)
        urllib.request.urlopen(request, timeout=5).close()

    def wait_for_offers(session: Session, planned: dict[str, Any] | None) -> None:
        def fits(event: Offers) -> bool:
            session.driver.decline([one["id"]["value"] for one in event.offers], filter_s=0.2)
            return all(one.get("unavailability") == planned for one in event.offers)

        session.wait_for(Offers, fits)

    start = {"start": {"nanoseconds": (int(time.time()) + 7 * 86400) * 10**9}}
    with at(own_mesos).start() as session:
        framework_id = session.subscribed().framework_id
        session.launch_sleeper(a_task())
        plan({"machine_ids": [{"hostname": "127.0.0.1", "ip": "127.0.0.1"}], "unavailability": start})
        wait_for_offers(session, start)
        seen = [event for event in session.seen if isinstance(event, InverseOffers)]
        inverse = (seen or [session.wait_for(InverseOffers)])[0].offers[0]
        assert inverse["unavailability"] == start
        session.driver.accept_inverse([inverse["id"]["value"]])
        session.driver.reconcile([("never-heard-of", "")])
        session.update("never-heard-of", "TASK_UNKNOWN")
        plan()
        wait_for_offers(session, None)
        assert InverseRescinded(inverse["id"]["value"]) not in session.seen
        end(session, framework_id)


def test_the_events_before_the_subscription_are_none(mesos: RealMesos) -> None:
    with at(mesos).start() as session:
        told = session.subscribed()
        assert isinstance(session.seen[0], Subscribed)
        session.offer()
        end(session, told.framework_id)
