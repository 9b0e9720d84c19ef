"""When does an update stand still for good? Only where no task moves, none is awaited, and the ports are long due."""

from __future__ import annotations

from typing import Any

import pytest

from ciprov.environments.replacing.jams import Jam, acted_on_now, hopeless, jams

NEW, OLD = "2030-01-01T00:00:02.000Z", "2030-01-01T00:00:01.000Z"
WAITS = {"delay": {"overdue": True, "timeLeftSeconds": 0}}
BACKS_OFF = {"delay": {"overdue": False, "timeLeftSeconds": 9}}


def task(version: str, state: str = "TASK_RUNNING", alive: bool = True) -> dict[str, Any]:
    return {"id": version + state, "version": version, "state": state, "healthCheckResults": [{"alive": alive}]}


def app(*tasks: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = {"id": "/e/a", "requirePorts": True, "portDefinitions": [{"port": 31500}], "healthChecks": [{}]}
    return body | {"versionInfo": {"lastConfigChangeAt": NEW}, "tasks": list(tasks), **more}


FREE = {"requirePorts": False}
READINESS = {"readinessChecks": [{"name": "r"}]}


@pytest.mark.parametrize(
    ("tasks", "more", "queued", "still"),
    [
        ([task(OLD, alive=False)], {}, None, True),  # too sick to be ended
        ([task(OLD)], {}, WAITS, True),  # it holds what the next one waits for
        ([task(OLD), task(NEW)], {}, WAITS, True),
        ([task(OLD)], {}, BACKS_OFF, False),
        ([task(OLD), task(OLD, "TASK_KILLING")], {}, WAITS, False),
        ([task(OLD), task(NEW, "TASK_STAGING")], {}, None, False),
        ([task(OLD), task(NEW, alive=False)], {}, None, False),  # the new one may still become healthy
        ([task(NEW)], {}, WAITS, False),
        ([task(OLD), task(NEW)], READINESS, None, False),
        ([task(OLD, alive=False)], READINESS, None, True),
        ([task(OLD, alive=False)], FREE, None, True),
        ([task(OLD)], FREE, WAITS, False),  # for resources, which others may give back
    ],
)
def test_what_stands_still(tasks: list[dict[str, Any]], more: dict[str, Any], queued: Any, still: bool) -> None:
    found = jams({}, {"/e/a": (app(*tasks, **more), queued)}, 5.0)
    assert found == ({"/e/a": Jam(5.0, sum(one["version"] == OLD for one in tasks))} if still else {})


def test_each_old_task_that_ends_gives_it_time_again() -> None:
    two, one = (app(*[task(OLD)] * count, taskKillGracePeriodSeconds=20) for count in (2, 1))
    first = jams({}, {"/e/a": (two, WAITS)}, 0.0)
    same = jams(first, {"/e/a": (two, WAITS)}, 29.0)
    assert same == first
    assert hopeless(same, {"/e/a": two}, 30.0) == ()
    assert hopeless(same, {"/e/a": two}, 30.1) == ("/e/a",)
    assert jams(same, {"/e/a": (one, WAITS)}, 31.0) == {"/e/a": Jam(31.0, 1)}


def test_only_what_is_restarted_at_present_can_stand_still() -> None:
    restart, scale = {"action": "RestartApplication", "app": "/e/a"}, {"action": "ScaleApplication", "app": "/e/b"}
    later = {"actions": [{"action": "RestartApplication", "app": "/e/c"}]}
    deployment = {"currentActions": [restart, scale], "currentStep": 1, "steps": [{"actions": [restart]}, later]}
    assert acted_on_now([deployment]) == {"/e/a"}
