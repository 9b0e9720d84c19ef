"""A scheduler that comes back, or another one in its place.

Facts: "Framework ids"; recording `failover_agentlost_session.json`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from launches import launch
from plain_mesos import Json, Place
from plain_scheduler import ENDED, Scheduler, Subscribe
from real_mesos import eventually
from task_infos import amounts, id_of, task

AGENTS = 2


def with_id(scheduler: Scheduler) -> dict[str, Any]:
    return {"id": {"value": scheduler.framework_id}}


def until(master: Place, scheduler: Scheduler, what: Callable[[Json | None], bool]) -> None:
    eventually(lambda: what(master.framework(scheduler.framework_id)), 10, "the master knows of it")


def test_a_second_one_takes_over(subscribe: Subscribe) -> None:
    first = subscribe()
    first.subscribed()
    second = subscribe(**with_id(first))
    assert second.subscribed()["framework_id"]["value"] == first.framework_id
    assert first.wait_for("ERROR")["error"]["message"] == "Framework failed over"
    first.wait_for(ENDED)
    assert second.stream_id != first.stream_id


def test_the_first_one_is_heard_no_longer(subscribe: Subscribe) -> None:
    first = subscribe()
    first.subscribed()
    second = subscribe(**with_id(first))
    second.subscribed()
    answer = first.call("REVIVE")
    assert answer.status == 400
    assert f"'{first.stream_id}' included in this request didn't match" in answer.text
    second.revive()


def test_tasks_live_on_under_the_next_one(subscribe: Subscribe) -> None:
    first = subscribe()
    task_id = launch(first)
    second = subscribe(**with_id(first))
    second.subscribed()
    second.reconcile()
    assert second.status(task_id)["state"] == "TASK_RUNNING"
    second.kill(task_id)
    second.status(task_id, "TASK_KILLED")
    assert "TASK_KILLED" not in first.states(task_id)


def test_offers_of_the_first_are_not_the_seconds(subscribe: Subscribe) -> None:
    """They are gone, and all is offered anew."""
    first = subscribe()
    offers = first.offers_of_all(AGENTS)
    second = subscribe(**with_id(first))
    again = second.offers_of_all(AGENTS)
    assert not {offer["id"]["value"] for offer in offers} & {offer["id"]["value"] for offer in again}
    assert [amounts(offer)["cpus"] for offer in again] == [2.0] * AGENTS
    launched = task(offers[0], "true")
    second.accept([offers[0]], [launched])
    assert second.status(id_of(launched))["reason"] == "REASON_INVALID_OFFERS"


def test_an_update_that_was_not_acknowledged_comes_again(subscribe: Subscribe) -> None:
    first = subscribe()
    first.acknowledges = False
    offer = first.offer()
    launched = task(offer, "sleep 100")
    first.accept([offer], [launched])
    open_ = first.status(id_of(launched))
    second = subscribe(**with_id(first))
    again = second.status(id_of(launched), seconds=5)  # not only when it would have come anyway
    assert (again["state"], again["uuid"]) == ("TASK_STARTING", open_["uuid"])
    assert second.status(id_of(launched))["state"] == "TASK_RUNNING"


def test_while_nobody_is_there_tasks_run_on(subscribe: Subscribe, master: Place) -> None:
    """As long as `failover_timeout` says."""
    first = subscribe()
    task_id = launch(first)
    first.disconnect()
    until(master, first, lambda known: known is not None and not known["connected"] and not known["active"])
    known = master.framework(first.framework_id)
    assert [one["state"] for one in known["tasks"]] == ["TASK_RUNNING"]
    assert known["offers"] == []
    second = subscribe(**with_id(first))
    assert second.subscribed()["framework_id"]["value"] == first.framework_id
    second.reconcile((task_id, ""))
    assert second.status(task_id)["state"] == "TASK_RUNNING"
    known = master.framework(first.framework_id)
    assert (known["connected"], known["active"]) == (True, True)


def test_what_ended_while_nobody_was_there_is_told(subscribe: Subscribe, master: Place, tmp_path: Any) -> None:
    first = subscribe()
    go = tmp_path / "go"
    task_id = launch(first, f"until [ -e {go} ]; do sleep 0.02; done; exit 5")
    first.disconnect()
    until(master, first, lambda known: known is not None and not known["connected"])
    go.touch()
    until(master, first, lambda known: known is not None and known["tasks"][0]["state"] == "TASK_FAILED")
    second = subscribe(**with_id(first))
    ended = second.status(task_id, "TASK_FAILED")
    assert ended["message"] == "Command exited with status 5"
    assert ended["uuid"]


def test_without_a_failover_timeout_the_framework_goes_with_its_scheduler(subscribe: Subscribe, master: Place) -> None:
    """At once; its tasks are killed, and its id is of no use any more."""
    first = subscribe(failover_timeout=0.0)
    launch(first)
    first.disconnect()
    until(master, first, lambda known: known is None)
    gone = master.framework(first.framework_id, "completed_frameworks")
    assert gone is not None
    assert [one["state"] for one in gone["completed_tasks"]] == ["TASK_KILLED"]
    again = subscribe(**with_id(first))
    assert again.wait_for("ERROR")["error"]["message"] == "Framework has been removed"


def test_after_the_failover_timeout_it_is_gone(subscribe: Subscribe, master: Place) -> None:
    first = subscribe(failover_timeout=0.4)
    launch(first)
    first.disconnect()
    until(master, first, lambda known: known is not None and not known["connected"])
    until(master, first, lambda known: known is None)


def test_who_comes_back_in_time_stays(subscribe: Subscribe, master: Place) -> None:
    first = subscribe(failover_timeout=0.6)
    task_id = launch(first)
    first.disconnect()
    until(master, first, lambda known: known is not None and not known["connected"])
    second = subscribe(failover_timeout=0.6, **with_id(first))
    second.subscribed()
    third = subscribe(failover_timeout=0.6, roles=["clock"], subscribe={"suppressed_roles": ["clock"]})
    third.subscribed()
    third.disconnect()
    until(master, third, lambda known: known is None)  # the time of the first has passed before
    second.reconcile((task_id, ""))
    assert second.status(task_id)["state"] == "TASK_RUNNING"


def test_an_id_that_was_never_seen_is_taken(subscribe: Subscribe, master: Place) -> None:
    """Who has lost his master's memory keeps his id."""
    framework_id = f"chosen-{uuid.uuid4().hex[:8]}"
    chosen = subscribe(id={"value": framework_id})
    assert chosen.subscribed()["framework_id"]["value"] == framework_id
    launch(chosen)
    assert master.framework(framework_id) is not None


def test_an_id_that_was_torn_down_is_refused(subscribe: Subscribe, scheduler: Scheduler) -> None:
    """With HTTP 200; then the event, and the end of the stream."""
    scheduler.teardown()
    scheduler.wait_for(ENDED)
    again = subscribe(**with_id(scheduler))
    assert again.answer.status == 200
    assert again.wait_for("ERROR")["error"]["message"] == "Framework has been removed"
    again.wait_for(ENDED)
    assert [event["type"] for event in again.seen] == ["ERROR", ENDED]


def test_a_name_may_change_and_a_role_may_come(subscribe: Subscribe, master: Place) -> None:
    first = subscribe()
    first.subscribed()
    second = subscribe(**with_id(first), name="renamed", roles=["ci", "more"], failover_timeout=30.0)
    second.subscribed()
    known = master.framework(first.framework_id)
    assert (known["name"], sorted(known["roles"]), known["failover_timeout"]) == ("renamed", ["ci", "more"], 30.0)


def test_user_and_checkpoint_stay_as_they_were(subscribe: Subscribe, master: Place) -> None:
    """Another value is passed over without a word."""
    first = subscribe()
    first.subscribed()
    second = subscribe(**with_id(first), user="nobody", checkpoint=False)
    second.subscribed()
    known = master.framework(first.framework_id)
    assert (known["user"], known["checkpoint"]) == ("root", True)
