"""Blueprints and what checking finds in them, as data: adding a case means adding text to a file."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from ciprov.environments.blueprint.load import load
from ciprov.environments.desired import check

CASES = Path(__file__).parents[3] / "cases" / "blueprint"


def _cases():
    return [
        pytest.param(case, id=f"{path.stem}: {case['about']}")
        for path in sorted(CASES.glob("*.yaml"))
        for case in YAML(typ="safe", pure=True).load(path)
    ]


@pytest.mark.parametrize("case", _cases())
def test_checking_finds_exactly_this(case):
    blueprint, _ = load(case["text"], "demo.yaml")

    assert [str(finding) for finding in check(blueprint)] == case["findings"]


@pytest.mark.parametrize("case", _cases())
def test_every_finding_with_a_place_points_into_the_text(case):
    blueprint, findings = load(case["text"], "demo.yaml")
    lines = case["text"].split("\n")

    for finding in [*findings, *check(blueprint)]:
        assert 1 <= finding.line <= len(lines)
        assert 1 <= finding.column <= len(lines[finding.line - 1]) + 1
