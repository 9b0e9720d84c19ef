"""Whether a rolling update ends: the same cases as those of the embedded cluster's own arithmetic."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from ciprov.environments.replacing.rolling import ANYWHERE, Capacities, Old, Room, comes_to_its_end

TABLE = YAML(typ="safe").load((Path(__file__).parents[3] / "cases" / "deployments" / "fixed_ports.yaml").read_text())


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case["name"])
def test_the_table_of_the_fixed_port_deadlock(case: dict[str, Any]) -> None:
    count, well = case["instances"], case["old"] in ("healthy", "unchecked")
    old = Old(count) if well else Old(0, count)
    room = Room(free=case["agents"] - count, reused=True)
    ends = comes_to_its_end(count, Capacities(*case["strategy"]), old, room)
    assert ends == (case["result"] == "works")


@pytest.mark.parametrize(
    ("count", "given", "old", "room", "ends"),
    [
        (1, (1, 1), Old(1), ANYWHERE, True),
        (2, (1, 0), Old(2), ANYWHERE, True),  # one more than asked for, as all are healthy
        (2, (1, 0), Old(0, 2), ANYWHERE, False),  # the sick ones take up all there may be
        (2, (1, 0), Old(1, 1), ANYWHERE, False),
        (2, (1, 0.5), Old(0, 2), ANYWHERE, True),
        (1, (1, 0), Old(0), ANYWHERE, True),
        (1, (1, 0), Old(3), Room(0, reused=True), True),  # two are too many and end at once
        (1, (0, 0), Old(3), Room(0, reused=True), True),
        (3, (0, 0), Old(1), Room(0, reused=True), False),  # two of them have no place at all
        (3, (0, 0), Old(3), Room(0, reused=False), False),
    ],
)
def test_other_counts_and_places(count: int, given: tuple[float, float], old: Old, room: Room, ends: bool) -> None:
    assert comes_to_its_end(count, Capacities(*given), old, room) is ends


def test_what_is_pinned_to_its_volume_gives_way_one_by_one() -> None:
    usual = Capacities(0.5, 0)
    assert comes_to_its_end(1, usual, Old(1), Room(0, reused=True), resident=True)
    assert not comes_to_its_end(1, usual, Old(1), Room(0, reused=True))
