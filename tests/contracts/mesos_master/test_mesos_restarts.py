"""The master is killed and starts again. Fact: "Master killed and restarted: ... the task still RUNNING"."""

from __future__ import annotations

from pathlib import Path

from implementations import Implementation
from plain_mesos import Place
from plain_scheduler import ENDED, Scheduler, Subscribe
from real_mesos import eventually
from task_infos import id_of, task

AGENTS = 2


def back(mesos: Implementation) -> None:
    """The master, and its agents with it."""
    mesos.restart_master()

    def both() -> bool:
        return bool(mesos.master.read("/metrics/snapshot")["master/slaves_active"] == AGENTS)

    eventually(both, 20, "both agents are back")


def test_a_framework_comes_back_and_finds_its_tasks(
    subscribe: Subscribe, mesos: Implementation, tmp_path: Path
) -> None:
    first = subscribe()
    one, other = first.offers_of_all(AGENTS)
    runs, ends = task(one, "sleep 100"), task(other, f"until [ -e {tmp_path}/go ]; do sleep 0.02; done; exit 4")
    for offer, launched in ((one, runs), (other, ends)):
        first.accept([offer], [launched])
        first.status(id_of(launched), "TASK_RUNNING")
    scheduler_framework = first.framework_id
    (tmp_path / "go").touch()
    back(mesos)
    first.wait_for(ENDED)
    second = subscribe(id={"value": scheduler_framework})
    assert second.subscribed()["framework_id"]["value"] == scheduler_framework
    ended = next((one for one in first.told if one["state"] == "TASK_FAILED"), None)
    ended = ended or second.status(id_of(ends), "TASK_FAILED")
    assert ended["message"] == "Command exited with status 4"
    second.reconcile((id_of(runs), ""))
    assert second.status(id_of(runs), "TASK_RUNNING")["agent_id"] == one["agent_id"]
    second.kill(id_of(runs))
    second.status(id_of(runs), "TASK_KILLED")


def test_what_was_known_is_still_used(scheduler: Scheduler, subscribe: Subscribe, mesos: Implementation) -> None:
    """Nothing is offered twice."""
    offer = scheduler.offer()
    launched = task(offer, "sleep 100", cpus=1.5)
    scheduler.accept([offer], [launched])
    scheduler.status(id_of(launched), "TASK_RUNNING")
    back(mesos)
    second = subscribe(id={"value": scheduler.framework_id})
    offers = {one["agent_id"]["value"]: one for one in second.offers_of_all(AGENTS)}
    rest = next(one for one in offers[offer["agent_id"]["value"]]["resources"] if one["name"] == "cpus")
    assert rest["scalar"]["value"] == 0.5


def test_offers_of_before_are_none(subscribe: Subscribe, mesos: Implementation, master: Place) -> None:
    first = subscribe()
    (old, _) = first.offers_of_all(AGENTS)
    back(mesos)
    second = subscribe(id={"value": first.framework_id})
    second.subscribed()
    launched = task(old, "true")
    second.accept([old], [launched])
    status = second.status(id_of(launched))
    assert (status["state"], status["reason"]) == ("TASK_DROPPED", "REASON_INVALID_OFFERS")
    answer = first.call("REVIVE")
    assert answer.status == 400
    assert f"'{first.stream_id}' included in this request didn't match" in answer.text
