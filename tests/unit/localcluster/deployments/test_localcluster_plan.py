"""Plans: which steps, in which order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.group import Group
from ciprov.localcluster.deployments.plan import dependency_layers, plan
from ciprov.localcluster.deployments.revert import revert
from ciprov.localcluster.deployments.versions import stamp

CASES = Path(__file__).parents[3] / "cases" / "deployments"


def cases(name: str) -> Any:
    return YAML(typ="safe").load((CASES / name).read_text())


def tree(apps: dict[str, Any], groups: dict[str, list[str]] | None = None) -> Group:
    """A tree of the given apps; groups are made where apps or `groups` need them."""
    paths = {"/"} | set(groups or {})
    for app_id in [*apps, *(f"{group}/x" for group in groups or {})]:
        parts = app_id.strip("/").split("/")[:-1]
        paths |= {"/" + "/".join(parts[: length + 1]) for length in range(len(parts))}

    def build(path: str) -> Group:
        children = [other for other in sorted(paths) if other != "/" and (other.rpartition("/")[0] or "/") == path]
        own = {
            name: App(id=name, **fields) for name, fields in apps.items() if (name.rpartition("/")[0] or "/") == path
        }
        below = {child: build(child) for child in children}
        return Group(id=path, apps=own, groups=below, dependencies=tuple((groups or {}).get(path, ())))

    return build("/")


@pytest.mark.parametrize("case", cases("plans.yaml"), ids=lambda case: case["name"])
def test_steps(case: dict[str, Any]) -> None:
    made = plan(tree(**case["before"]), tree(**case["after"]), "v", "d", case.get("restart", ()))
    steps = [[f"{action.kind} {action.app_id}" for action in step.actions] for step in made.steps]
    assert [sorted(step) for step in steps] == [sorted(step) for step in case["steps"]]
    assert sorted(made.affected_apps) == sorted({line.split()[1] for step in case["steps"] for line in step})


@pytest.mark.parametrize("case", cases("plans.yaml"), ids=lambda case: case["name"])
def test_a_plan_of_stamped_trees_is_the_same_and_reverts(case: dict[str, Any]) -> None:
    before = stamp(Group(), tree(**case["before"]), "v1")
    after = stamp(before, tree(**case["after"]), "v2", case.get("restart", ()))
    made = plan(before, after, "v2", "d", case.get("restart", ()))
    assert [len(step.actions) for step in made.steps] == [len(step) for step in case["steps"]]
    assert plan(after, after, "v3", "d").steps == ()
    undone = revert(made, after)
    assert plan(before, undone, "v3", "d").steps == ()
    assert {group.id for group in undone.all_groups()} == {group.id for group in before.all_groups()}


def test_a_cycle_is_refused() -> None:
    apps = {"/a": {"dependencies": ["/b"]}, "/b": {"dependencies": ["/a"]}}
    with pytest.raises(ValueError, match="cyclic dependencies: /a, /b"):
        plan(Group(), tree(apps), "v", "d")


def test_long_chains_need_no_deep_stack() -> None:
    apps = {f"/a{number}": {"dependencies": [f"/a{number + 1}"]} for number in range(3000)}
    layers = dependency_layers(list(apps), tree(apps))
    assert len(layers) == 3000


def test_a_plan_prints_itself() -> None:
    made = plan(Group(), tree({"/a": {}}), "v1", "d1")
    assert str(made).splitlines() == ["deployment d1 of v1", "  1. StartApplication /a", "  2. ScaleApplication /a"]
    assert str(plan(Group(), Group(), "v1", "d1")) == "deployment d1 of v1: nothing to do"


def test_revert_keeps_what_others_did_meanwhile() -> None:
    before = stamp(Group(), tree({"/g/a": {"cmd": "x"}, "/g/b": {"cmd": "x"}}), "v1")
    after = stamp(before, tree({"/g/a": {"cmd": "y"}, "/g/b": {"cmd": "x"}, "/n/new": {}}), "v2")
    made = plan(before, after, "v2", "d")
    later = tree({"/g/a": {"cmd": "y"}, "/g/b": {"cmd": "z"}, "/n/new": {}, "/n/other": {}})
    undone = {app.id: app.cmd for app in revert(made, stamp(after, later, "v3")).all_apps()}
    assert undone == {"/g/a": "x", "/g/b": "z", "/n/other": None}


def test_revert_restores_group_dependencies_and_removed_groups() -> None:
    before = stamp(Group(), tree({"/g/a": {}, "/h/b": {}}, {"/h": ["/g"]}), "v1")
    after = stamp(before, tree({"/g/a": {}}), "v2")
    undone = revert(plan(before, after, "v2", "d"), after)
    assert undone.groups["/h"].dependencies == ("/g",)
    assert list(undone.groups["/h"].apps) == ["/h/b"]


def test_stamps_touch_only_what_changed() -> None:
    before = stamp(Group(), tree({"/g/a": {"cmd": "x"}, "/g/b": {}, "/h/c": {}}), "v1")
    after = stamp(before, tree({"/g/a": {"cmd": "x", "instances": 2}, "/g/b": {"cmd": "z"}, "/h/c": {}}), "v2")
    scaled, changed = after.groups["/g"].apps["/g/a"], after.groups["/g"].apps["/g/b"]
    assert (scaled.version, scaled.version_info.last_scaling_at, scaled.version_info.last_config_change_at) == (
        "v2",
        "v2",
        "v1",
    )
    assert (changed.version_info.last_scaling_at, changed.version_info.last_config_change_at) == ("v2", "v2")
    assert after.version == after.groups["/g"].version == "v2"
    assert after.groups["/h"] is before.groups["/h"]
    assert stamp(after, tree({"/g/a": {"cmd": "x", "instances": 2}, "/g/b": {"cmd": "z"}, "/h/c": {}}), "v3") is after


def test_a_restart_gets_a_new_version() -> None:
    before = stamp(Group(), tree({"/g/a": {"cmd": "x"}, "/g/b": {}}), "v1")
    after = stamp(before, before, "v2", ["/g/a"])
    assert after.groups["/g"].apps["/g/a"].version == "v2"
    assert after.groups["/g"].apps["/g/b"] is before.groups["/g"].apps["/g/b"]
