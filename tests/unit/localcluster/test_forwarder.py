from __future__ import annotations

import pytest

from ciprov.localcluster.forwarder import RETRY_AT_MOST_SECONDS, order, retry_pause

TARGETS = [("h", 1), ("h", 2), ("h", 3)]


def test_each_connection_starts_with_the_next_target_and_tries_all() -> None:
    assert [order(TARGETS, turn)[0][1] for turn in range(1, 7)] == [2, 3, 1, 2, 3, 1]
    assert all(sorted(order(TARGETS, turn)) == TARGETS for turn in range(5))


def test_nothing_to_try_without_targets() -> None:
    assert order([], 7) == []


@pytest.mark.parametrize(
    ("failures", "seconds"), [(1, 0.5), (2, 1.0), (4, 4.0), (40, RETRY_AT_MOST_SECONDS), (5000, RETRY_AT_MOST_SECONDS)]
)
def test_a_port_that_cannot_be_bound_is_tried_ever_less_often(failures: int, seconds: float) -> None:
    assert retry_pause(failures) == seconds
