"""What keeps a plan from working is found before anything is written: cases as data."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from ciprov.domain.environment import EnvironmentRecord, Phase
from ciprov.environments.agent_ports import agent_ports, offered_text
from ciprov.environments.conflicts import Neighbours, with_conflicts
from ciprov.environments.counts import NOTHING_RECORDED
from ciprov.environments.outlook import taken_ports
from ciprov.environments.planning import Target, make_plan

CASES = sorted((Path(__file__).parents[2] / "cases" / "conflicts").glob("*.yaml"))
NOW = datetime(2030, 1, 1, tzinfo=UTC)


def record(name: str, **fields: object) -> EnvironmentRecord:
    return EnvironmentRecord(
        "c",
        name,
        f"/{name}",
        "b",
        "b.yaml",
        "",
        "",
        Phase.CREATING,
        NOW,
        NOW,
        **fields,  # type: ignore[arg-type]
    )


def slaves(offered: list[str], used: list[str]) -> list[dict[str, object]]:
    return [
        {"id": f"agent-{index}", "resources": {"ports": ports}, "used_resources": {"ports": taken}}
        for index, (ports, taken) in enumerate(zip(offered, used or [""] * len(offered), strict=True))
    ]


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_case(file: Path) -> None:
    case = YAML(typ="safe").load(file.read_text())
    wanted = {"id": "/e", "apps": case["desired"]}
    live = {"id": "/e", "apps": case["live"]} if "live" in case else None
    claims = case.get("claims")
    records = [record("f", claimed_ports=claims["fixed"], service_ports=claims["service"])] if claims else []
    agents = slaves(case["agents"], case.get("used", [])) if "agents" in case else None
    apps = [*case.get("others", []), *case.get("live", [])]
    plan = make_plan(Target("e", "/e", wanted), live, NOTHING_RECORDED)
    plan = with_conflicts(plan, wanted, live, Neighbours(apps, records, agents))
    found = [str(conflict) for conflict in plan.conflicts]
    assert len(found) == len(case["expect"]), found
    for text, start in zip(found, case["expect"], strict=True):
        assert text.startswith(start)
        assert len(text.splitlines()) == 2, "the way out is missing"
    assert [note[: len(start)] for note, start in zip(plan.notes, case.get("notes", []), strict=True)] == case.get(
        "notes", []
    )


def test_ranges_of_agents_are_joined_for_people() -> None:
    assert (
        offered_text(agent_ports(slaves(["[31000-31499, 8080-8080]", "[31500-32000]"], []))) == "8080-8080, 31000-32000"
    )
    assert agent_ports([{"id": "a", "active": False, "resources": {"ports": "[1-2]"}}]) == ()
    assert offered_text(()) == "no ports"


def test_taken_ports_are_all_but_the_environments_own() -> None:
    apps = [
        {"id": "/e/a", "ports": [20001], "labels": {"CIPROV_ENV": "e"}},
        {"id": "/f/a", "ports": [20002], "labels": {"CIPROV_ENV": "f"}},
        {"id": "/f/b", "ports": [31500], "requirePorts": True},
    ]
    records = [record("e", service_ports={"a/0": 20001}), record("f", service_ports={"a/0": 20002, "c/0": 20003})]
    assert taken_ports("e", None, apps, records) == {20002, 20003, 31500}
    assert taken_ports("e", records[0], apps, records) == {20002, 20003, 31500}
