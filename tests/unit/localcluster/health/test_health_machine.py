"""The health machine: grace, failures in a row, kills and events; and the whole of it against a plain model."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.health.machine import (
    Effect,
    Kill,
    Outcome,
    Publish,
    Results,
    checks_added,
    checks_removed,
    initial,
    observe,
)
from ciprov.localcluster.model import Condition, HealthResult, Instance

START = datetime(2024, 1, 1, tzinfo=UTC)
GRACE = 30


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def app(*checks: dict[str, Any]) -> App:
    grace = {"gracePeriodSeconds": GRACE, "path": "/ping"}
    return App.model_validate({"id": "/a", "version": "v1", "healthChecks": [{**grace, **check} for check in checks]})


def instance(condition: Condition = Condition.RUNNING) -> Instance:
    return Instance(
        "a.instance-1", "/a", "v1", condition, START, agent_id="s0", host="h", started_at=START, staged_at=START
    )


def run(
    definition: App, *outcomes: tuple[float, bool], results: Results = (), index: int = 0
) -> tuple[Results, list[Effect]]:
    effects: list[Effect] = []
    for seconds, ok in outcomes:
        outcome = Outcome(index, ok, "" if ok else "no answer")
        results, more = observe(results, outcome, definition, instance(), after(seconds))
        effects += more
    return results, effects


def events(effects: list[Effect]) -> list[str]:
    return [effect.event_type for effect in effects if isinstance(effect, Publish)]


def kills(effects: list[Effect]) -> list[Kill]:
    return [effect for effect in effects if isinstance(effect, Kill)]


def test_nothing_is_alive_before_the_first_success() -> None:
    definition = app({}, {})
    assert initial(definition) == (HealthResult(0), HealthResult(1))
    assert replace(instance(), health=initial(definition)).healthy is False
    assert replace(instance(), health=initial(app())).healthy is None


def test_the_first_success_makes_it_alive_and_tells() -> None:
    results, effects = run(app({}), (3, True))
    assert results == (HealthResult(0, alive=True, first_success=after(3), last_success=after(3)),)
    assert effects == [
        Publish(
            "health_status_changed_event",
            {"appId": "/a", "instanceId": "a.instance-1", "version": "v1", "alive": True},
        ),
        Publish(
            "instance_health_changed_event",
            {"instanceId": "a.instance-1", "runSpecId": "/a", "runSpecVersion": "v1", "healthy": True},
        ),
    ]


def test_a_second_success_tells_nothing() -> None:
    results, effects = run(app({}), (3, True), (4, True))
    assert results[0].first_success == after(3)
    assert results[0].last_success == after(4)
    assert len(effects) == 2


def test_failures_in_the_grace_period_are_as_if_never_seen() -> None:
    results, effects = run(app({}), *[(second, False) for second in range(GRACE)])
    assert results == initial(app({}))
    assert effects == []


def test_the_first_failure_after_the_grace_period_counts() -> None:
    results, effects = run(app({}), (GRACE, False))
    assert results == (
        HealthResult(0, consecutive_failures=1, last_failure=after(GRACE), last_failure_cause="no answer"),
    )
    assert events(effects) == ["failed_health_check_event"]


def test_a_success_ends_the_grace_period() -> None:
    results, effects = run(app({}), (1, True), (2, False))
    assert (results[0].alive, results[0].consecutive_failures) == (False, 1)
    assert events(effects)[2:] == [
        "failed_health_check_event",
        "health_status_changed_event",
        "instance_health_changed_event",
    ]


def test_reaching_the_maximum_kills_and_says_why() -> None:
    _, effects = run(app({"maxConsecutiveFailures": 2}), (1, True), (40, False), (50, False))
    assert kills(effects) == [Kill("a.instance-1", "health check 0 failed 2 times in a row: no answer")]
    told = next(each for each in effects if isinstance(each, Publish) and each.event_type.startswith("unhealthy"))
    assert told.event_type == "unhealthy_instance_kill_event"
    assert told.fields == {
        "appId": "/a",
        "taskId": "a.instance-1._app.1",
        "instanceId": "a.instance-1",
        "version": "v1",
        "reason": "no answer",
        "host": "h",
        "slaveId": "s0",
        "timestamp": "2024-01-01T00:00:50.000Z",
    }


def test_a_success_in_between_starts_the_count_anew() -> None:
    outcomes = [(40, False), (41, False), (42, True), (43, False), (44, False)]
    _, effects = run(app({"maxConsecutiveFailures": 3}), *outcomes)
    assert kills(effects) == []


@pytest.mark.parametrize("protocol", ["HTTP", "HTTPS", "TCP", "COMMAND"])
def test_zero_never_kills_for_checks_by_marathon(protocol: str) -> None:
    check = {"protocol": protocol, "maxConsecutiveFailures": 0}
    results, effects = run(app(check), *[(40 + second, False) for second in range(20)])
    assert kills(effects) == []
    assert results[0].consecutive_failures == 20


@pytest.mark.parametrize("protocol", ["MESOS_HTTP", "MESOS_HTTPS", "MESOS_TCP"])
def test_zero_kills_at_once_for_checks_beside_the_task(protocol: str) -> None:
    _, effects = run(app({"protocol": protocol, "maxConsecutiveFailures": 0}), (1, True), (40, False))
    assert len(kills(effects)) == 1
    assert "unhealthy_instance_kill_event" not in events(effects)


@pytest.mark.parametrize("condition", [Condition.STAGING, Condition.KILLING, Condition.UNREACHABLE, Condition.FAILED])
def test_failures_of_what_does_not_run_are_ignored(condition: Condition) -> None:
    before = (HealthResult(0, alive=True, first_success=START, last_success=START),)
    assert observe(before, Outcome(0, False), app({}), instance(condition), after(99)) == (before, ())


def test_the_whole_is_healthy_when_every_check_is() -> None:
    definition = app({}, {"protocol": "TCP"})
    results, effects = run(definition, (1, True))
    assert events(effects) == ["health_status_changed_event"]
    results, effects = run(definition, (2, True), results=results, index=1)
    assert events(effects) == ["health_status_changed_event", "instance_health_changed_event"]
    results, effects = run(definition, (3, False), results=results, index=1)
    assert results[0].alive
    assert not results[1].alive
    assert events(effects)[-1] == "instance_health_changed_event"


def test_an_index_that_is_not_checked_any_more_changes_nothing() -> None:
    before = initial(app({}))
    assert observe(before, Outcome(3, True), app({}), instance(), after(1)) == (before, ())


def test_events_of_checks_that_come_and_go() -> None:
    (added,) = checks_added(app({"protocol": "TCP", "portIndex": 0}))
    assert added.event_type == "add_health_check_event"
    assert added.fields["appId"] == "/a"
    assert added.fields["version"] == "v1"
    assert added.fields["healthCheck"]["protocol"] == "TCP"
    assert checks_removed(app({})) == (Publish("remove_health_check_event", {"appId": "/a"}),)
    assert checks_added(app()) == checks_removed(app()) == ()


@given(st.integers(0, 4), st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=40))
def test_against_a_plain_model(limit: int, steps: list[tuple[int, bool]]) -> None:
    """The model: once up, failures in a row are counted; at the limit it is killed, unless the limit is 0."""
    definition = app({"maxConsecutiveFailures": limit})
    results, now = initial(definition), 0
    ever, alive, failures = False, False, 0
    for pause, ok in steps:
        now += pause
        results, effects = observe(results, Outcome(0, ok, "why"), definition, instance(), after(now))
        counts = ok or ever or now >= GRACE
        was_alive = alive
        if ok:
            ever, alive, failures = True, True, 0
        elif counts:
            alive, failures = False, failures + 1
        assert (results[0].alive, results[0].consecutive_failures) == (alive, failures)
        assert (results[0].first_success is not None) == ever
        assert bool(kills(list(effects))) == (not ok and counts and 0 < limit <= failures)
        assert ("failed_health_check_event" in events(list(effects))) == (not ok and counts)
        assert ("health_status_changed_event" in events(list(effects))) == (alive != was_alive)
