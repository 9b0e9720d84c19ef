"""Verdicts per app from what one poll saw; time is a number."""

from __future__ import annotations

from typing import Any

import pytest

from ciprov.environments.diagnosis import Diagnosis
from ciprov.environments.diagnosis.cause import Cause
from ciprov.environments.diagnosis.ends_of_tasks import explain_failure
from ciprov.environments.diagnosis.kinds import Kind
from ciprov.environments.progress import AppState
from ciprov.environments.readiness import Limits, Round, Sight, judge_all

LIMITS = Limits(timeout=30, settle=1)
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
    assert "failed at 4: m" in looped.verdicts["/e/a"].causes[0].evidence


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


BACK_OFF = {"delay": {"timeLeftSeconds": 1, "overdue": False}}


@pytest.mark.parametrize("seen_running", [True, False])
def test_commands_that_end_with_status_0_are_a_loop_as_well(seen_running):
    before = Round()
    for number in range(4):
        if seen_running:
            before = look(seen(task(number), checks=0), before, number * 2.0)
        else:
            before = look(seen(checks=0), before, number * 2.0, queued={"delay": {"overdue": True}})
        assert state(before) is not AppState.FAILED
        before = look(seen(checks=0), before, number * 2.0 + 1, queued=BACK_OFF)
    verdict = before.verdicts["/e/a"]
    assert verdict.state is AppState.FAILED
    assert verdict.detail == (
        "its command ended by itself with status 0, 4 times in a row; a service has to keep running"
    )


@pytest.mark.parametrize("ends", ["failed", "status 0"])
def test_what_ended_for_want_of_another_app_gets_its_chance_once_that_one_is_there(ends):
    before = Round()
    for number in range(4):
        more = {"lastTaskFailure": failure(number)} if ends == "failed" else {}
        for now, app, queued in (
            (number * 2.0, seen(task(number), checks=0, **more), None),
            (number * 2.0 + 1, seen(checks=0, **more), BACK_OFF),
        ):
            sights = {"/e/a": Sight(app, queued), "/e/db": Sight(seen(task(99, healthy=False)))}
            before = judge_all(sights, {}, before, LIMITS, now)
    assert before.watches["/e/a"].setbacks == 4
    there = {"/e/a": Sight(seen(checks=0), BACK_OFF), "/e/db": Sight(seen(task(99, healthy=True)))}
    before = judge_all(there, {}, before, LIMITS, 8.0)
    before = judge_all(there, {}, before, LIMITS, 9.0)
    assert state(before) is AppState.WAITING


def test_a_command_that_has_ended_once_must_run_for_longer():
    before = look(seen(task(1), checks=0), now=0.0)
    before = look(seen(checks=0), before, now=0.5, queued=BACK_OFF)
    assert before.verdicts["/e/a"].detail == (
        "its command ended by itself with status 0 [command-ended]; back-off, next try in 1 s"
    )
    before = look(seen(task(2), checks=0), before, now=2.0)
    assert state(look(seen(task(2), checks=0), before, now=6.9)) is AppState.STARTING
    assert state(look(seen(task(2), checks=0), before, now=7.0)) is AppState.HEALTHY


def test_tasks_that_somebody_replaces_are_no_loop():
    before = Round()
    for number in range(9):
        before = look(seen(task(number, healthy=False)), before, float(number))
    assert state(before) is AppState.STARTING


def test_the_best_reason_seen_is_the_one_that_is_told_in_the_end():
    sick = task(1, healthy=False)
    sick["healthCheckResults"][0]["lastFailureCause"] = "404 Not Found"
    causes = ["no agent has enough host ports free", "health check HTTP /: 404 Not Found"]
    for steps, expected in (([QUEUE], causes[0]), ([QUEUE, sick], causes[1]), ([sick], causes[1])):
        before = Round()
        for now, step in enumerate(steps):
            queued = step if step is QUEUE else None
            before = look(seen(*([] if queued else [step])), before, float(now), queued=queued)
        for app, queued in ((seen(task(2)), None), (seen(), BACK_OFF)):
            if app["tasks"] and step is QUEUE:
                continue
            late = look(app, before, 31.0, queued=queued)
            assert late.verdicts["/e/a"].detail == f"not ready after 30 s, 0 of 1 instances: {expected}"
            assert late.verdicts["/e/a"].brief == "not ready after 30 s"


def test_what_kept_an_app_from_starting_explains_nothing_once_it_runs():
    before = look(seen(task(1)), look(seen(), queued=QUEUE), 1.0)
    assert "ports" not in look(seen(task(1)), before, 31.0).verdicts["/e/a"].detail


def test_the_grace_period_says_why_no_cause_is_known():
    app = seen(task(1)) | {"healthChecks": [{"gracePeriodSeconds": 300}]}
    assert look(app).verdicts["/e/a"].detail == (
        "no health check has passed yet; failures show after the grace period of 300 s"
    )


def test_an_app_that_nothing_is_done_to_need_not_prove_itself():
    limits = Limits(timeout=30, settled=frozenset({"/e/a"}))
    assert state(judge_all({"/e/a": Sight(seen(task(1), checks=0))}, {}, Round(), limits, 0.0)) is AppState.HEALTHY


def test_a_reason_that_holds_another_is_told_once():
    cause = Cause(Kind.TASK_FAILED, "its task ended", ("failed: exit 3",))
    one = Diagnosis("/a", "its tasks failed; the last one failed: exit 3", (cause,))
    assert str(one).count("exit 3") == 1


@pytest.mark.parametrize(
    ("state", "told"),
    [("TASK_KILLED", "was killed"), ("TASK_ERROR", "could not be run"), ("TASK_ODD", "ended as odd")],
)
def test_an_end_is_told_in_a_whole_sentence(state, told):
    assert explain_failure({"state": state, "message": "m"}) == f"{told}: m"


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


def test_a_failure_is_told_in_one_line():
    assert explain_failure({"state": "TASK_FAILED", "host": "h", "timestamp": NEW, "message": "exit 3"}) == (
        f"failed on h at {NEW}: exit 3"
    )
    assert explain_failure(None) == ""


def test_an_image_that_is_not_there_is_not_tried_for_ever():
    missing = {"message": "Failed to run 'docker pull no/such': exited with status 1; stderr='not found'"}
    container = {"container": {"docker": {"image": "no/such"}}}
    before, others = Round(), {"/e/b": Sight(seen(task(9, healthy=False)))}
    for number, expected in ((1, AppState.WAITING), (2, AppState.FAILED)):
        app = seen(lastTaskFailure=failure(number) | missing, **container)
        before = judge_all({"/e/a": Sight(app, BACK_OFF), **others}, {}, before, LIMITS, number)
        assert state(before) is expected
        assert before.verdicts["/e/a"].causes[0].kind is Kind.IMAGE_MISSING


def test_what_waits_for_a_failing_app_is_told_the_root():
    graph = {"/e/a": frozenset({"/e/b"}), "/e/b": frozenset({"/e/c"})}
    waiting = seen(checks=0)
    sights = {"/e/a": Sight(waiting), "/e/b": Sight(waiting), "/e/c": Sight(seen(), QUEUE)}
    (cause,) = judge_all(sights, graph, Round(), LIMITS, 0.0).verdicts["/e/a"].causes
    assert cause.kind is Kind.DEPENDENCY_SICK
    assert cause.text == "it waits for /e/b, which is not ready"
    assert cause.evidence == ("/e/c: no agent has enough host ports free [ports-short]",)
