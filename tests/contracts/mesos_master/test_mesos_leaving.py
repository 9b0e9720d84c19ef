"""TEARDOWN. Fact: "TEARDOWN kills them all"."""

from __future__ import annotations

from pathlib import Path

from plain_mesos import Place
from plain_scheduler import ENDED, Scheduler, Subscribe
from real_mesos import eventually
from task_infos import amounts, id_of, task

AGENTS = 2


def test_the_stream_ends_and_nothing_more_is_told(scheduler: Scheduler) -> None:
    offer = scheduler.offer()
    launched = task(offer, "sleep 100")
    scheduler.accept([offer], [launched])
    scheduler.status(id_of(launched), "TASK_RUNNING")
    before = list(scheduler.told)
    scheduler.teardown()
    scheduler.wait_for(ENDED)
    assert scheduler.told == before, "the framework is not told that its tasks are killed"
    assert scheduler.seen[-1]["type"] == ENDED


def test_its_tasks_are_killed(scheduler: Scheduler, master: Place, tmp_path: Path) -> None:
    offers = scheduler.offers_of_all(AGENTS)
    for number, offer in enumerate(offers):
        mark = tmp_path / str(number)
        launched = task(offer, f"trap 'rm {mark}; exit' TERM; echo > {mark}; while :; do sleep 0.02; done")
        scheduler.accept([offer], [launched])
        scheduler.status(id_of(launched), "TASK_RUNNING")
        eventually(mark.exists, 5, "the task is at work")
    scheduler.teardown()
    eventually(lambda: not list(tmp_path.iterdir()), 10, "both have ended")
    gone = master.framework(scheduler.framework_id, "completed_frameworks")
    assert gone is not None
    assert {one["state"] for one in gone["completed_tasks"]} == {"TASK_KILLED"}
    assert (gone["active"], gone["tasks"]) == (False, [])


def test_its_resources_are_offered_to_others(subscribe: Subscribe) -> None:
    first = subscribe()
    for offer in first.offers_of_all(AGENTS):
        launched = task(offer, "sleep 100", resources=offer["resources"])
        first.accept([offer], [launched])
        first.status(id_of(launched), "TASK_RUNNING")
    second = subscribe(roles=["other"])
    second.subscribed()
    first.teardown()
    assert [amounts(offer)["cpus"] for offer in second.offers_of_all(AGENTS)] == [2.0] * AGENTS


def test_it_is_known_no_longer(scheduler: Scheduler, master: Place) -> None:
    scheduler.teardown()
    scheduler.wait_for(ENDED)
    assert master.framework(scheduler.framework_id) is None
    answer = scheduler.call("REVIVE")
    assert (answer.status, answer.text) == (400, "Framework cannot be found")


def test_a_teardown_needs_the_stream(scheduler: Scheduler, master: Place) -> None:
    """Nobody is torn down by who does not speak for it."""
    answer = master.call({"type": "TEARDOWN", "framework_id": {"value": scheduler.framework_id}})
    assert answer.status == 400
    assert master.framework(scheduler.framework_id)["active"]
