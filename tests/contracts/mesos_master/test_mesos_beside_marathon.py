"""Frameworks beside the embedded cluster's own Marathon: they share agents, resources and ports."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from implementations import EMBEDDED_ONLY
from plain_mesos import Json, Place
from plain_scheduler import Scheduler
from real_mesos import eventually
from task_infos import amounts, id_of, task

AGENTS = 2
pytestmark = EMBEDDED_ONLY


def marathon(master: Place, method: str, path: str, body: Any = None) -> Json:
    data = None if body is None else json.dumps(body).encode()
    answer = master.ask(method, path, data, {"Content-Type": "application/json"})
    assert answer.status in {200, 201}, (answer.status, answer.text)
    return dict(answer.json())


@pytest.fixture
def app(master: Place) -> Iterator[str]:
    """An id; whatever has it goes after the test."""
    app_id = f"/beside-{uuid.uuid4().hex[:8]}"
    yield app_id
    master.ask("DELETE", f"/v2/apps{app_id}?force=true")
    eventually(lambda: not master.read("/v2/deployments"), 10, "the app has gone")


def running(master: Place, app: str) -> list[Json]:
    return [one for one in master.read(f"/v2/apps{app}/tasks")["tasks"] if one["state"] == "TASK_RUNNING"]


def start(master: Place, app: str, **fields: Any) -> Json:
    """Gives the task that runs."""
    marathon(master, "POST", "/v2/apps", {"id": app, "cmd": "sleep 100", "cpus": 0.5, "mem": 64, **fields})
    eventually(lambda: len(running(master, app)) == 1, 10, "the app runs")
    return running(master, app)[0]


def test_what_an_app_has_is_not_offered(scheduler: Scheduler, master: Place, app: str) -> None:
    """An offer that names what Marathon takes meanwhile is taken back."""
    before = scheduler.offers_of_all(AGENTS)
    taken = start(master, app, portDefinitions=[{"port": 0}])
    gone = scheduler.wait_for("RESCIND")["rescind"]["offer_id"]["value"]
    old = next(offer for offer in before if offer["id"]["value"] == gone)
    assert old["agent_id"]["value"] == taken["slaveId"]
    rest = scheduler.offer(lambda offer: bool(offer["agent_id"] == old["agent_id"]))
    assert (amounts(rest)["cpus"], amounts(rest)["mem"]) == (1.5, 448.0)
    assert not amounts(rest)["ports"] & set(taken["ports"])


def test_what_a_task_has_no_app_gets(scheduler: Scheduler, master: Place, app: str) -> None:
    launched = []
    for offer in scheduler.offers_of_all(AGENTS):
        launched.append(task(offer, "sleep 100", resources=offer["resources"]))
        scheduler.accept([offer], [launched[-1]])
        scheduler.status(id_of(launched[-1]), "TASK_RUNNING")
    marathon(master, "POST", "/v2/apps", {"id": app, "cmd": "sleep 100", "cpus": 0.5, "mem": 64})
    eventually(lambda: bool(master.read("/v2/queue")["queue"]), 10, "the app waits")
    assert running(master, app) == []
    scheduler.kill(id_of(launched[0]))
    eventually(lambda: len(running(master, app)) == 1, 10, "it gets what the task had")
    assert running(master, app)[0]["slaveId"] == launched[0]["agent_id"]["value"]


def test_the_tasks_of_apps_are_another_frameworks(scheduler: Scheduler, master: Place, app: str) -> None:
    taken = start(master, app)
    scheduler.reconcile((taken["id"], ""))
    assert scheduler.status(taken["id"])["state"] == "TASK_UNKNOWN"
    scheduler.kill(taken["id"])
    assert scheduler.status(taken["id"])["state"] == "TASK_UNKNOWN"
    assert len(running(master, app)) == 1
    names = {one["name"]: {each["id"] for each in one["tasks"]} for one in master.read("/state")["frameworks"]}
    assert taken["id"] in names["marathon"]
    assert names["contract"] == set()
