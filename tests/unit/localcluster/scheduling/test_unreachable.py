"""How long unreachable instances are waited for."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.model import Condition
from ciprov.localcluster.scheduling.unreachable import judged, next_verdict

SINCE = datetime(2024, 1, 1, tzinfo=UTC)
WAITED = Condition.UNREACHABLE
INACTIVE = Condition.UNREACHABLE_INACTIVE


def app(strategy: Any) -> App:
    return App.model_validate({"id": "/a", "unreachableStrategy": strategy})


def both(inactive: int, expunge: int) -> dict[str, int]:
    return {"inactiveAfterSeconds": inactive, "expungeAfterSeconds": expunge}


@pytest.mark.parametrize(
    ("strategy", "after", "expected", "next_after"),
    [
        ({}, 0, None, None),
        (both(0, 0), 0, None, None),
        (both(0, 60), 0, INACTIVE, 60),
        (both(0, 60), 60, None, None),
        (both(10, 60), 0, WAITED, 10),
        (both(10, 60), 9, WAITED, 10),
        (both(10, 60), 10, INACTIVE, 60),
        (both(10, 10), 9, WAITED, 10),
        (both(10, 10), 10, None, None),
        ("disabled", 0, WAITED, None),
        ("disabled", 10**9, WAITED, None),
    ],
)
def test_verdicts(strategy: Any, after: int, expected: Condition | None, next_after: int | None) -> None:
    now = SINCE + timedelta(seconds=after)
    assert judged(app(strategy), SINCE, now) is expected
    expected_moment = None if next_after is None else SINCE + timedelta(seconds=next_after)
    assert next_verdict(app(strategy), SINCE, now) == expected_moment


def test_waits_that_no_date_can_hold_are_for_ever() -> None:
    endless, later = app(both(2**62, 2**63 - 1)), SINCE + timedelta(days=365)
    assert judged(endless, SINCE, later) is WAITED
    assert next_verdict(endless, SINCE, later) is not None
