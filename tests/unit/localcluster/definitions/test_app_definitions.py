"""App definitions: defaults, old forms, refusals, round trips, partial updates."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from ciprov.localcluster.definitions.compare import only_scaled, same_definition
from ciprov.localcluster.definitions.errors import BadRequest, InvalidJson, InvalidObject
from ciprov.localcluster.definitions.parse import apply_update, parse_app, parse_app_as, parse_json, parse_update
from ciprov.localcluster.definitions.render import render_app

CASES = Path(__file__).parents[3] / "cases" / "localcluster"


def cases(name: str) -> list[Any]:
    loaded = YAML(typ="safe").load(CASES / f"{name}.yaml")
    return [pytest.param(case, id=case["name"]) for case in loaded]


@pytest.mark.parametrize("case", cases("refused_apps"))
def test_refused(case: dict[str, Any]) -> None:
    kind = {"json": InvalidJson, "object": InvalidObject}[case["kind"]]
    with pytest.raises(kind) as caught:
        parse_app(case["app"])
    assert caught.value.status == 422
    assert [item.path for item in caught.value.violations] == [case["path"]]
    assert case["error"] in caught.value.violations[0].error


@pytest.mark.parametrize("case", cases("old_forms"))
def test_old_forms_are_answered_in_the_new_one(case: dict[str, Any]) -> None:
    app = parse_app(case["app"])
    shown = render_app(app)
    assert {name: shown.get(name) for name in case["shown"]} == case["shown"]
    assert parse_app(shown) == app


def test_defaults() -> None:
    assert render_app(parse_app({"id": "/a", "cmd": "sleep 1"})) == {
        "id": "/a",
        "cmd": "sleep 1",
        "instances": 1,
        "cpus": 1,
        "mem": 128,
        "disk": 0,
        "gpus": 0,
        "executor": "",
        "labels": {},
        "backoffSeconds": 1,
        "backoffFactor": 1.15,
        "maxLaunchDelaySeconds": 300,
        "requirePorts": False,
        "networks": [{"mode": "host"}],
        "portDefinitions": [{"port": 0, "name": "default", "protocol": "tcp"}],
        "upgradeStrategy": {"minimumHealthCapacity": 1, "maximumOverCapacity": 1},
        "killSelection": "YOUNGEST_FIRST",
        "unreachableStrategy": {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0},
        "role": "*",
    }


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(InvalidJson) as caught:
        parse_app({"id": "/a", "cpus": "1", "mem": "2"})
    assert caught.value.body == {
        "message": "Invalid JSON",
        "details": [
            {"path": "/cpus", "errors": ["error.expected.jsnumber"]},
            {"path": "/mem", "errors": ["error.expected.jsnumber"]},
        ],
    }


@pytest.mark.parametrize(
    "body",
    [b"", b"  ", b"{", b"[NaN]", b"\xff", b'"\\ud800"', b'"\xed\xa0\x80"', b"[" * 100_000, b"[" + b"9" * 5000 + b"]"],
)
def test_what_is_not_json_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_json(body)
    assert isinstance(caught.value.body["details"], str)


def test_numbers_beyond_all_bounds_are_refused() -> None:
    with pytest.raises(InvalidJson) as caught:
        parse_app({"id": "/a", "cmd": "sleep 1", "mem": 10**400, "disk": float("inf"), "instances": 2**31})
    assert {item.path for item in caught.value.violations} == {"/mem", "/disk", "/instances"}


def test_the_urls_id_wins() -> None:
    assert parse_app_as("/a", {"id": "/b", "cmd": "sleep 1"}).id == "/a"


def test_partial_update_replaces_whole_values() -> None:
    app = parse_app({"id": "/a", "cmd": "sleep 1", "env": {"A": "1", "B": "2"}, "labels": {"l": "m"}, "mem": 32})
    new = apply_update(app, parse_update({"id": "/elsewhere", "env": {"C": "3"}}))
    assert new.env == {"C": "3"}
    assert (new.id, new.labels, new.mem, new.cmd) == ("/a", {"l": "m"}, 32, "sleep 1")


def test_partial_update_from_host_to_bridge_drops_port_definitions() -> None:
    app = parse_app({"id": "/a", "cmd": "sleep 1", "ports": [8000]})
    shown = render_app(apply_update(app, parse_update({"networks": [{"mode": "container/bridge"}]})))
    assert "portDefinitions" not in shown
    assert len(shown["container"]["portMappings"]) == 1


def test_partial_update_is_checked_as_a_whole() -> None:
    app = parse_app({"id": "/a", "cmd": "sleep 1"})
    with pytest.raises(InvalidObject):
        apply_update(app, parse_update({"args": ["x"]}))


def test_version_stands_alone() -> None:
    assert parse_update({"version": "2020-01-01T00:00:00Z"}) == {"version": "2020-01-01T00:00:00Z"}
    with pytest.raises(InvalidObject):
        parse_update({"version": "2020-01-01T00:00:00Z", "instances": 2})


def test_differences() -> None:
    old = parse_app({"id": "/a", "cmd": "sleep 1"})
    scaled = apply_update(old, {"instances": 5})
    labelled = apply_update(old, {"labels": {"a": "b"}})
    versioned = old.model_copy(update={"version": "2020-01-01T00:00:00.000Z"})
    assert same_definition(old, versioned)
    assert (only_scaled(old, scaled), same_definition(old, scaled)) == (True, True)
    assert (only_scaled(old, labelled), same_definition(old, labelled)) == (False, False)
    assert (only_scaled(old, old), same_definition(old, old)) == (False, True)


names = st.text(string.ascii_lowercase, min_size=1, max_size=4)
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=2, max_size=8)
ports = st.integers(0, 65535)


def unique_ports(draw: Any, count: int) -> list[int]:
    return draw(st.lists(st.integers(1, 65535), min_size=count, max_size=count, unique=True))


@st.composite
def raw_apps(draw: Any) -> dict[str, Any]:
    """Definitions in any form that is accepted."""
    raw: dict[str, Any] = {"id": "/" + "/".join(draw(st.lists(names, min_size=1, max_size=3)))}
    if raw["id"].rsplit("/", 1)[-1] in ("tasks", "restart", "versions"):
        raw["id"] += "x"
    raw[draw(st.sampled_from(["cmd", "args"]))] = None
    if "cmd" in raw:
        raw["cmd"] = draw(texts)
    else:
        raw["args"] = draw(st.lists(texts, min_size=1, max_size=3))
    count = draw(st.integers(0, 3))
    numbers = unique_ports(draw, count)
    form = draw(st.sampled_from(["none", "ports", "definitions", "bridge", "old bridge", "user"]))
    mappings = [{"containerPort": number, "name": f"p{index}"} for index, number in enumerate(numbers)]
    match form:
        case "ports":
            raw["ports"] = numbers
        case "definitions":
            raw["portDefinitions"] = [{"port": number, "labels": {"a": "b"}} for number in numbers]
            raw["requirePorts"] = draw(st.booleans())
        case "bridge":
            raw["networks"] = [{"mode": "container/bridge"}]
            raw["container"] = {"type": "MESOS", "portMappings": mappings}
        case "old bridge":
            raw["container"] = {"docker": {"image": "x", "network": "BRIDGE", "portMappings": mappings}}
        case "user":
            raw["networks"] = [{"mode": "container", "name": "net"}]
            raw["container"] = {"docker": {"image": "x"}, "portMappings": mappings}
    optional = {
        "instances": st.integers(0, 9),
        "cpus": st.floats(0.01, 8),
        "mem": st.floats(0, 1e6),
        "env": st.dictionaries(names, texts, max_size=2),
        "labels": st.dictionaries(texts, texts, max_size=2),
        "dependencies": st.lists(names, max_size=3),
        "uris": st.lists(st.sampled_from(["http://x/a.zip", "file:///b"]), max_size=2),
        "constraints": st.lists(st.sampled_from([["hostname", "UNIQUE"], ["rack", "GROUP_BY", "2"]]), max_size=3),
        "healthChecks": st.lists(
            st.sampled_from(
                [{"port": 80}, {"protocol": "COMMAND", "command": {"value": "true"}}, {"port": 1, "path": "/x"}]
            ),
            max_size=3,
        ),
        "taskKillGracePeriodSeconds": st.integers(0, 9),
        "tty": st.booleans(),
        "unreachableStrategy": st.sampled_from(["disabled", {"inactiveAfterSeconds": 1, "expungeAfterSeconds": 2}]),
    }
    for name in draw(st.sets(st.sampled_from(sorted(optional)))):
        raw[name] = draw(optional[name])
    return raw


@given(raw_apps())
def test_what_is_answered_can_be_sent_back(raw: dict[str, Any]) -> None:
    app = parse_app(raw)
    assert parse_app(render_app(app)) == app


@given(raw_apps(), raw_apps())
def test_a_partial_update_says_it_all_at_once(raw: dict[str, Any], update: dict[str, Any]) -> None:
    update = {name: value for name, value in update.items() if name in ("instances", "cpus", "env", "labels", "uris")}
    named = parse_update(update)
    once = apply_update(parse_app(raw), named)
    assert apply_update(once, named) == once
