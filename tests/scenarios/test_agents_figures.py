"""The short form of `make bench` for agents: counts and ratios, with room for a machine that is busy."""

from __future__ import annotations

import time
from pathlib import Path

from agents_figures import running


def test_a_burst_is_served_at_once_and_idleness_is_quiet(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        found = service.burst(100)
        assert found.all_accepted_s < 15, found
        assert found.surplus <= 1, found
        assert found.leaks == 0, found
        assert found.offers_answered_s < 1, found
        one_by_one = service.one_by_one(3)
        assert one_by_one.wanted_to_accept_s < 1, one_by_one


def test_where_nothing_is_to_be_done_jenkins_is_asked_once_a_second(tmp_path: Path) -> None:
    with running(tmp_path) as service:
        time.sleep(2)
        assert service.looks_per_second(5) <= 1.25
