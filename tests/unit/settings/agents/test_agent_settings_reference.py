"""docs/agents-settings.md and the README say what the code does."""

from __future__ import annotations

import re
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest
from agent_settings_examples import PLAIN, agents_of, cluster

from ciprov.settings.agents.display import rows, template_values
from ciprov.settings.agents.service_keys import DEFAULTS, SERVICE_KEYS
from ciprov.settings.agents.template_keys import TEMPLATE_KEYS

ROOT = Path(__file__).resolve().parents[4]
DOCUMENT = ROOT / "docs" / "agents-settings.md"
ELSEWHERE = {"labels", "unique_prefix", "roles", "container", "user", "work_dir", "ports", "warm"}
"""Whose default is told in words."""


def reference() -> ModuleType:
    loader = SourceFileLoader("settings_reference", str(ROOT / "scripts" / "settings-reference"))
    spec = spec_from_loader(loader.name, loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_the_tables_are_those_of_the_code() -> None:
    text = DOCUMENT.read_text()
    assert reference().written(text) == text, "run scripts/settings-reference"
    assert set(re.findall(r"<!-- keys of (\w+) -->", text)) == {"service", *reference().TABLES}
    for key in (*SERVICE_KEYS, *TEMPLATE_KEYS):
        assert f"| `{key}` |" in text


def test_the_defaults_that_are_told_are_the_defaults(tmp_path: Path) -> None:
    agents = agents_of(cluster(tmp_path, PLAIN))
    shown = template_values(agents.rules.templates[0])
    for key, known in TEMPLATE_KEYS.items():
        if key in ELSEWHERE:
            assert known.default
            continue
        value = shown[key]
        text = " ".join(value) if isinstance(value, list) else f"{value:g}" if isinstance(value, float) else str(value)
        expected = {"true": "True", "false": "False"}.get(known.default, known.default.strip("`"))
        assert (expected or "None") in (text or "None", "None") or key in {"cpus", "mem"}, key
    told = {row.key.removeprefix("agents."): row.shown for row in rows(agents)}
    for key, default in DEFAULTS.items():
        assert key not in told or told[key].strip("()") == default or default.endswith("`"), key


def blocks(document: Path) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", document.read_text(), re.DOTALL)


@pytest.mark.parametrize("text", [block for block in blocks(DOCUMENT) if "clusters:" in block])
def test_the_examples_are_good_ones(tmp_path: Path, text: str) -> None:
    agents = agents_of(cluster(tmp_path, text))
    assert agents.rules.templates
    assert agents.jenkins.token is not None


def test_the_example_of_a_warm_pool_is_a_good_one(tmp_path: Path) -> None:
    (warm,) = [block for block in blocks(DOCUMENT) if block.startswith("warm:")]
    lines = "".join(f"        {line}\n" for line in f"cpus: 1\nmem: 64\n{warm}".splitlines())
    text = (
        f"clusters:\n c:\n  mesos: http://m\n  agents:\n   jenkins: {{url: http://j}}\n   templates:\n    a:\n{lines}"
    )
    assert [line.count for line in agents_of(cluster(tmp_path, text)).rules.templates[0].limits.warm] == [4, 1]


def test_the_example_in_the_readme_is_a_good_one(tmp_path: Path) -> None:
    (section,) = [block for block in blocks(ROOT / "README.md") if block.lstrip().startswith("agents:")]
    agents = agents_of(cluster(tmp_path, f"clusters:\n  staging:\n    mesos: http://m\n{section}"))
    assert [template.name for template in agents.rules.templates] == ["maven", "shell"]
