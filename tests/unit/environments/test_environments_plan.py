"""The planner: cases as data, and what holds for every plan."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from ciprov.environments.counts import NOTHING_RECORDED, RecordedCounts
from ciprov.environments.fixed_ports import fixed_host_ports
from ciprov.environments.plan import Action, AppPlan
from ciprov.environments.planning import Target, group_body, make_plan
from ciprov.environments.steps import AwaitGone, PutGroup, StopApps, steps_of, teardown_steps
from ciprov.environments.tree import apps_of, depends_on, needed_by

CASES = sorted((Path(__file__).parents[2] / "cases" / "plan").glob("*.yaml"))


def group_of(apps: list[dict[str, Any]] | None) -> dict[str, Any] | None:
    return None if apps is None else {"id": "/e", "apps": apps, "groups": []}


def told(app: AppPlan) -> str:
    return f"{app.action}{f' {app.strategy}' if app.strategy else ''} {app.instances_before} -> {app.instances}"


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_case(file: Path) -> None:
    case = YAML(typ="safe").load(file.read_text())
    wanted = case.get("desired_group") or group_of(case["desired"])
    live = case.get("live_group") or group_of(case.get("live"))
    untouched = copy.deepcopy((wanted, live))
    target = Target("e", "/e", wanted, frozenset(case.get("secrets", ())))
    plan = make_plan(target, live, RecordedCounts(case.get("counts", {}), case.get("pending", {})))
    assert (wanted, live) == untouched, "the planner changed what it was given"
    assert set(case["expect"]) == {app.app_id for app in plan.apps}
    for app in plan.apps:
        assert told(app).startswith(case["expect"][app.app_id])
        assert app.reason
        if app.app_id in case.get("differences", {}):
            assert [str(one) for one in app.differences] == case["differences"][app.app_id]
        assert case.get("reason", {}).get(app.app_id, "") in app.reason
        assert app.reason == case.get("exact_reason", {}).get(app.app_id, app.reason)
    only_kept = all(app.action is Action.KEEP for app in plan.apps)
    assert plan.changes == case.get("changes", not only_kept)
    for secret in target.secrets:
        assert secret not in str(plan) + repr(plan) + str(plan.to_json())


# ── every plan ──

NAMES = ("a", "b", "c", "d")


@st.composite
def apps(draw: st.DrawFn, name: str) -> dict[str, Any]:
    app: dict[str, Any] = {"id": f"/e/{name}", "cmd": draw(st.sampled_from(["run", "other"]))}
    if draw(st.booleans()):
        app["instances"] = draw(st.integers(0, 3))
    if draw(st.booleans()):
        app["env"] = draw(st.dictionaries(st.sampled_from("XY"), st.sampled_from("12"), max_size=2))
    match draw(st.integers(0, 5)):
        case 0:
            app["portDefinitions"] = [{"port": draw(st.sampled_from([0, 20001]))}]
        case 1:
            app |= {"requirePorts": True, "ports": [31000 + NAMES.index(name)]}
        case 2:
            mapping = {"containerPort": 80, "hostPort": draw(st.sampled_from([0, 31500 + NAMES.index(name)]))}
            docker = {"image": "i", "network": "BRIDGE", "portMappings": [mapping]}
            app["container"] = {"type": "DOCKER", "docker": docker}
        case 3:
            app["uris"] = ["http://x/y"]
        case 4:
            app |= {"role": draw(st.sampled_from(["dev", "prod"])), "healthChecks": [{"protocol": "TCP"}]}
    return app


@st.composite
def groups(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(NAMES), unique=True))
    members = [draw(apps(name)) for name in names]
    for index, app in enumerate(members):
        if index and draw(st.booleans()):
            app["dependencies"] = [draw(st.sampled_from([one["id"] for one in members[:index]]))]
    return {"id": "/e", "apps": members, "groups": [], "dependencies": []}


def served(group: dict[str, Any]) -> dict[str, Any]:
    """`group` after a PUT, as a server answers it: new spelling, ports assigned, counters."""
    answer = copy.deepcopy(group)
    for number, app in enumerate(answer["apps"]):
        app.setdefault("instances", 1)
        app |= {"version": "v", "tasksRunning": 0, "deployments": [], "backoffSeconds": 1, "role": app.get("role", "*")}
        docker = (app.get("container") or {}).get("docker") or {}
        if docker.pop("network", None):
            app["networks"] = [{"mode": "container/bridge"}]
            app["container"]["portMappings"] = docker.pop("portMappings")
        if "ports" in app:
            app["portDefinitions"] = [{"port": port, "protocol": "tcp"} for port in app.pop("ports")]
        if "uris" in app:
            app["fetch"] = [{"uri": uri, "extract": False} for uri in app.pop("uris")]
        if "portDefinitions" not in app and "networks" not in app:
            app["portDefinitions"] = [{"port": 0, "name": "default"}]
        for port in app.get("portDefinitions", []):
            port["port"] = port["port"] or 10000 + number
        for mapping in (app.get("container") or {}).get("portMappings", []):
            mapping["servicePort"] = mapping.get("servicePort") or 10100 + number
    return answer


def target(group: dict[str, Any]) -> Target:
    return Target("e", "/e", group)


@given(groups())
def test_planning_what_is_there_already_changes_nothing(group: dict[str, Any]) -> None:
    for live in (group, served(group)):
        plan = make_plan(target(group), live, NOTHING_RECORDED)
        assert not plan.changes, str(plan)
        assert steps_of(plan, live) == ()


@given(groups(), groups(), st.dictionaries(st.sampled_from([f"/e/{name}" for name in NAMES]), st.integers(0, 3)))
def test_after_applying_a_plan_there_is_nothing_left_to_plan(
    before: dict[str, Any], wanted: dict[str, Any], base: dict[str, int]
) -> None:
    live = served(before)
    plan = make_plan(target(wanted), live, RecordedCounts(base, {}))
    after = served(group_body(target(wanted), plan, live))
    asked = {app_id: int(app.get("instances", 1)) for app_id, app in apps_of(wanted).items()}
    assert not make_plan(target(wanted), after, RecordedCounts(asked, {})).changes
    kept = {app.app_id for app in plan.of(Action.KEEP)}
    assert {app_id: app for app_id, app in apps_of(after).items() if app_id in kept} == {
        app_id: app for app_id, app in apps_of(live).items() if app_id in kept
    }


@given(groups(), groups())
def test_no_plan_rolls_an_app_that_holds_a_fixed_port(before: dict[str, Any], wanted: dict[str, Any]) -> None:
    live = served(before)
    plan = make_plan(target(wanted), live, NOTHING_RECORDED)
    there, shall = apps_of(live), apps_of(wanted)
    for app in plan.of(Action.UPDATE):
        assert not fixed_host_ports(there[app.app_id])
        assert not fixed_host_ports(shall[app.app_id])
    steps = steps_of(plan, live)
    stopped = {app_id for step in steps if isinstance(step, StopApps) for app_id in step.app_ids}
    awaited = {app_id for step in steps if isinstance(step, AwaitGone) for app_id in step.app_ids}
    assert {app.app_id for app in plan.of(Action.REPLACE)} <= stopped
    assert stopped == awaited
    assert all(app.strategy for app in plan.of(Action.REPLACE))
    assert stopped.isdisjoint(app.app_id for app in plan.of(Action.KEEP, Action.SCALE, Action.UPDATE, Action.CREATE))
    assert [step for step in steps if isinstance(step, PutGroup)] == list(steps[-1:])


@given(groups())
def test_a_teardown_stops_every_app_after_all_that_need_it(group: dict[str, Any]) -> None:
    graph = depends_on(apps_of(group))
    order = [step.app_ids for step in teardown_steps("/e", group) if isinstance(step, StopApps)]
    place = {app_id: index for index, layer in enumerate(order) for app_id in layer}
    assert set(place) == set(graph)
    for app_id in graph:
        assert all(place[needed] > place[app_id] for needed in needed_by(app_id, graph))


def test_a_plan_prints_itself_and_converts_to_json() -> None:
    wanted = [{"id": "/e/a", "cmd": "new", "requirePorts": True, "ports": [31500]}, {"id": "/e/b", "cmd": "run"}]
    live = [{"id": "/e/a", "cmd": "old", "requirePorts": True, "ports": [31500]}, {"id": "/e/c", "cmd": "run"}]
    plan = make_plan(target(group_of(wanted)), group_of(live), NOTHING_RECORDED)
    assert str(plan).splitlines() == [
        "e (/e): 1 to create, 1 to replace, 1 to remove",
        "  ± a: replace by delete-then-create (scale-to-zero): it holds host port 31500, for which a rolling update "
        "would wait for ever",
        "      cmd: old → new",
        "  + b: create [0 → 1]: it does not exist",
        "  - c: remove [1 → 0]: it is no longer wanted",
    ]
    assert plan.to_json()["apps"][0] == {
        "app": "a",
        "id": "/e/a",
        "action": "replace",
        "title": "replace by delete-then-create (scale-to-zero)",
        "reason": "it holds host port 31500, for which a rolling update would wait for ever",
        "strategy": "scale-to-zero",
        "instances_before": 1,
        "instances": 1,
        "fixed_ports": [31500],
        "differences": [{"path": "cmd", "old": "old", "new": "new"}],
    }
