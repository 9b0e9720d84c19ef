"""What Mesos tells of a task."""

from __future__ import annotations

from typing import Any

import pytest

from ciprov.framework.ledger.status import StatusUnreadable, parse_status

USUAL: dict[str, Any] = {"task_id": {"value": "a1"}, "state": "TASK_RUNNING"}


@pytest.mark.parametrize(
    "odd", [{}, {**USUAL, "state": {}}, {**USUAL, "task_id": {"value": []}}, {**USUAL, "state": "TASK_FLYING"}]
)
def test_an_odd_update_is_refused(odd: dict[str, Any]) -> None:
    assert parse_status(USUAL).task_id == "a1"
    with pytest.raises(StatusUnreadable):
        parse_status(odd)
