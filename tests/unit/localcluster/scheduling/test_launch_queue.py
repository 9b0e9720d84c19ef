"""The launch queue: counts, back-off and its resets, offer summaries."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.model import Condition, Resources
from ciprov.localcluster.scheduling.launch_queue import (
    AppGone,
    DelayReset,
    Event,
    LaunchQueue,
    Matched,
    Refused,
    TaskEnded,
    TaskUp,
    Wanted,
    delayed_until,
    due,
    handle,
    next_wakeup,
    view,
    waiting,
)
from ciprov.localcluster.scheduling.matching import Placement, Rejection
from ciprov.localcluster.scheduling.rejects import Reason

NOW = datetime(2024, 1, 1, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def app(changed: str = "v1", name: str = "/a", **fields: Any) -> App:
    return App.model_validate(
        {"id": name, "version": changed, "versionInfo": {"lastConfigChangeAt": changed}, **fields}
    )


def run(*events: tuple[float, Event], queue: LaunchQueue | None = None) -> LaunchQueue:
    queue = queue or LaunchQueue()
    for seconds, event in events:
        queue = handle(queue, event, after(seconds))
    return queue


def left(queue: LaunchQueue, definition: App, seconds: float) -> float:
    return (delayed_until(queue, definition, after(seconds)) - after(seconds)).total_seconds()


FAILED = TaskEnded(app(), Condition.FAILED)
PLACED = Placement("s0", "h", (), Resources(), {"s1": Reason.INSUFFICIENT_CPUS})


class TestCounts:
    def test_wanted_instances_wait_since_the_first(self) -> None:
        queue = run((0, Wanted(app(), 2)), (5, Wanted(app(), 1)))
        (entry,) = view(queue, after(6))
        assert (entry.count, entry.since, entry.overdue, entry.delay_seconds) == (3, NOW, True, 0)
        assert waiting(queue, "/a") == 3

    def test_the_last_match_ends_the_entry(self) -> None:
        queue = run((0, Wanted(app(), 2)), (1, Matched(app(), PLACED)))
        assert waiting(queue, "/a") == 1
        assert run((2, Matched(app(), PLACED)), queue=queue).entries == {}

    def test_scaling_down_while_waiting(self) -> None:
        assert run((0, Wanted(app(), 2)), (1, Wanted(app(), -5))).entries == {}
        assert run((0, Wanted(app(), -1))).entries == {}

    def test_versions_wait_side_by_side_and_go_together(self) -> None:
        queue = run((0, Wanted(app("v1"))), (1, Wanted(app("v2"), 2)), (2, Wanted(app(name="/b"))))
        assert waiting(queue, "/a") == 3
        assert [entry.app.id for entry in view(run((3, AppGone("/a")), queue=queue), NOW)] == ["/b"]

    def test_due_is_longest_waiting_first(self) -> None:
        queue = run((0, Wanted(app(name="/b"))), (1, Wanted(app())), (2, Wanted(app(name="/b"))))
        assert [entry.app.id for entry in due(queue, after(3))] == ["/b", "/a"]


class TestBackoff:
    def test_it_starts_with_backoff_seconds_and_grows_by_the_factor(self) -> None:
        definition = app(backoffSeconds=10, backoffFactor=2, maxLaunchDelaySeconds=35)
        queue, seen = LaunchQueue(), []
        for _ in range(4):
            queue = handle(queue, TaskEnded(definition, Condition.FAILED), NOW)
            seen.append(left(queue, definition, 0))
        assert seen == [10, 20, 35, 35]

    def test_defaults(self) -> None:
        queue = run((0, FAILED), (0, FAILED))
        assert left(queue, app(), 0) == pytest.approx(1.15)

    @pytest.mark.parametrize("condition", [Condition.FINISHED, Condition.FAILED, Condition.ERROR, Condition.LOST])
    def test_every_end_by_itself_adds_delay(self, condition: Condition) -> None:
        assert left(run((0, TaskEnded(app(), condition))), app(), 0) == 1

    @pytest.mark.parametrize("condition", [Condition.KILLED, Condition.KILLING, Condition.UNREACHABLE])
    def test_kills_add_none(self, condition: Condition) -> None:
        assert left(run((0, TaskEnded(app(), condition))), app(), 0) == 0

    def test_a_first_delay_never_exceeds_the_maximum(self) -> None:
        definition = app(backoffSeconds=10, maxLaunchDelaySeconds=3)
        assert left(run((0, TaskEnded(definition, Condition.FAILED))), definition, 0) == 3

    def test_while_delayed_it_is_not_due_and_not_overdue(self) -> None:
        queue = run((0, FAILED), (0, Wanted(app())))
        (entry,) = view(queue, after(0.25))
        assert (entry.overdue, entry.delay_seconds) == (False, 0.75)
        assert due(queue, after(0.999)) == ()
        assert next_wakeup(queue, after(0.25)) == after(1)
        assert [each.app.id for each in due(queue, after(1))] == ["/a"]
        assert next_wakeup(queue, after(1)) is None
        assert view(queue, after(1))[0].overdue

    def test_nothing_wakes_up_for_an_app_that_does_not_wait(self) -> None:
        assert next_wakeup(run((0, FAILED)), after(0.5)) is None

    def test_the_earliest_of_several_wakes_up(self) -> None:
        slow = app(name="/slow", backoffSeconds=9)
        queue = run((0, TaskEnded(slow, Condition.FAILED)), (0, FAILED), (0, Wanted(slow)), (0, Wanted(app())))
        assert next_wakeup(queue, NOW) == after(1)
        assert next_wakeup(queue, after(1)) == after(9)


class TestResets:
    def test_by_a_changed_definition(self) -> None:
        assert left(run((0, FAILED)), app("v2"), 0) == 0

    def test_not_by_scaling(self) -> None:
        scaled = App.model_validate({"id": "/a", "version": "v9", "versionInfo": {"lastConfigChangeAt": "v1"}})
        assert left(run((0, FAILED)), scaled, 0) == 1

    def test_by_request(self) -> None:
        queue = run((0, FAILED), (0, Wanted(app())), (0, DelayReset("/a")))
        assert left(queue, app(), 0) == 0
        assert waiting(queue, "/a") == 1
        assert left(run((0, FAILED), queue=queue), app(), 0) == 1

    def test_not_by_a_request_for_another_app(self) -> None:
        assert left(run((0, FAILED), (0, DelayReset("/b"))), app(), 0) == 1

    def test_by_quiet_time(self) -> None:
        definition = app(backoffSeconds=10, backoffFactor=2, maxLaunchDelaySeconds=60)
        end = TaskEnded(definition, Condition.FAILED)
        queue = run((0, end), (0, end))
        assert left(run((60, end), queue=queue), definition, 60) == 40
        assert left(run((60.1, end), queue=queue), definition, 60.1) == 10

    def test_quiet_time_begins_anew_when_a_task_comes_up(self) -> None:
        definition = app(backoffSeconds=10, backoffFactor=2, maxLaunchDelaySeconds=60)
        end = TaskEnded(definition, Condition.FAILED)
        queue = run((0, end), (50, TaskUp(definition)))
        assert left(queue, definition, 50) == 10
        assert left(run((100, end), queue=queue), definition, 100) == 20

    def test_a_task_that_comes_up_adds_no_delay(self) -> None:
        assert run((0, TaskUp(app()))) == LaunchQueue()

    def test_with_the_app(self) -> None:
        assert run((0, FAILED), (0, AppGone("/a"))) == LaunchQueue()

    def test_forgotten_delays_do_not_pile_up(self) -> None:
        queue = LaunchQueue()
        for number in range(500):
            changed = app(f"v{number}", maxLaunchDelaySeconds=5)
            queue = handle(queue, TaskEnded(changed, Condition.FAILED), after(number * 10))
        assert len(queue.delays) <= 64

    def test_a_clock_that_was_set_back_prolongs_no_delay(self) -> None:
        queue = run((7200, Wanted(app())), (7200, FAILED))
        assert left(queue, app(), 7200) == 1
        assert left(queue, app(), 3600) == 0


class TestOffers:
    refused = Refused(app(), Rejection({"s0": Reason.INSUFFICIENT_PORTS, "s1": Reason.INSUFFICIENT_CPUS}))

    def test_refusals_are_counted_per_attempt_and_per_agent(self) -> None:
        queue = run((0, Wanted(app())), (1, self.refused), (2, self.refused))
        (entry,) = view(queue, after(3))
        assert (entry.processed, entry.unused, entry.last_unused_at, entry.last_used_at) == (4, 4, after(2), None)
        last = {reason: (declined, processed) for reason, declined, processed in entry.rejects_last}
        attempt = {reason: (declined, processed) for reason, declined, processed in entry.rejects_attempt}
        assert last["InsufficientCpus"] == (1, 2)
        assert last["InsufficientPorts"] == (1, 1)
        assert attempt["InsufficientCpus"] == (2, 4)
        assert attempt["InsufficientPorts"] == (2, 2)

    def test_a_match_counts_as_used(self) -> None:
        queue = run((0, Wanted(app(), 2)), (1, Matched(app(), PLACED)))
        (entry,) = view(queue, after(3))
        assert (entry.processed, entry.unused, entry.last_used_at, entry.last_unused_at) == (2, 1, after(1), after(1))

    def test_nothing_waiting_nothing_counted(self) -> None:
        assert run((0, self.refused), (0, Matched(app(), PLACED))) == LaunchQueue()


@given(st.lists(st.tuples(st.floats(0, 400), st.sampled_from(list(Condition))), max_size=30))
def test_the_delay_follows_the_arithmetic(ends: list[tuple[float, Condition]]) -> None:
    """Against the rule said plainly: first, times factor, at most the limit; forgotten after so long without an end."""
    definition = app(backoffSeconds=3, backoffFactor=1.5, maxLaunchDelaySeconds=100)
    adds = {Condition.FINISHED, Condition.FAILED, Condition.ERROR, Condition.LOST}
    queue, now, expected, last = LaunchQueue(), 0.0, 0.0, float("-inf")
    for pause, condition in ends:
        now += pause
        queue = handle(queue, TaskEnded(definition, condition), after(now))
        if condition in adds:
            forgotten = after(now) > after(max(last, -1000)) + timedelta(seconds=100)
            expected = 3.0 if forgotten or expected == 0 else min(100.0, expected * 1.5)
            last = now
            assert left(queue, definition, now) == pytest.approx(expected, abs=1e-5)
