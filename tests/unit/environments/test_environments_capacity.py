"""What can never fit is told in the plan: cases as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from ciprov.environments.capacity import with_capacity_notes
from ciprov.environments.counts import NOTHING_RECORDED
from ciprov.environments.planning import Target, make_plan

CASES = YAML(typ="safe").load(Path(__file__).parents[2] / "cases" / "capacity" / "notes.yaml")


def slave(index: int, agent: dict[str, Any]) -> dict[str, Any]:
    resources = {name: amount for name, amount in agent.items() if name != "away"}
    return {
        "id": f"S{index}",
        "hostname": f"agent-{index}",
        "active": not agent.get("away", False),
        "resources": resources,
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["says"])
def test_case(case: dict[str, Any]) -> None:
    wanted = {"id": "/e", "apps": case["desired"]}
    live = {"id": "/e", "apps": case["live"]} if "live" in case else None
    plan = make_plan(Target("e", "/e", wanted), live, NOTHING_RECORDED)
    agents = [slave(*one) for one in enumerate(case["agents"])] if "agents" in case else None
    notes = with_capacity_notes(plan, wanted, agents).notes
    assert len(notes) == len(case["expect"]), notes
    for note, start in zip(notes, case["expect"], strict=True):
        assert note.startswith(start)
