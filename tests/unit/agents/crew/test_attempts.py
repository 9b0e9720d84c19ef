import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from demand_cases import NOW
from hypothesis import given
from hypothesis import strategies as st

from ciprov.agents.crew.attempts import (
    Attempts,
    decode,
    encode,
    failed,
    pauses,
    probed,
    resumed,
    retained,
    succeeded,
    told,
)
from ciprov.agents.record import FAILURES, AgentRecord, Cause, Phase
from ciprov.agents.template import Limits

LIMITS = Limits(attempts=3, retry_s=1.0, pause_s=1800.0)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def ended(launched: float, cause: Cause = Cause.TASK_FAILED, template: str = "gpu") -> AgentRecord:
    """Launched so many seconds after the start."""
    record = AgentRecord("x", template, (), at(launched), at(launched), Phase.ENDED, cause=cause, detail="no image")
    return replace(record, times={Phase.LAUNCHED.value: at(launched)})


def refused(wanted: float) -> AgentRecord:
    """Its node was never made."""
    return replace(ended(wanted, Cause.NODE_REFUSED), times={})


def test_it_waits_twice_as_long_each_time_and_then_pauses():
    attempts, waits = Attempts(), []
    begun = 0.0
    for _ in range(5):
        attempts = failed(attempts, ended(begun), LIMITS, at(begun + 0.5))
        (pause,) = pauses(attempts, at(begun + 0.5)).values()
        waits.append(((pause.until - at(begun + 0.5)).total_seconds(), pause.final, pause.failures))
        begun = (pause.until - NOW).total_seconds()
    # After a pause one attempt is made before the next.
    assert waits == [(1, False, 1), (2, False, 2), (1800, True, 3), (1800, True, 4), (1800, True, 5)]


def test_a_wave_is_one_attempt():
    attempts = failed(Attempts(), ended(0), LIMITS, at(10))
    for moment in (10, 11, 30, 500):
        assert failed(attempts, ended(5), LIMITS, at(moment)) == attempts
        assert failed(attempts, ended(10), LIMITS, at(moment)) == attempts
    assert pauses(attempts, at(10))["gpu"].failures == 1
    again = failed(attempts, ended(11), LIMITS, at(12))
    assert pauses(again, at(12))["gpu"].failures == 2


def test_refusals_of_nodes_in_a_row_are_one_attempt_and_one_that_was_held_back_is_another():
    attempts = failed(Attempts(), refused(0), LIMITS, at(0.1))
    assert failed(attempts, refused(0), LIMITS, at(0.9)) == attempts
    again = failed(attempts, refused(0), LIMITS, at(1.2))
    assert pauses(again, at(1.2))["gpu"].failures == 2


def test_success_makes_it_forgotten():
    attempts = failed(Attempts(), ended(0), LIMITS, at(1))
    assert probed(attempts) == {"gpu"}
    assert succeeded(attempts, "gpu") == Attempts()
    assert succeeded(attempts, "other") is attempts


def test_kinds_of_failure_are_counted_apart():
    attempts = Attempts()
    for number, cause in enumerate([Cause.TASK_FAILED, Cause.NOT_CONNECTED, Cause.TASK_FAILED, Cause.NOT_CONNECTED]):
        attempts = failed(attempts, ended(number * 100, cause), LIMITS, at(number * 100 + 1))
        assert not pauses(attempts, at(number * 100 + 1))["gpu"].final
    attempts = failed(attempts, ended(900, Cause.TASK_FAILED), LIMITS, at(901))
    assert pauses(attempts, at(901))["gpu"].final
    # Whatever comes after a pause is its only attempt.
    attempts = failed(attempts, ended(9000, Cause.NODE_REFUSED), LIMITS, at(9001))
    assert pauses(attempts, at(9001))["gpu"].final


def test_templates_do_not_disturb_each_other():
    attempts = failed(failed(Attempts(), ended(0), LIMITS, at(1)), ended(0, template="arm"), LIMITS, at(5))
    assert set(pauses(attempts, at(1.5))) == {"gpu", "arm"}
    assert set(pauses(attempts, at(5.5))) == {"arm"}
    assert succeeded(attempts, "gpu") == retained(attempts, {"arm"})


def test_resumed_it_has_all_its_attempts_again_one_agent_at_a_time():
    attempts = Attempts()
    for moment in (0, 10, 20):
        attempts = failed(attempts, ended(moment), LIMITS, at(moment + 1))
    attempts = resumed(attempts, "gpu")
    assert pauses(attempts, at(22)) == {}
    assert probed(attempts) == {"gpu"}
    assert resumed(attempts, "other") is attempts
    assert failed(attempts, ended(20.5), LIMITS, at(23)) == attempts
    again = failed(attempts, ended(22), LIMITS, at(23))
    assert pauses(again, at(23))["gpu"].failures == 1
    assert not pauses(again, at(23))["gpu"].final


def test_what_is_told():
    attempts = failed(Attempts(), ended(0), LIMITS, at(0))
    assert told(pauses(attempts, at(0))["gpu"]) == (
        "template gpu failed once: its task failed before it connected (no image); it is tried again at "
        "2026-11-23 06:00:01 UTC; if it goes on, correct its image, its URIs, its Java, its options or its mem; "
        "`ciprov agents logs x` tells more"
    )
    for moment in (2, 5):
        attempts = failed(attempts, ended(moment), LIMITS, at(moment))
    assert told(pauses(attempts, at(5))["gpu"]) == (
        "template gpu is paused until 2026-11-23 06:30:05 UTC, as it failed 3 times in a row, at last: its task failed "
        "before it connected (no image); correct its image, its URIs, its Java, its options or its mem; `ciprov "
        "agents logs x` tells more, then run `ciprov agents resume gpu`"
    )


@pytest.mark.parametrize("cause", sorted(FAILURES))
def test_each_failure_has_a_way_out(cause):
    attempts = failed(Attempts(), ended(0, cause), LIMITS, at(0))
    text = told(pauses(attempts, at(0))["gpu"])
    assert cause in text
    assert "look at what it says" not in text


def test_a_long_detail_becomes_one_line_of_some_length():
    record = replace(ended(0), detail="line\n" * 500)
    (pause,) = pauses(failed(Attempts(), record, LIMITS, at(0)), at(0)).values()
    assert "\n" not in pause.detail
    assert 500 < len(pause.detail) <= 600
    assert pause.detail.endswith("line …")


def test_it_survives_in_a_store():
    attempts = failed(failed(Attempts(), ended(0), LIMITS, at(1)), refused(0), LIMITS, at(5))
    attempts = failed(attempts, ended(0, template="arm"), LIMITS, at(5))
    assert decode(json.loads(json.dumps(encode(attempts)))) == attempts
    assert decode({}) == Attempts()


@given(st.lists(st.tuples(st.floats(0, 50), st.sampled_from(sorted(FAILURES)), st.booleans()), max_size=30))
def test_a_template_without_success_is_tried_three_times_for_each_cause_at_most(steps):
    """Whoever heeds the pauses and tries one agent at a time."""
    attempts, now, tries = Attempts(), 0.0, 0
    for wait, cause, success in steps:
        now += wait
        if pauses(attempts, at(now)):
            continue
        tries += 1
        attempts = (
            succeeded(attempts, "gpu") if success else failed(attempts, ended(now, cause), LIMITS, at(now + 0.01))
        )
        tries = 0 if success else tries
        assert tries <= 2 * len(FAILURES) + 1 or pauses(attempts, at(now + 0.01))["gpu"].final
        now += 0.02
