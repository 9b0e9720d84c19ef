"""Each thing that is wrong in a section `agents` is told once, with its place, and all at once."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from ciprov.settings.document import SettingsError
from ciprov.settings.loading import Options, load

CASES = Path(__file__).resolve().parents[3] / "cases" / "agent_settings"
HEAD = "clusters:\n  c:\n    mesos: http://m:5050\n    agents:\n"


def cases(name: str) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in YAML(typ="safe").load(CASES / name)]


def told(directory: Path, text: str, **variables: str) -> list[str]:
    file = directory / "config.yaml"
    file.write_text(text)
    cluster = load({"HOME": str(directory), "CIPROV_CONFIG": str(file), **variables}, Options()).cluster
    with pytest.raises(SettingsError) as error:
        _ = cluster.agents
    assert "hunter2" not in str(error.value)
    return [finding.replace(str(file), "F") for finding in error.value.findings]


def check(findings: list[str], expected: list[str]) -> None:
    missing = [each for each in expected if not any(finding.startswith(each) for finding in findings)]
    others = [finding for finding in findings if not any(finding.startswith(each) for each in expected)]
    assert (missing, others) == ([], [])
    assert len(set(findings)) == len(findings) == len(expected)


@pytest.mark.parametrize("case", cases("wrong_service.yaml"))
def test_what_is_wrong_with_the_service(tmp_path: Path, case: dict[str, Any]) -> None:
    check(told(tmp_path, HEAD + textwrap.indent(case["agents"], " " * 6)), case["told"])


@pytest.mark.parametrize("case", cases("wrong_templates.yaml"))
def test_what_is_wrong_with_templates(tmp_path: Path, case: dict[str, Any]) -> None:
    service = "      jenkins: {url: http://j}\n      templates:\n"
    most = str(case.get("most", 0))
    text = HEAD + service + textwrap.indent(case["templates"], " " * 8)
    check(told(tmp_path, text, CIPROV_AGENTS_MOST=most), case["told"])


def test_findings_come_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = f"{HEAD}      jenkins: {{url: http://j}}\n      templates:\n        a: {{cpus: lots, mem: x, moust: 1}}\n"
    places = [finding.split(": ")[0] for finding in told(tmp_path, text, CIPROV_AGENTS_MOST="many")]
    assert places == ["F:7:19", "F:7:30", "F:7:33", "variable CIPROV_AGENTS_MOST"]


@pytest.mark.parametrize("key", ["jvmOptions", "jvm-options", "JVM_OPTIONS"])
def test_a_key_that_is_written_otherwise_is_named(tmp_path: Path, key: str) -> None:
    text = f"{HEAD}      jenkins: {{url: http://j}}\n      templates: {{a: {{cpus: 1, mem: 64, {key}: x}}}}\n"
    assert told(tmp_path, text)[0].endswith(": unknown key; did you mean jvm_options?")


def test_all_keys_are_listed_in_a_line_of_their_own_where_none_is_near(tmp_path: Path) -> None:
    text = f"{HEAD}      jenkins: {{url: http://j, xyz: 1}}\n      templates: {{a: {{cpus: 1, mem: 64}}}}\n"
    (finding,) = told(tmp_path, text)
    assert (
        finding == "F:5:32: agents.jenkins.xyz: unknown key\n  There are: tls, token, token_env, token_file, url, user."
    )


SECRET = "11abababababababababababababababab"


@pytest.mark.parametrize(
    "wrong",
    [
        f"most: {SECRET}",
        f"most: {{x: {SECRET}}}",
        f"lead: {SECRET}",
        f"api_token_env: {SECRET}",
        f"anchors: {SECRET}",
        f"address: http://u:{SECRET}/x@h",
        f"listen: {SECRET}",
        f"templates: {{a: {{cpus: {SECRET}, mem: 64}}}}",
        f"templates: {{a: {{cpus: 1, mem: 64, idle: {SECRET}}}}}",
        f"templates: {{a: {{cpus: 1, mem: 64, exclusive: {SECRET}}}}}",
        f"templates: {{a: {{cpus: 1, mem: 64, env: {{A: {{from_env: {SECRET}}}}}}}}}",
        f'templates: {{a: {{cpus: 1, mem: 64, uris: ["http://u:{SECRET}@\u2100"]}}}}',
    ],
)
def test_a_secret_in_the_wrong_place_is_not_told(tmp_path: Path, wrong: str) -> None:
    text = f"{HEAD}      jenkins: {{url: http://j}}\n      {wrong}\n"
    found = "\n".join(told(tmp_path, text))
    assert "F:6:" in found
    assert SECRET[:12] not in found
