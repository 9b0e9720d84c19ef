"""Changes of the tree: what is put, what goes, what stays; service ports; rules of the whole."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ciprov.localcluster.definitions.compare import same_definition
from ciprov.localcluster.definitions.errors import Exists, InvalidJson, InvalidObject, NotFound, PortRangeExhausted
from ciprov.localcluster.definitions.group import Group
from ciprov.localcluster.definitions.parse import parse_app
from ciprov.localcluster.tree.changes import (
    TreeChange,
    create_app,
    create_group,
    delete_app,
    delete_group,
    edit_apps,
    put_group,
    restart_app,
    restore_group,
    scale_group,
    set_enforce_role,
)
from ciprov.localcluster.tree.dependencies import app_dependencies, cycle
from ciprov.localcluster.tree.group_update import parse_group_update
from ciprov.localcluster.tree.lookup import find_app, find_group
from ciprov.localcluster.tree.service_ports import assign_service_ports

EMPTY = Group()


def app(app_id: str, **fields: Any) -> dict[str, Any]:
    return {"id": app_id, "cmd": "sleep 1", **fields}


def after(root: Group, *changes: TreeChange) -> Group:
    for number, change in enumerate(changes):
        root = change(root, f"version {number}")
    return root


def put(raw: dict[str, Any], base: str = "/") -> TreeChange:
    return put_group(parse_group_update(raw, base))


def ids(root: Group) -> set[str]:
    return {item.id for item in root.all_apps()} | {item.id for item in root.all_groups()}


def created(*raws: dict[str, Any]) -> Group:
    return after(EMPTY, *(create_app(parse_app(raw)) for raw in raws))


def violations(change: TreeChange, root: Group = EMPTY) -> str:
    with pytest.raises(InvalidObject) as caught:
        change(root, "v")
    return str(caught.value)


def test_an_app_brings_its_groups() -> None:
    root = created(app("/a/b/c"))
    assert ids(root) == {"/", "/a", "/a/b", "/a/b/c"}
    assert find_app(root, "/a/b/c") is not None
    assert find_group(root, "/a/b/c") is None


def test_an_app_is_created_once() -> None:
    with pytest.raises(Exists):
        create_app(parse_app(app("/a")))(created(app("/a")), "v")


def test_deleting_the_last_app_leaves_its_group() -> None:
    assert ids(after(created(app("/a/b")), delete_app("/a/b"))) == {"/", "/a"}


def test_deleting_a_group_takes_all_below() -> None:
    root = created(app("/a/b/c"), app("/a/d"), app("/e"))
    assert ids(after(root, delete_group("/a"))) == {"/", "/e"}
    assert ids(after(root, delete_group("/"))) == {"/"}


@pytest.mark.parametrize(
    "change",
    [delete_app("/x"), delete_group("/x"), restart_app("/x"), scale_group("/x", 2), set_enforce_role("/x", True)],
)
def test_what_is_not_there_is_not_found(change: TreeChange) -> None:
    with pytest.raises(NotFound):
        change(EMPTY, "v")


def test_an_empty_group_gives_way_to_an_app() -> None:
    root = after(EMPTY, put({"id": "/a/b"}), create_app(parse_app(app("/a"))))
    assert ids(root) == {"/", "/a"}
    assert find_group(root, "/a") is None


def test_a_group_with_apps_does_not_give_way() -> None:
    assert "same identifier" in violations(create_app(parse_app(app("/a"))), created(app("/a/b")))
    assert "same identifier" in violations(create_app(parse_app(app("/a/b"))), created(app("/a")))


def test_put_lists_are_complete() -> None:
    root = created(app("/g/a"), app("/g/b"), app("/g/s/c"))
    root = after(root, put({"apps": [app("b"), app("d")]}, "/g"))
    assert ids(root) == {"/", "/g", "/g/b", "/g/d", "/g/s", "/g/s/c"}


def test_put_lists_left_out_stay() -> None:
    root = created(app("/g/a"), app("/g/s/c"), app("/g/t/d"))
    assert ids(after(root, put({"dependencies": ["/x"]}, "/g"))) == ids(root)
    root = after(root, put({"groups": [{"id": "s"}]}, "/g"))
    assert ids(root) == {"/", "/g", "/g/a", "/g/s", "/g/s/c"}
    assert ids(after(root, put({"groups": []}, "/g"))) == {"/", "/g", "/g/a"}


def test_put_creates_missing_parents_and_keeps_neighbours() -> None:
    root = after(created(app("/x")), put({"id": "/a/b", "apps": [app("c")]}))
    assert ids(root) == {"/", "/x", "/a", "/a/b", "/a/b/c"}


def test_apps_of_a_put_are_complete_definitions() -> None:
    root = created(app("/g/a", instances=5))
    new = find_app(after(root, put({"apps": [app("a")]}, "/g")), "/g/a")
    assert new is not None
    assert new.instances == 1


def test_relative_ids_and_dependencies() -> None:
    raw = {"id": "g", "dependencies": ["../x"], "apps": [app("a", dependencies=["b", "../y", "/z"]), app("/g/b")]}
    group = find_group(after(EMPTY, put(raw)), "/g")
    assert group is not None
    assert group.dependencies == ("/x",)
    assert group.apps["/g/a"].dependencies == ("/g/b", "/y", "/z")


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({"apps": [app("/elsewhere/a")]}, "/apps(0)/id"),
        ({"apps": [app("deeper/a")]}, "/apps(0)/id"),
        ({"groups": [{"id": "s", "apps": [app("/g/a")]}]}, "/groups(0)/apps(0)/id"),
        ({"groups": [{"id": "/elsewhere"}]}, "/groups(0)/id"),
        ({"apps": [app("a"), {"id": "b"}]}, "/apps(1)"),
        ({"apps": [app("a"), app("a")]}, "/apps(1)/id"),
        ({"apps": [], "scaleBy": 2}, "/scaleBy"),
        ({"id": "g", "scaleBy": 2}, "/scaleBy"),
        ({"apps": [], "version": "2020-01-01T00:00:00Z"}, "/version"),
        ({"groups": [{"id": "s", "enforceRole": True}]}, "/groups(0)/enforceRole"),
        ({"id": "tasks"}, "/id"),
    ],
)
def test_refused_groups(raw: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidObject) as caught:
        parse_group_update(raw, "/g")
    assert [item.path for item in caught.value.violations] == [path]


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        ({"groups": [{"apps": []}]}, "/groups(0)/id"),
        ({"apps": [{"cmd": "x"}]}, "/apps(0)/id"),
        ({"apps": {}}, "/apps"),
        ({"scaleBy": -1}, "/scaleBy"),
    ],
)
def test_groups_of_wrong_types(raw: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidJson) as caught:
        parse_group_update(raw, "/g")
    assert [item.path for item in caught.value.violations] == [path]


def test_post_wants_a_free_path() -> None:
    for root in (created(app("/g/a")), created(app("/g"))):
        with pytest.raises(Exists):
            create_group(parse_group_update({"id": "/g"}, "/"))(root, "v")


def test_an_app_may_take_the_name_of_an_emptied_group() -> None:
    root = created(app("/g/s/a"))
    root = after(root, delete_app("/g/s/a"), put({"apps": [app("s")]}, "/g"))
    assert ids(root) == {"/", "/g", "/g/s"}
    assert find_app(root, "/g/s") is not None


def test_scaling_rounds_up() -> None:
    root = after(created(app("/g/a", instances=3), app("/g/s/b", instances=1), app("/c")), scale_group("/g", 0.5))
    assert {item.id: item.instances for item in root.all_apps()} == {"/g/a": 2, "/g/s/b": 1, "/c": 1}
    assert "/scaleBy" in violations(scale_group("/g", 1e300), root)


def test_restoring_a_group() -> None:
    first = created(app("/g/a"), app("/x"))
    old = find_group(first, "/g")
    assert old is not None
    second = after(first, put({"apps": [app("b")]}, "/g"), create_app(parse_app(app("/y"))))
    assert ids(after(second, restore_group(old))) == {"/", "/g", "/g/a", "/x", "/y"}


def test_enforced_role_is_that_of_the_top_level_group() -> None:
    root = after(EMPTY, put_group(parse_group_update({"id": "/dev", "enforceRole": True, "apps": [app("a")]}, "/")))
    new = find_app(root, "/dev/a")
    assert new is not None
    assert new.role == "dev"


# Service ports


def test_service_ports_are_unique_and_stay() -> None:
    root = created(app("/a", ports=[0, 0]), app("/b", ports=[10002, 0]))
    ports = {item.id: item.service_ports for item in root.all_apps()}
    assert ports == {"/a": (10000, 10001), "/b": (10002, 10003)}
    again = after(root, edit_apps([("/b", lambda _: parse_app(app("/b", ports=[10002, 0])))]))
    assert same_definition(find_app(root, "/b"), find_app(again, "/b"))  # type: ignore[arg-type]


def test_a_port_in_use_before_is_not_given_to_another() -> None:
    root = created(app("/a"))
    root = after(root, put({"apps": [app("b")]}))
    new = find_app(root, "/b")
    assert new is not None
    assert new.service_ports == (10001,)


def test_mappings_get_service_ports() -> None:
    root = created(app("/a", networks=[{"mode": "container/bridge"}], container={"type": "MESOS"}))
    new = find_app(root, "/a")
    assert new is not None
    assert new.service_ports == (10000,)


def test_the_range_ends() -> None:
    new = Group(apps={"/a": parse_app(app("/a", ports=[0, 0, 0]))})
    assert assign_service_ports(EMPTY, new, range(10000, 10003)).apps["/a"].service_ports == (10000, 10001, 10002)
    with pytest.raises(PortRangeExhausted):
        assign_service_ports(EMPTY, new, range(10000, 10002))


# Dependencies


def test_groups_bind_the_apps_below() -> None:
    db = {"id": "db", "apps": [app("pg")], "groups": [{"id": "q", "apps": [app("redis")]}]}
    web = {
        "id": "web",
        "dependencies": ["../db"],
        "apps": [app("front", dependencies=["absent"])],
        "groups": [{"id": "inner", "apps": [app("api")]}],
    }
    root = after(EMPTY, put({"groups": [db, web]}))
    both = frozenset({"/db/pg", "/db/q/redis"})
    assert app_dependencies(root) == {"/web/front": both, "/web/inner/api": both}


@pytest.mark.parametrize(
    "raw",
    [
        {"apps": [app("a", dependencies=["a"])]},
        {"apps": [app("a", dependencies=["b"]), app("b", dependencies=["a"])]},
        {"groups": [{"id": "g", "dependencies": ["/h"]}, {"id": "h", "dependencies": ["/g"]}]},
    ],
)
def test_cycles(raw: dict[str, Any]) -> None:
    if "groups" in raw:
        for group in raw["groups"]:
            group["apps"] = [app("a")]
    assert "cyclic dependencies" in violations(put(raw))


def test_cycle_names_its_members() -> None:
    graph = {"/x": frozenset({"/a"}), "/a": frozenset({"/b"}), "/b": frozenset({"/c"}), "/c": frozenset({"/a"})}
    assert cycle(graph) == ["/a", "/b", "/c", "/a"]


def test_long_chains_are_no_cycles() -> None:
    graph = {f"/a{number}": frozenset({f"/a{number + 1}", "/z"}) for number in range(5000)}
    assert cycle(graph) == []


# Properties

names = st.sampled_from(["a", "b", "c"])
raw_apps = st.lists(
    st.builds(
        lambda name, instances, ports: app(name, instances=instances, ports=ports),
        names,
        st.integers(0, 3),
        st.lists(st.just(0), max_size=2),
    ),
    max_size=3,
    unique_by=lambda raw: raw["id"],
)
raw_groups = st.recursive(
    st.builds(lambda apps: {"apps": apps}, raw_apps),
    lambda below: st.builds(
        lambda apps, groups: {"apps": apps, "groups": [{**raw, "id": f"g{index}"} for index, raw in enumerate(groups)]},
        raw_apps,
        st.lists(below, max_size=2),
    ),
    max_leaves=4,
)


@given(raw_groups, raw_groups)
def test_putting_twice_is_putting_once(first: dict[str, Any], second: dict[str, Any]) -> None:
    root = after(EMPTY, put(first, "/top"))
    once = after(root, put(second, "/top"))
    assert after(once, put(second, "/top")) == once


@given(raw_groups, raw_groups)
def test_service_ports_never_collide(first: dict[str, Any], second: dict[str, Any]) -> None:
    root = after(EMPTY, put(first, "/one"), put(second, "/two"), put(first, "/two"))
    ports = [port for item in root.all_apps() for port in item.service_ports]
    assert 0 not in ports
    assert len(set(ports)) == len(ports)


@given(raw_groups, raw_groups)
def test_a_put_touches_nothing_beside_it(first: dict[str, Any], second: dict[str, Any]) -> None:
    root = after(EMPTY, put(first, "/one"), put(first, "/two"))
    changed = after(root, put(second, "/one"))
    assert find_group(changed, "/two") is find_group(root, "/two")


def test_enforce_role_does_not_change_together_with_apps() -> None:
    """It decides the role of apps that name none, so one request cannot do both."""
    root = after(EMPTY, put_group(parse_group_update({"id": "dev", "apps": [app("a")]}, "/")))
    unrelated = {"groups": [{"id": "other", "apps": [app("x")]}, {"id": "dev", "enforceRole": True}]}
    for update in ({"id": "dev", "enforceRole": True, "apps": [app("a")]}, unrelated):
        with pytest.raises(InvalidObject, match="enforceRole cannot be modified"):
            after(root, put_group(parse_group_update(update, "/")))
    alone = after(root, put_group(parse_group_update({"id": "dev", "enforceRole": True}, "/")))
    assert alone.groups["/dev"].enforce_role
    same = {"id": "dev", "enforceRole": False, "apps": [app("a"), app("b")]}
    assert len(after(root, put_group(parse_group_update(same, "/"))).groups["/dev"].apps) == 2
