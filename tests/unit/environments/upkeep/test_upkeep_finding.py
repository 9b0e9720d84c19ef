"""What is an orphan, and what only looks like one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from ciprov.domain.environment import DeadLock, EnvironmentRecord, Operation, Phase
from ciprov.environments.hooks.records import HOOK_LABEL
from ciprov.environments.upkeep.finding import cut_short, find, unfamiliar
from ciprov.environments.upkeep.mesos_ids import app_of_task, app_of_volume
from ciprov.environments.upkeep.orphans import Orphan, Sightings, Sort
from ciprov.environments.upkeep.reservations import calls

NOW = datetime(2026, 1, 2, tzinfo=UTC)
UUID = "2a7bd7b1-0d8e-11ea-8d71-362b9e155667"
UP = Operation("up", NOW, "ann")


def record(name: str, *apps: str, **changes: Any) -> EnvironmentRecord:
    made = EnvironmentRecord(
        "c", name, f"/ciprov/{name}", "b", "b.yaml", "blueprint: b", "", Phase.READY, NOW, NOW, app_ids=apps
    )
    return replace(made, **changes)


def app(app_id: str, env: str = "", **labels: str) -> dict[str, Any]:
    return {"id": app_id, "labels": {**({"CIPROV_ENV": env} if env else {}), **labels}}


def tree(*apps: dict[str, Any], empty: tuple[str, ...] = (), pods: tuple[str, ...] = ()) -> dict[str, Any]:
    """The groups of `apps`, with those that are `empty` or have only a pod."""
    root: dict[str, Any] = {"id": "/", "apps": [], "groups": [], "pods": []}

    def group(path: str) -> dict[str, Any]:
        if path == "/":
            return root
        parent = group(path.rpartition("/")[0] or "/")
        for one in parent["groups"]:
            if one["id"] == path:
                return one  # type: ignore[no-any-return]
        parent["groups"].append({"id": path, "apps": [], "groups": [], "pods": []})
        return parent["groups"][-1]  # type: ignore[no-any-return]

    for one in apps:
        group(one["id"].rpartition("/")[0] or "/")["apps"].append(one)
    for path in empty:
        group(path)
    for path in pods:
        group(path)["pods"].append({"id": f"{path}/pod"})
    return root


def seen(
    *apps: dict[str, Any],
    records: tuple[EnvironmentRecord, ...] = (),
    empty: tuple[str, ...] = (),
    pods: tuple[str, ...] = (),
    **more: Any,
) -> Sightings:
    plain = Sightings("/ciprov", tree(*apps, empty=empty, pods=pods), {one["id"]: one for one in apps}, records)
    return replace(plain, **more)


def ids(found: tuple[Orphan, ...], *, removable: bool = True) -> set[str]:
    return {one.id for one in found if one.removable is removable}


WEB = app("/ciprov/x/web", "x")
X = record("x", "/ciprov/x/web")


@pytest.mark.parametrize(
    ("sightings", "removable", "reported"),
    [
        (seen(WEB, records=(X,)), set(), set()),
        (seen(WEB), {"/ciprov/x/web", "/ciprov/x"}, set()),
        (seen(app("/ciprov/x/web")), set(), set()),
        (seen(app("/other/web", "x")), set(), {"/other/web"}),
        (seen(app("/other/web", "x"), WEB, records=(X,)), set(), {"/other/web"}),
        (seen(app("/ciprov/y/web", "x"), WEB, records=(X,)), set(), {"/ciprov/y/web"}),
        (seen(WEB, app("/ciprov/x/more", "x"), records=(X,)), {"/ciprov/x/more"}, set()),
        (seen(WEB, app("/ciprov/x/more", "y"), records=(X,)), set(), {"/ciprov/x/more"}),
        (seen(WEB, app("/ciprov/x/more"), records=(X,)), set(), {"/ciprov/x/more"}),
        (seen(WEB, app("/ciprov/x/more", "x"), records=(replace(X, operation=UP),)), set(), set()),
        (seen(WEB, app("/ciprov/xy/web", "xy"), records=(X,)), {"/ciprov/xy/web", "/ciprov/xy"}, set()),
        (seen(WEB, busy={"x": "ann"}), set(), set()),
    ],
    ids=[
        "owned",
        "no record",
        "no label",
        "outside the prefix",
        "outside, recorded",
        "in the group of another",
        "extra",
        "extra, labelled for another",
        "extra without a label",
        "an operation was cut short",
        "name begins alike",
        "locked",
    ],
)
def test_apps(sightings: Sightings, removable: set[str], reported: set[str]) -> None:
    found = find(sightings)
    assert (ids(found), ids(found, removable=False)) == (removable, reported)


def test_an_adoptable_app_says_so() -> None:
    way_out = find(seen(WEB), (Sort.APPS,))[0].way_out
    assert "ciprov env adopt x" in way_out


@pytest.mark.parametrize(("operation", "word"), [(None, "left over"), (UP, "cut short")])
def test_a_hook_that_nobody_waits_for(operation: Operation | None, word: str) -> None:
    hook = app("/ciprov/x/ciprov-hook-seed", "x", **{HOOK_LABEL: "seed"})
    sightings = seen(WEB, hook, records=(replace(X, operation=operation),))
    (found,) = find(sightings)
    assert found.removable
    assert word in found.why
    assert find(replace(sightings, busy={"x": "ann"})) == ()


@pytest.mark.parametrize(
    ("kept", "changes"),
    [
        (False, {}),
        (False, {"phase": Phase.FAILED, "failure": "no"}),
        (True, {"phase": Phase.ASLEEP}),
        (True, {"operation": UP}),
    ],
)
def test_a_record_of_nothing(kept: bool, changes: dict[str, Any]) -> None:
    found = find(seen(records=(replace(X, **changes),)), (Sort.RECORDS,))
    assert ids(found) == (set() if kept else {"x"})


def test_a_pinned_record_and_one_whose_tasks_run_on_are_only_reported() -> None:
    assert ids(find(seen(records=(replace(X, pinned="demo"),))), removable=False) == {"x"}
    task = {"id": f"ciprov_x_web.instance-{UUID}._app.1", "state": "TASK_RUNNING"}
    assert ids(find(seen(records=(X,), tasks=[task]), (Sort.RECORDS,)), removable=False) == {"x"}
    assert find(seen(records=(X,), deploying=frozenset({"/ciprov/x/web"}))) == ()


def test_a_record_made_without_apps_is_none_while_its_group_is_there() -> None:
    assert find(seen(records=(record("x"),), empty=("/ciprov/x",))) == ()
    assert ids(find(seen(records=(record("x"),)))) == {"x"}


@pytest.mark.parametrize(
    ("sightings", "expected"),
    [
        (seen(empty=("/ciprov/a/b/c", "/elsewhere")), {"/ciprov/a"}),
        (seen(WEB, empty=("/ciprov/x/inner", "/ciprov"), records=(X,)), set()),
        (seen(pods=("/ciprov/a",)), set()),
        (seen(app("/ciprov/a/web"), empty=("/ciprov/a/b",)), {"/ciprov/a/b"}),
        (seen(empty=("/ciprov/x",), records=(X,)), {"/ciprov/x"}),
        (seen(empty=("/ciprov/x",), records=(replace(X, operation=UP),)), set()),
        (seen(empty=("/ciprov/t/x",), records=(record("x", group_path="/ciprov/t/x", operation=UP),)), set()),
        (seen(empty=("/ciprov/a",), deploying=frozenset({"/ciprov/a/web"})), set()),
        (seen(empty=("/ciprov/a",), busy={"a": "ann"}), set()),
    ],
)
def test_groups(sightings: Sightings, expected: set[str]) -> None:
    assert {one.id for one in find(sightings) if one.sort is Sort.GROUPS} == expected


def test_a_group_is_free_only_together_with_what_is_in_it() -> None:
    assert find(seen(WEB), (Sort.GROUPS,)) == ()
    assert find(seen(empty=("/ciprov/x",), records=(X,)), (Sort.GROUPS,)) == ()


def test_where_the_prefix_is_the_root_no_group_is_taken_for_ours() -> None:
    sightings = replace(seen(empty=("/a",)), prefix="/")
    assert ids(find(sightings), removable=False) == {"/a"}


@pytest.mark.parametrize(
    ("task_id", "app_id"),
    [
        (f"ciprov_x_web.instance-{UUID}._app.12", "/ciprov/x/web"),
        (f"ciprov_x_web-1.0.marathon-{UUID}", "/ciprov/x/web-1.0"),
        (f"web.{UUID}", "/web"),
        ("jenkins-agent-1", ""),
        ("", ""),
    ],
)
def test_ids_of_tasks(task_id: str, app_id: str) -> None:
    assert app_of_task(task_id) == app_id


def test_tasks_that_marathon_has_no_app_for_are_reported() -> None:
    def task(joined: str, state: str = "TASK_UNREACHABLE") -> dict[str, Any]:
        return {"id": f"{joined}.instance-{UUID}._app.1", "state": state, "slave_id": "S1"}

    tasks = [task("ciprov_x_web"), task("ciprov_y_web"), task("ciprov_y_db", "TASK_KILLING"), task("other_web")]
    found = find(seen(WEB, records=(X,), tasks=tasks))
    assert ids(found) == set()
    assert ids(found, removable=False) == {tasks[1]["id"]}
    assert find(seen(WEB, records=(X,), tasks=tasks, deploying=frozenset({"/ciprov/y/web"}))) == ()


def reservation(joined: str, *, volume: bool = True, framework: str = "F") -> dict[str, Any]:
    labels = {"marathon_framework_id": framework, "marathon_task_id": f"{joined}.instance-{UUID}._app.1"}
    listed = [{"key": key, "value": value} for key, value in labels.items()]
    reservations = [{"type": "DYNAMIC", "role": "r", "labels": {"labels": listed}}]
    disk = {"persistence": {"id": f"{joined}#data#{UUID}"}, "volume": {"mode": "RW", "container_path": "data"}}
    return {"name": "disk", "type": "SCALAR", "reservations": reservations, **({"disk": disk} if volume else {})}


def agent(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"id": "S1", "hostname": "h1", "reserved_resources_full": {"r": list(resources)}}


def test_volumes_whose_app_is_gone() -> None:
    slaves = [
        agent(
            reservation("ciprov_x_web"),
            reservation("ciprov_y_db"),
            reservation("ciprov_y_db", volume=False),
            reservation("ciprov_z_db", framework="G"),
            reservation("other_db"),
        )
    ]
    sightings = seen(WEB, records=(X,), slaves=slaves, tasks=[], framework_id="F")
    (found,) = find(sightings)
    assert (found.id, found.environment, len(found.resources)) == ("/ciprov/y/db@S1", "y", 2)
    destroy, unreserve = calls(found)
    assert len(destroy["destroy_volumes"]["volumes"]) == 1
    assert [one.get("disk") for one in unreserve["unreserve_resources"]["resources"]] == [None, None]
    running = {"id": f"ciprov_y_db.instance-{UUID}._app.1", "state": "TASK_RUNNING"}
    for other in (
        {"tasks": None},
        {"tasks": [running]},
        {"framework_id": ""},
        {"deploying": frozenset({"/ciprov/y/db"})},
        {"records": (X, record("y", "/ciprov/y/db", phase=Phase.ASLEEP))},
        {"busy": {"y": "ann"}},
    ):
        assert find(replace(sightings, **other), (Sort.VOLUMES,)) == (), other


def test_the_volume_of_a_recorded_app_goes_only_with_its_record() -> None:
    sightings = seen(records=(X,), slaves=[agent(reservation("ciprov_x_web"))], tasks=[], framework_id="F")
    assert find(sightings, (Sort.VOLUMES,)) == ()
    assert {one.sort for one in find(sightings)} == {Sort.RECORDS, Sort.VOLUMES}


def test_a_reservation_without_a_volume_is_only_given_back() -> None:
    sightings = seen(slaves=[agent(reservation("ciprov_y_db", volume=False))], tasks=[], framework_id="F")
    (found,) = find(sightings)
    assert [call["type"] for call in calls(found)] == ["UNRESERVE_RESOURCES"]


def test_locks_and_what_was_cut_short() -> None:
    sightings = seen(WEB, records=(replace(X, operation=UP),), dead_locks=(DeadLock("env/c/x", "dead"),))
    assert ids(find(sightings)) == {"env/c/x"}
    assert cut_short(sightings) == ("x",)
    assert cut_short(replace(sightings, busy={"x": "ann"})) == ()


def test_the_wrong_store_or_the_wrong_marathon() -> None:
    lost = seen(WEB)
    assert Sort.APPS in unfamiliar(lost, find(lost))
    beside = seen(WEB, app("/ciprov/y/web", "y"), records=(record("y", "/ciprov/y/web"),))
    assert unfamiliar(beside, find(beside)) == {}
    gone = seen(records=(X, record("y", "/ciprov/y/web")))
    assert Sort.RECORDS in unfamiliar(gone, find(gone))
    one = seen(records=(X,))
    assert unfamiliar(one, find(one)) == {}


def test_ids_of_volumes() -> None:
    assert app_of_volume(f"ciprov_x_db#data#{UUID}") == "/ciprov/x/db"
    assert app_of_volume("something else") == ""
