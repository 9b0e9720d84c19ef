"""Whole imports as data: what goes in, every finding, and the blueprint."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from ciprov.environments import desired
from ciprov.environments.blueprint.load import load
from ciprov.environments.importing.importer import Imported, import_definitions
from ciprov.environments.importing.sources import Unreadable

CASES = Path(__file__).resolve().parents[3] / "cases" / "importing"


def cases() -> list[Any]:
    yaml = YAML(typ="safe", pure=True)
    found = [(file.stem, case) for file in sorted(CASES.glob("*.yaml")) for case in yaml.load(file.read_text())]
    return [pytest.param(case, id=f"{stem}: {case['about']}") for stem, case in found]


def imported(case: dict[str, Any]) -> Imported:
    texts: dict[str, str | Unreadable] = dict(case["files"])
    files = case.get("import", list(case["files"]))
    result = import_definitions(files, texts)
    while result.wanted:
        texts |= {path: Unreadable("no such file") for path in result.wanted if path not in texts}
        result = import_definitions(files, texts)
    return result


@pytest.mark.parametrize("case", cases())
def test_import(case):
    result = imported(case)

    assert [str(finding) for finding in result.findings] == case["findings"]
    assert result.text == case["text"]


@pytest.mark.parametrize("case", cases())
def test_what_is_wrong_in_the_blueprint_was_told(case):
    result = imported(case)
    if not result.text:
        assert any(finding.is_error for finding in result.findings)
        return

    blueprint, _ = load(result.text, "made.yaml")

    wrong = {finding.message for finding in desired.check(blueprint) if finding.is_error}
    assert wrong == {finding.message for finding in result.findings if finding.is_error}
