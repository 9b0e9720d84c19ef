"""Reading: whatever the text is, there are findings and no exception."""

import json
import os
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciprov.environments.blueprint.findings import BlueprintError, errors
from ciprov.environments.blueprint.load import load
from ciprov.environments.desired import Request, build, check

SMALL = """\
blueprint: demo
parameters:
  workers: {type: integer, default: 1, minimum: 1}
  tag: {default: "v${workers}"}
kinds:
  dev: {api: {instances: 1, env: {A: null}}}
default_kind: dev
ttl: 8h
routes: [{name: front, app: api, port: http}]
group:
  apps:
    - &one
      id: api
      cmd: run ${service.api.http} ${PORT0} $${x} ${tag}
      env: {A: "${workers}", B: db.marathon.mesos}
      portDefinitions: [{name: http, port: 0, labels: {VIP_0: "/api:80"}}]
  groups:
    - id: tools
      dependencies: [../api]
      apps: [{<<: *one, id: worker}]
"""
PIECES = [
    *("${", "}", "$${", "null", "[", "]", "{", ":", "- ", "\n", "  ", "&a ", "*a", "<<: *one", "!!int ", "!x ", "\t"),
    *("\x00", "'", '"', "|", "%", "---\n", "id", "apps", "group", ": 1e999", "0x", "../", "/", "service.api", "9" * 40),
    *("\ud800", "? ", "-1", "true", "1.5", "[]", "{}", ": ''", "é", "${env.name}", "~", "\ufeff", "#", "---", "..."),
]
REQUEST = Request("feature-x", "/ciprov/feature-x", "127.0.0.1", "/srv/demo")


def _everything(text):
    """All that can be done with a blueprint's text; returns the number of findings."""
    blueprint, findings = load(text, "f.yaml")
    checked = check(blueprint)
    assert all(str(finding).startswith("f.yaml:") for finding in [*findings, *checked])
    with suppress(BlueprintError):
        build(blueprint, REQUEST)
    return len(checked)


def _mangled(draw):
    text = SMALL
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.sampled_from(PIECES)) + text[at + draw(st.integers(0, 12)) :]
    return text


@given(st.composite(_mangled)())
def test_no_mangled_blueprint_gives_an_exception(text):
    _everything(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "apps", "groups", "cmd", "env", "container", "docker", "portMappings", "labels", "ports"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON, JSON)
def test_no_shape_of_a_group_gives_an_exception(group, app):
    _everything(json.dumps({"blueprint": "demo", "group": group}))
    _everything(
        json.dumps({"blueprint": "demo", "group": {"apps": [app, {"id": "a", "cmd": "x", "container": group}]}})
    )


def test_the_small_blueprint_is_fine():
    blueprint, findings = load(SMALL, "f.yaml")

    assert errors(findings) == []
    assert (blueprint.name, blueprint.ttl, blueprint.timeout, blueprint.default_kind) == ("demo", 28800, 300, "dev")


def test_a_bomb_of_aliases_is_cut_short():
    lines = ["blueprint: demo", "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    started = time.process_time()

    _, findings = load("\n".join([*lines, "group: *a11"]), "f.yaml")

    assert str(findings[-1]) == (
        "f.yaml:7:5: this holds too many values once its aliases are followed (allowed: at most 200,000)"
    )
    assert time.process_time() - started < 1


@pytest.mark.filterwarnings("error")
def test_an_anchor_may_be_given_anew():
    text = "blueprint: demo\ngroup:\n  apps: [&a {id: x, cmd: x}, &a {id: y, cmd: y}, {<<: *a, id: z}]"
    blueprint, findings = load(text, "f.yaml")
    assert findings == []
    assert build(blueprint, REQUEST).apps["/ciprov/feature-x/z"]["cmd"] == "y"


def test_an_alias_that_contains_itself_is_a_finding():
    assert "contains itself" in str(load("blueprint: demo\ngroup: &g {apps: [*g]}", "f.yaml")[1][0])


@pytest.mark.parametrize("text", ["[" * 500, "{a: " * 500, "- " * 500, "x: " + "9" * 5000, "a: 1\n" * 3])
def test_odd_and_huge_values_are_findings(text):
    assert errors(load(text, "f.yaml")[1])


def test_a_huge_file_is_refused():
    assert "too large" in str(load("#" * 5_000_000, "f.yaml")[1][0])


def test_characters_in_two_halves_are_put_together():
    blueprint, findings = load(
        '{"blueprint": "demo", "description": "\\ud83d\\ude00", "group": {"apps": [{"id": "a", "cmd": "x"}]}}', "f.yaml"
    )

    assert (blueprint.description, findings) == ("\U0001f600", [])


DEFINITIONS = os.environ.get("CIPROV_TEST_DEFINITIONS")


@pytest.mark.skipif(not DEFINITIONS, reason="CIPROV_TEST_DEFINITIONS names no directory of Marathon definitions")
def test_real_definitions_never_give_an_exception():
    for path in sorted(Path(DEFINITIONS or ".").iterdir()):
        text = path.read_text("utf-8")
        assert _everything(text), "a definition without a header is refused"
        try:
            body = json.loads(text)
        except ValueError:
            continue
        if isinstance(body, dict) and not {"apps", "groups"} & set(body):
            body = [body]
        _everything(
            json.dumps({"blueprint": "demo", "group": {"apps": body} if isinstance(body, list) else body}, indent=1)
        )
