"""What becomes of an ACCEPT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from ciprov.localcluster.master.accepting import Accepted, Asking, accept, offers_fault
from ciprov.localcluster.master.frameworks import Framework
from ciprov.localcluster.master.offers import Offer
from ciprov.localcluster.model import Agent, Resources

AGENT = Agent("agent-1", "127.1.1.1", Resources(4, 1000, 0, 0, frozenset({31000})))
AWARE = {"capabilities": [{"type": "MULTI_ROLE"}, {"type": "PARTITION_AWARE"}]}
FRAMEWORK = Framework("f", {"name": "n", "user": "builder", "roles": ["ci"], **AWARE})
OFFER = Offer("O1", "f", "ci", "agent-1", Resources(2, 500))
NUMBERS = count()


def asking(**changes: Any) -> Asking:
    known = Asking(FRAMEWORK, {AGENT.id: AGENT}, frozenset(), 7.0, lambda: f"container-{next(NUMBERS)}")
    return replace(known, **changes)


def task(name: str, cpus: float = 1, **command: Any) -> dict[str, Any]:
    resources = [{"name": "cpus", "type": "SCALAR", "scalar": {"value": cpus}}]
    ids = {"task_id": {"value": name}, "agent_id": {"value": "agent-1"}}
    return {"name": name, **ids, "resources": resources, "command": {"value": "true", **command}}


def launching(*tasks: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": "LAUNCH", "launch": {"task_infos": list(tasks)}}]


def states(done: Accepted) -> list[tuple[str, str]]:
    found = [event["update"]["status"] for event in done.events]
    return [(status["state"], status["message"]) for status in found]


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ([], "No offers specified"),
        (["O1"], ""),
        (["O1", "O1"], "Duplicate offer O1 in offer list"),
        (["O1", "gone"], "Offer gone is no longer valid"),
        (["foreign"], "Offer foreign has invalid framework g while framework f is expected"),
        (["O1", "other role"], "Aggregated offers must be allocated to the same role. "),
        (["O1", "other agent"], "Aggregated offers must belong to one single agent. "),
    ],
)
def test_offers_that_go_together(asked: list[str], text: str) -> None:
    offers = {
        "O1": OFFER,
        "foreign": replace(OFFER, id="foreign", framework_id="g"),
        "other role": replace(OFFER, id="other role", role="x"),
        "other agent": replace(OFFER, id="other agent", agent_id="agent-2"),
    }
    found = offers_fault(asked, offers, "f")
    assert found.startswith(text)
    assert bool(found) == bool(text)


def test_tasks_share_what_the_offers_have_together() -> None:
    second = replace(OFFER, id="O2", resources=Resources(1, 0))
    done = accept(asking(), launching(task("a", 2), task("b", 1), task("c", 0.5)), [OFFER, second], "")
    assert [launch.task.id for launch in done.launches] == ["a", "b"]
    assert done.used == Resources(3)
    assert states(done) == [
        (
            "TASK_ERROR",
            "Total resources cpus(allocated: ci):0.5 required by task and its executor is more than available "
            "mem(allocated: ci):500",
        )
    ]


@pytest.mark.parametrize(
    ("framework", "state"),
    [(FRAMEWORK, "TASK_DROPPED"), (replace(FRAMEWORK, info={"name": "n", "user": ""}), "TASK_LOST")],
)
def test_with_bad_offers_nothing_is_launched_and_each_task_told(framework: Framework, state: str) -> None:
    done = accept(asking(framework=framework), launching(task("a"), task("b")), [], "Offer x is no longer valid")
    assert states(done) == [(state, "Task launched with invalid offers: Offer x is no longer valid")] * 2
    assert (done.launches, done.used) == ([], Resources())


@pytest.mark.parametrize(
    ("command", "switch_user", "user"),
    [({}, True, "builder"), ({"user": "me"}, True, "me"), ({}, False, None), ({"user": "me"}, False, "me")],
)
def test_who_runs_a_task(command: dict[str, Any], switch_user: bool, user: str | None) -> None:
    done = accept(asking(switch_user=switch_user), launching(task("a", **command)), [OFFER], "")
    assert done.launches[0].spec.user == user


@pytest.mark.parametrize(
    ("container", "lacking"),
    [
        ({"type": "MESOS", "mesos": {"image": {"type": "DOCKER"}}}, "docker"),
        (
            {
                "type": "DOCKER",
                "docker": {"image": "i"},
                "volumes": [{"container_path": "/v", "mode": "RW", "source": {"type": "HOST_PATH"}}],
            },
            "path",
        ),
    ],
)
def test_a_task_that_lacks_what_it_needs_is_an_error(container: dict[str, Any], lacking: str) -> None:
    strange = {**task("a"), "container": container}
    assert states(accept(asking(), launching(strange), [OFFER], "")) == [("TASK_ERROR", f"Task has no '{lacking}'")]


def test_what_is_no_launch_is_told_where_there_is_a_way() -> None:
    group = {"tasks": [task("g1"), task("g2")]}
    operations: Sequence[dict[str, Any]] = [
        {"type": "LAUNCH_GROUP", "launch_group": {"executor": {}, "task_group": group}},
        {"type": "RESERVE", "id": {"value": "op"}},
        {"type": "RESERVE"},
    ]
    first, second, operation = accept(asking(), operations, [OFFER], "").events
    for event in (first, second):
        status = event["update"]["status"]
        assert (status["state"], status["reason"]) == ("TASK_ERROR", "REASON_TASK_GROUP_INVALID")
        assert "LAUNCH_GROUP is not supported" in status["message"]
    told = operation["update_operation_status"]["status"]
    assert (told["state"], told["operation_id"]) == ("OPERATION_ERROR", {"value": "op"})


def test_neither_command_nor_parameters_are_kept_with_a_task() -> None:
    docker = {"image": "i", "parameters": [{"key": "env", "value": "hush=hush"}]}
    secret = {**task("a", value="echo hush"), "container": {"type": "DOCKER", "docker": docker}}
    (launch,) = accept(asking(), launching(secret), [OFFER], "").launches
    assert "hush" not in repr(launch)
    assert launch.task.shown["container"]["docker"] == {"image": "i"}
