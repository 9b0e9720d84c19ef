"""An agent that is drained. Recordings `operator_session.json`, `UPDATE.TASK_KILLED...REASON_AGENT_DRAINING.json`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from implementations import Implementation
from plain_mesos import Json
from plain_scheduler import Scheduler
from task_infos import id_of, task

DRAINED = 2


@pytest.fixture
def disturbed(mesos: Implementation) -> Iterator[Implementation]:
    yield mesos
    mesos.reactivate(DRAINED)


def of_agent(offer: Json) -> bool:
    return bool(offer["attributes"][0]["text"]["value"] == f"r{DRAINED}")


def test_its_tasks_are_killed_and_it_offers_nothing(scheduler: Scheduler, disturbed: Implementation) -> None:
    offer = scheduler.offer(of_agent)
    launched = task(offer, "sleep 100")
    scheduler.accept([offer], [launched])
    scheduler.status(id_of(launched), "TASK_RUNNING")
    rest = scheduler.offer(of_agent)
    disturbed.drain(DRAINED)
    killing = scheduler.status(id_of(launched))
    killed = scheduler.status(id_of(launched))
    assert [one["state"] for one in (killing, killed)] == ["TASK_KILLING", "TASK_KILLED"]
    for one in (killing, killed):
        assert (one["reason"], one["source"]) == ("REASON_AGENT_DRAINING", "SOURCE_EXECUTOR")
    scheduler.heard_all()
    assert rest["id"]["value"] not in scheduler.offers, "it was rescinded"
    scheduler.revive()
    scheduler.heard_all()
    assert not [one for one in scheduler.offers.values() if of_agent(one)]
    late = task(rest, "true")
    scheduler.accept([rest], [late])
    status = scheduler.status(id_of(late))
    assert (status["state"], status["reason"]) == ("TASK_DROPPED", "REASON_INVALID_OFFERS")
    disturbed.reactivate(DRAINED)
    scheduler.offer(of_agent)
