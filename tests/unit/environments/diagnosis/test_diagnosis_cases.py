"""Evidence as Marathon 1.11 gives it, and the cause that follows: cases as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from ciprov.environments.diagnosis.cause import Cause
from ciprov.environments.diagnosis.causes import Evidence, causes
from ciprov.environments.diagnosis.ends_of_tasks import cause_of_failure
from ciprov.environments.diagnosis.kinds import WAYS_OUT, Kind
from ciprov.environments.diagnosis.placement import Surroundings, placement_causes

CASES = Path(__file__).parents[3] / "cases" / "diagnosis"


def cases(name: str) -> Any:
    return pytest.mark.parametrize("case", YAML(typ="safe").load(CASES / name), ids=lambda case: case["says"])


def agent(index: int, has: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": f"S{index}",
        "hostname": f"agent-{index}",
        "active": not has.get("away", False),
        "attributes": has.get("attributes", {}),
        "resources": {key: amount for key, amount in has.items() if key not in ("away", "attributes", "used")},
        "used_resources": has.get("used", {}),
    }


@cases("ends_of_tasks.yaml")
def test_how_a_task_ended(case: dict[str, Any]) -> None:
    failure = {"state": case.get("state", "TASK_FAILED"), "host": case.get("host", ""), "message": case["message"]}
    cause = cause_of_failure({"id": "/e/a", **case.get("app", {}), "lastTaskFailure": failure})
    assert cause is not None
    assert cause.kind == case["kind"], cause
    assert case["cause"] in cause.text
    assert "\n" not in cause.text
    assert case["rests_on"]


@cases("placement.yaml")
def test_why_no_agent_takes_it(case: dict[str, Any]) -> None:
    summary = [
        {"reason": reason, "declined": declined, "processed": processed}
        for reason, (declined, processed) in case["rejected"].items()
    ]
    queued = {"processedOffersSummary": {"rejectSummaryLastOffers": summary}}
    slaves = [agent(*one) for one in enumerate(case["agents"])] if "agents" in case else None
    found = placement_causes({"id": "/e/a", **case["app"]}, queued, Surroundings(slaves, case.get("apps", ())))
    assert [cause.kind for cause in found] == case["kinds"], found
    assert case["cause"] in found[0].text
    assert case.get("evidence", "") in " ".join(found[0].evidence)


@cases("apps.yaml")
def test_all_that_is_seen_of_an_app(case: dict[str, Any]) -> None:
    needs = [(name, Cause(Kind(one["kind"]), one["text"])) for name, one in case.get("waits_for", {}).items()]
    found = causes(
        Evidence(
            {"id": "/e/a", **case["app"]},
            case.get("queued"),
            failures=case.get("failures", 0),
            ended=case.get("ended", 0),
            waits_for=needs,
        )
    )
    assert [cause.kind for cause in found] == case["kinds"], found
    if found:
        assert case["cause"] in found[0].text


def test_every_kind_has_a_way_out() -> None:
    assert WAYS_OUT.keys() == set(Kind)
    assert [kind for kind, way_out in WAYS_OUT.items() if not way_out] == [Kind.UNKNOWN]


def test_where_to_read_what_a_task_wrote_is_a_command_that_works_as_it_stands() -> None:
    failure = {"state": "TASK_FAILED", "host": "h", "message": "Command exited with status 3"}
    app = {"id": "/ci/x/tier/a", "labels": {"CIPROV_ENV": "x"}, "lastTaskFailure": failure}
    cause = cause_of_failure(app)
    assert cause is not None
    assert "`ciprov env logs x tier/a`" in cause.way_out
    loop = causes(Evidence(app, failures=3))[0]
    assert loop.kind is Kind.CRASH_LOOP
    assert loop.way_out == cause.way_out
    twice = cause_of_failure({**app, "id": "/x/x/a"})
    assert twice is not None
    assert "`ciprov env logs x /x/x/a`" in twice.way_out
