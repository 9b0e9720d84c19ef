"""Verdicts per app from what one poll saw; time is a number."""

from __future__ import annotations

from typing import Any

import pytest

from ciprov.environments.diagnosis import explain_failure, explain_queue
from ciprov.environments.progress import AppState
from ciprov.environments.readiness import Limits, Round, Sight, judge_all

LIMITS = Limits(timeout=30)
NOTHING_SEEN = Round()
OLD, NEW = "2030-01-01T00:00:00.000Z", "2030-01-01T00:01:00.000Z"


def task(
    number: int, *, version: str = NEW, healthy: bool | None = None, state: str = "TASK_RUNNING"
) -> dict[str, Any]:
    results = [] if healthy is None else [{"alive": healthy, "lastFailureCause": None if healthy else "refused"}]
    return {"id": f"t{number}", "state": state, "version": version, "healthCheckResults": results}


def seen(*tasks: dict[str, Any], checks: int = 1, instances: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": "/e/a",
        "instances": instances,
        "versionInfo": {"lastConfigChangeAt": NEW},
        "healthChecks": [{}] * checks,
        "tasks": list(tasks),
        "tasksStaged": sum(one["state"] == "TASK_STAGING" for one in tasks),
        "tasksRunning": sum(one["state"] == "TASK_RUNNING" for one in tasks),
        **more,
    }


def failure(number: int, version: str = NEW) -> dict[str, Any]:
    return {
        "taskId": f"t{number}",
        "timestamp": str(number),
        "version": version,
        "state": "TASK_FAILED",
        "message": "m",
    }


def look(app: dict[str, Any], before: Round = NOTHING_SEEN, now: float = 0.0, **sight: Any) -> Round:
    return judge_all({"/e/a": Sight(app, **sight)}, {}, before, LIMITS, now)


def state(round_: Round, app_id: str = "/e/a") -> AppState:
    return round_.verdicts[app_id].state


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        (seen(task(1, healthy=True)), AppState.HEALTHY),
        (seen(task(1, healthy=False)), AppState.STARTING),
        (seen(task(1)), AppState.STARTING),
        (seen(task(1, healthy=True), instances=2), AppState.STARTING),
        (seen(task(1, healthy=True), task(2, healthy=True), instances=2), AppState.HEALTHY),
        (seen(task(1, healthy=True, version=OLD)), AppState.STARTING),
        (seen(task(1, healthy=True, state="TASK_KILLING")), AppState.STARTING),
        (seen(task(1, healthy=True), checks=2), AppState.STARTING),
        (seen(instances=0), AppState.ASLEEP),
        (seen(task(1), instances=0), AppState.STOPPING),
    ],
)
def test_an_app_with_health_checks_is_ready_when_enough_of_its_present_tasks_are_healthy(app, expected):
    assert state(look(app, deploying=True)) is expected


def test_an_app_without_checks_is_ready_after_running_for_a_moment():
    app = seen(task(1), checks=0)
    first = look(app, now=10.0)
    assert state(first) is AppState.STARTING
    assert state(look(app, first, now=10.9)) is AppState.STARTING
    assert state(look(app, first, now=11.0)) is AppState.HEALTHY
    gone = look(seen(checks=0), first, now=10.5)
    assert state(look(app, gone, now=11.2)) is AppState.STARTING


def test_a_readiness_check_holds_until_the_deployment_has_passed_the_app():
    app = seen(task(1, healthy=True), readinessChecks=[{}])
    assert state(look(app, deploying=True)) is AppState.STARTING
    assert state(look(app)) is AppState.HEALTHY


def failing(times: int, before: Round = NOTHING_SEEN, first: int = 1, now: float = 0.0) -> Round:
    for number in range(first, first + times):
        for _ in range(2):  # a poll that sees the same failure again counts nothing
            before = look(seen(lastTaskFailure=failure(number)), before, now, queued={"delay": {"overdue": False}})
    return before


def test_failures_in_a_row_are_a_crash_loop_long_before_the_deadline():
    assert state(failing(3)) is AppState.WAITING
    looped = failing(4)
    assert state(looped) is AppState.FAILED
    assert "failed 4 times in a row" in looped.verdicts["/e/a"].detail
    assert "failed at 4: m" in looped.verdicts["/e/a"].detail


def test_failures_of_an_earlier_definition_do_not_count():
    before = Round()
    for number in range(9):
        before = look(seen(lastTaskFailure=failure(number, OLD)), before, queued={"delay": {}})
    assert state(before) is AppState.WAITING


def test_getting_healthy_ends_the_row():
    healthy = look(seen(task(1, healthy=True), lastTaskFailure=failure(3)), failing(3))
    assert state(failing(3, healthy, first=4)) is AppState.WAITING


def test_the_deadline_starts_when_the_dependencies_are_ready():
    graph = {"/e/a": frozenset({"/e/db"})}
    db, waiting = seen(task(1)), seen()
    before = Round()
    for now in (0.0, 25.0):
        sights = {"/e/a": Sight(waiting, deploying=True), "/e/db": Sight(db, deploying=True)}
        before = judge_all(sights, graph, before, LIMITS, now)
        assert state(before) is AppState.BLOCKED
        assert before.verdicts["/e/a"].detail == "waits for /e/db"
    for now, expected in ((28.0, AppState.STARTING), (57.9, AppState.STARTING), (58.1, AppState.FAILED)):
        sights = {"/e/a": Sight(waiting, deploying=True), "/e/db": Sight(seen(task(1, healthy=True)))}
        before = judge_all(sights, graph, before, LIMITS, now)
        assert state(before) is expected


def test_an_app_that_loses_its_health_has_its_whole_time_again():
    healthy = look(seen(task(1, healthy=True)), now=0.0)
    later = look(seen(task(1, healthy=False)), healthy, now=100.0)
    assert state(later) is AppState.STARTING
    assert state(look(seen(task(1, healthy=False)), later, now=129.0)) is AppState.STARTING
    assert state(look(seen(task(1, healthy=False)), later, now=131.0)) is AppState.FAILED


def test_what_a_cancelled_deployment_left_is_stalled_after_a_while():
    for app in (
        seen(),
        seen(task(1, healthy=True, version=OLD)),
        seen(task(1, healthy=True), task(2, healthy=True)),
    ):
        first = look(app, now=10.0)
        assert first.stalled == ()
        assert look(app, first, now=14.9).stalled == ()
        assert look(app, first, now=15.0).stalled == ("/e/a",)
        assert look(app, look(app, first, now=13.0, deploying=True), now=16.0).stalled == ()


QUEUE = {
    "delay": {"timeLeftSeconds": 0, "overdue": True},
    "processedOffersSummary": {
        "rejectSummaryLastOffers": [
            {"reason": "InsufficientCpus", "declined": 0, "processed": 3},
            {"reason": "InsufficientPorts", "declined": 3, "processed": 3},
        ]
    },
}


def test_the_queue_is_told_in_plain_words():
    app = {"id": "/e/a", "requirePorts": True, "ports": [31500]}
    assert explain_queue(QUEUE, app) == "resources: no agent has its ports free (31500)"
    waiting = {"delay": {"timeLeftSeconds": 7, "overdue": False}}
    assert explain_queue(waiting, app) == "back-off after failures, next try in 7 s"
    assert explain_queue({"delay": {"overdue": True}}, app) == "resources: no offer was looked at yet"
    assert explain_failure({"state": "TASK_FAILED", "host": "h", "timestamp": NEW, "message": "exit 3"}) == (
        f"failed on h at {NEW}: exit 3"
    )
    assert explain_failure(None) == ""
