"""The short form of `make soak` for agents: all that they need is killed at times while builds keep coming."""

from __future__ import annotations

from pathlib import Path

import pytest
import soak_agents
from agents_world import ON


@pytest.mark.parametrize("kind", ON)
def test_kills_leave_nothing_behind_and_lose_no_build_of_others(tmp_path: Path, kind: str) -> None:
    report = soak_agents.run(tmp_path, kind, 11, 10)
    assert not report.faults, report
    assert report.results["SUCCESS"], report
