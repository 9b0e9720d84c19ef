"""`/v2/groups`: reading, creating, changing, removing."""

from __future__ import annotations

from typing import Any

import pytest
from marathon_http import MarathonApi, paths, sleeper


def idle(name: str, **fields: Any) -> dict[str, Any]:
    return sleeper(name, instances=0, **fields)


def below(api: MarathonApi, group: str) -> dict[str, Any]:
    answer = api.get(f"/v2/groups{group}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def names(shown: dict[str, Any]) -> tuple[set[str], set[str]]:
    return {each["id"] for each in shown["apps"]}, {each["id"] for each in shown["groups"]}


def test_root(api: MarathonApi) -> None:
    shown = api.get("/v2/groups").json()
    assert shown["id"] == "/"
    assert {"apps", "groups", "pods", "dependencies", "version"} <= set(shown)


def test_create_and_read(api: MarathonApi, group: str) -> None:
    """201, Location; `enforceRole` on the top level only; ids absolute."""
    body = {"id": group, "apps": [idle("a")], "groups": [{"id": "sub", "apps": [idle("b")]}]}
    answer = api.post("/v2/groups", body)
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{api.base}{group}"
    assert set(answer.json()) == {"version", "deploymentId"}
    assert answer.headers["Marathon-Deployment-Id"] == answer.json()["deploymentId"]
    api.done(answer)
    shown = below(api, group)
    assert names(shown) == ({f"{group}/a"}, {f"{group}/sub"})
    assert shown["enforceRole"] is False
    assert "enforceRole" not in shown["groups"][0]
    assert shown["groups"][0]["apps"][0]["id"] == f"{group}/sub/b"
    assert shown["version"] == answer.json()["version"]
    assert below(api, f"{group}/sub")["apps"][0]["id"] == f"{group}/sub/b"


def test_create_below_a_base(api: MarathonApi, group: str) -> None:
    assert api.post(f"/v2/groups{group}", {"id": "mid/low", "apps": [idle("x")]}).status_code == 201
    assert names(below(api, f"{group}/mid/low"))[0] == {f"{group}/mid/low/x"}
    assert names(below(api, group))[1] == {f"{group}/mid"}


def test_create_empty(api: MarathonApi, group: str) -> None:
    answer = api.post("/v2/groups", {"id": group})
    assert answer.status_code == 201
    api.done(answer)
    assert names(below(api, group)) == (set(), set())


def test_existing_group_conflicts(api: MarathonApi, group: str) -> None:
    api.post("/v2/groups", {"id": group})
    answer = api.post("/v2/groups", {"id": group})
    assert answer.status_code == 409
    assert answer.json()["message"] == f"Group {group} is already created. Use PUT to change this group."


def test_app_and_group_cannot_share_a_path(api: MarathonApi, group: str) -> None:
    api.post("/v2/apps", idle(f"{group}/x"))
    answer = api.post("/v2/groups", {"id": f"{group}/x"})
    assert (answer.status_code, answer.json()["message"]) == (409, f"An app with the path {group}/x already exists.")
    assert api.put(f"/v2/groups{group}/x", {"apps": [idle("y")]}).status_code == 422
    assert api.post("/v2/apps", idle(f"{group}/x/y")).status_code == 422


def test_group_with_apps_does_not_give_way(api: MarathonApi, group: str) -> None:
    api.post("/v2/apps", idle(f"{group}/x/y"))
    assert api.post("/v2/apps", idle(f"{group}/x")).status_code == 422


def test_empty_group_gives_way_to_an_app(api: MarathonApi, group: str) -> None:
    api.done(api.post("/v2/groups", {"id": f"{group}/x"}))
    assert api.post("/v2/apps", idle(f"{group}/x")).status_code == 201
    assert names(below(api, group)) == ({f"{group}/x"}, set())


@pytest.mark.parametrize(("method", "tail"), [("GET", ""), ("DELETE", ""), ("GET", "/versions")])
def test_unknown_group(api: MarathonApi, group: str, method: str, tail: str) -> None:
    answer = api.call(method, f"/v2/groups{group}{tail}")
    assert (answer.status_code, answer.json()["message"]) == (404, f"Group '{group}' does not exist")


def test_put_creates_with_parents(api: MarathonApi, group: str) -> None:
    """Create or change: 200; missing parents are created."""
    answer = api.put(f"/v2/groups{group}/a/b", {"apps": [idle("c")]})
    assert answer.status_code == 200
    assert names(below(api, f"{group}/a")) == (set(), {f"{group}/a/b"})


def test_put_to_the_root_with_an_id(api: MarathonApi, group: str) -> None:
    answer = api.put("/v2/groups", {"id": group, "apps": [idle("c")]})
    assert answer.status_code == 200
    assert names(below(api, group))[0] == {f"{group}/c"}


def test_put_lists_are_complete(api: MarathonApi, group: str) -> None:
    """What is missing is removed; lists left out stay, in subgroups too."""
    body = {
        "id": group,
        "apps": [idle("a"), idle("b")],
        "groups": [{"id": "s", "apps": [idle("c")], "groups": [{"id": "t"}]}, {"id": "u"}],
    }
    api.done(api.post("/v2/groups", body))
    api.done(api.put(f"/v2/groups{group}", {"apps": [idle("a")]}))
    assert names(below(api, group)) == ({f"{group}/a"}, {f"{group}/s", f"{group}/u"})
    api.done(api.put(f"/v2/groups{group}", {"groups": [{"id": "s"}]}))
    shown = below(api, group)
    assert names(shown) == ({f"{group}/a"}, {f"{group}/s"})
    assert names(shown["groups"][0]) == ({f"{group}/s/c"}, {f"{group}/s/t"})
    api.done(api.put(f"/v2/groups{group}", {"groups": [{"id": "s", "apps": []}]}))
    assert names(below(api, f"{group}/s")) == (set(), {f"{group}/s/t"})
    api.done(api.put(f"/v2/groups{group}", {"apps": [], "groups": []}))
    assert names(below(api, group)) == (set(), set())


def test_put_takes_complete_apps(api: MarathonApi, group: str) -> None:
    """Apps in a group are complete definitions: instances left out become 1."""
    api.done(api.put(f"/v2/groups{group}", {"apps": [idle("a", labels={"x": "y"})]}))
    api.done(api.put(f"/v2/groups{group}", {"apps": [sleeper("a")]}))
    shown = api.app(f"{group}/a")
    assert (shown["instances"], shown["labels"]) == (1, {})


def test_put_of_the_same_restarts_nothing(api: MarathonApi, group: str) -> None:
    body = {"apps": [sleeper("a", env={"A": "1"}), sleeper("b", ports=[0, 0])]}
    api.done(api.put(f"/v2/groups{group}", body))
    before = {name: api.task_ids(f"{group}/{name}") for name in "ab"}
    version = api.app(f"{group}/a")["version"]
    answer = api.put(f"/v2/groups{group}", body)
    api.done(answer)
    assert {name: api.task_ids(f"{group}/{name}") for name in "ab"} == before
    assert api.app(f"{group}/a")["version"] == version


def test_only_changed_apps_restart(api: MarathonApi, group: str) -> None:
    api.done(api.put(f"/v2/groups{group}", {"apps": [sleeper("a"), sleeper("b")]}))
    before = {name: api.task_ids(f"{group}/{name}") for name in "ab"}
    api.done(api.put(f"/v2/groups{group}", {"apps": [sleeper("a"), sleeper("b", cmd="sleep 2000")]}))
    assert api.task_ids(f"{group}/a") == before["a"]
    assert not api.task_ids(f"{group}/b") & before["b"]


def test_foreign_app_is_422(api: MarathonApi, group: str) -> None:
    """An app id outside the group, or deeper in it."""
    for app_id in ("/elsewhere/x", f"{group}/deep/x", "deep/x"):
        found = paths(api.put(f"/v2/groups{group}", {"apps": [idle(app_id)]}))
        assert any(path.startswith("/apps(0)") for path in found), found


def test_paths_of_mistakes(api: MarathonApi, group: str) -> None:
    body = {"groups": [{"id": "s", "apps": [idle("x"), {"id": "y", "cmd": "true", "cpus": "z"}]}]}
    assert "/groups(0)/apps(1)/cpus" in paths(api.put(f"/v2/groups{group}", body))
    body = {"apps": [idle("x", constraints=[["a", "NEAR"]])]}
    assert any(path.startswith("/apps(0)/constraints") for path in paths(api.put(f"/v2/groups{group}", body)))
    assert "/apps(0)/id" in paths(api.put(f"/v2/groups{group}", {"apps": [{"cmd": "true"}]}))


def test_relative_dependencies(api: MarathonApi, group: str) -> None:
    """Relative ids and dependencies resolve against the group."""
    body = {
        "dependencies": ["../other"],
        "groups": [
            {"id": "front", "dependencies": ["../back"], "apps": [idle("web", dependencies=["../back/db"])]},
            {"id": "back", "apps": [idle("db")]},
        ],
    }
    api.done(api.put(f"/v2/groups{group}", body))
    shown = below(api, group)
    assert shown["dependencies"] == ["/other"]
    front = next(each for each in shown["groups"] if each["id"].endswith("front"))
    assert front["dependencies"] == [f"{group}/back"]
    # Relative to the enclosing group, so one step up is the parent's sibling.
    assert front["apps"][0]["dependencies"] == [f"{group}/back/db"]


def test_group_cycle(api: MarathonApi, group: str) -> None:
    body = {
        "groups": [
            {"id": "a", "dependencies": [f"{group}/b"], "apps": [idle("x")]},
            {"id": "b", "dependencies": [f"{group}/a"], "apps": [idle("y")]},
        ]
    }
    found = paths(api.put(f"/v2/groups{group}", body))
    assert any("cyclic dependencies" in text for errors in found.values() for text in errors)


def test_scale_by(api: MarathonApi, group: str) -> None:
    """All counts below are multiplied, rounding up."""
    body = {"apps": [sleeper("a"), sleeper("z", instances=0)], "groups": [{"id": "s", "apps": [sleeper("b")]}]}
    api.done(api.put(f"/v2/groups{group}", body))
    answer = api.put(f"/v2/groups{group}", {"scaleBy": 1.5})
    assert answer.status_code == 200
    api.done(answer)
    counts = [api.app(f"{group}/{name}")["instances"] for name in ("a", "s/b", "z")]
    assert counts == [2, 2, 0]
    assert len(api.tasks(f"{group}/s/b")) == 2
    api.done(api.put(f"/v2/groups{group}", {"scaleBy": 0}))
    assert api.app(f"{group}/a")["instances"] == 0


@pytest.mark.parametrize("extra", [{"apps": []}, {"id": "x"}, {"groups": []}, {"dependencies": []}])
def test_scale_by_and_version_stand_alone(api: MarathonApi, group: str, extra: dict[str, Any]) -> None:
    version = api.done(api.put(f"/v2/groups{group}", {"apps": [idle("a")]}))["version"]
    assert api.put(f"/v2/groups{group}", {"scaleBy": 2, **extra}).status_code == 422
    assert api.put(f"/v2/groups{group}", {"version": version, **extra}).status_code == 422


def test_negative_scale(api: MarathonApi, group: str) -> None:
    api.done(api.put(f"/v2/groups{group}", {"apps": [idle("a")]}))
    assert api.put(f"/v2/groups{group}", {"scaleBy": -1}).status_code == 422


def test_versions_and_rollback(api: MarathonApi, group: str) -> None:
    """`versions` is a bare list of texts; `{"version": v}` alone rolls back."""
    first = api.done(api.put(f"/v2/groups{group}", {"apps": [idle("a")]}))["version"]
    second = api.done(api.put(f"/v2/groups{group}", {"apps": [idle("b")]}))["version"]
    listed = api.get(f"/v2/groups{group}/versions").json()
    assert {first, second} <= set(listed)
    assert all(isinstance(each, str) for each in listed)
    old = api.get(f"/v2/groups{group}/versions/{first}").json()
    assert [each["id"] for each in old["apps"]] == [f"{group}/a"]
    third = api.done(api.put(f"/v2/groups{group}", {"version": first}))["version"]
    shown = below(api, group)
    assert names(shown)[0] == {f"{group}/a"}
    assert shown["version"] == third


def test_rollback_to_what_never_was(api: MarathonApi, group: str) -> None:
    api.done(api.put(f"/v2/groups{group}", {"apps": [idle("a")]}))
    assert api.put(f"/v2/groups{group}", {"version": "2013-08-26T05:13:00.000Z"}).status_code in (404, 422)
    assert api.get(f"/v2/groups{group}/versions/2013-08-26T05:13:00.000Z").status_code == 404


def test_root_versions(api: MarathonApi, group: str) -> None:
    version = api.done(api.put(f"/v2/groups{group}", {"apps": [idle("a")]}))["version"]
    assert version in api.get("/v2/groups/versions").json()
    old = api.get(f"/v2/groups/versions/{version}").json()
    assert group in {each["id"] for each in old["groups"]}


def test_dry_run(api: MarathonApi, group: str) -> None:
    """The steps, and nothing done."""
    body = {"apps": [sleeper("web", dependencies=["db"]), sleeper("db")]}
    answer = api.put(f"/v2/groups{group}", body, dryRun="true")
    assert answer.status_code == 200
    assert answer.json() == {
        "steps": [
            {
                "actions": [
                    {"action": "StartApplication", "app": f"{group}/web"},
                    {"action": "StartApplication", "app": f"{group}/db"},
                ]
            },
            {"actions": [{"action": "ScaleApplication", "app": f"{group}/db"}]},
            {"actions": [{"action": "ScaleApplication", "app": f"{group}/web"}]},
        ]
    }
    assert api.get(f"/v2/groups{group}").status_code == 404


def test_dry_run_of_a_change(api: MarathonApi, group: str) -> None:
    """Removed apps stop, a count scales, anything else restarts, an unchanged app is left alone."""
    apps = [idle("same"), idle("gone"), idle("count"), sleeper("other")]
    api.done(api.put(f"/v2/groups{group}", {"apps": apps}))
    changed = [idle("same"), sleeper("count"), sleeper("other", mem=17)]
    steps = api.put(f"/v2/groups{group}", {"apps": changed}, dryRun="true").json()["steps"]
    assert steps[0] == {"actions": [{"action": "StopApplication", "app": f"{group}/gone"}]}
    assert sorted((each["action"], each["app"]) for each in steps[1]["actions"]) == [
        ("RestartApplication", f"{group}/other"),
        ("ScaleApplication", f"{group}/count"),
    ]
    assert len(steps) == 2
    assert api.put(f"/v2/groups{group}", {"apps": apps}, dryRun="true").json() == {"steps": []}


def test_delete(api: MarathonApi, group: str) -> None:
    """Everything below in one deployment."""
    body = {"apps": [sleeper("a")], "groups": [{"id": "s", "apps": [sleeper("b")]}]}
    api.done(api.put(f"/v2/groups{group}", body))
    answer = api.delete(f"/v2/groups{group}")
    assert answer.status_code == 200
    assert set(answer.json()) == {"version", "deploymentId"}
    assert api.get(f"/v2/groups{group}").status_code == 404
    assert api.get(f"/v2/apps{group}/a").status_code == 404
    api.done(answer)


def test_delete_is_locked(api: MarathonApi, group: str) -> None:
    """409 if locked, unless force."""
    api.put(f"/v2/groups{group}", {"apps": [sleeper("a", constraints=[["x", "CLUSTER", "y"]])]})
    (running,) = api.deployments(group)
    answer = api.delete(f"/v2/groups{group}")
    assert answer.status_code == 409
    assert answer.json()["deployments"] == [{"id": running["id"]}]
    assert "force=true" in answer.json()["message"]
    api.done(api.delete(f"/v2/groups{group}", force="true"))
    assert api.get(f"/v2/groups{group}").status_code == 404


def test_removing_the_last_app_leaves_the_group(api: MarathonApi, group: str) -> None:
    api.done(api.put(f"/v2/groups{group}", {"apps": [idle("a")]}))
    api.done(api.delete(f"/v2/apps{group}/a"))
    assert names(below(api, group)) == (set(), set())


def test_embed(api: MarathonApi, group: str) -> None:
    """Given: only what is named."""
    api.done(api.put(f"/v2/groups{group}", {"apps": [sleeper("a")], "groups": [{"id": "s", "apps": [idle("b")]}]}))
    shown = api.get(f"/v2/groups{group}", embed="group.groups").json()
    assert shown["groups"][0]["id"] == f"{group}/s"
    assert shown.get("apps", []) == []
    assert shown["groups"][0].get("apps", []) == []
    shown = api.get(f"/v2/groups{group}", embed="group.apps").json()
    assert shown.get("groups", []) == []
    assert "tasks" not in shown["apps"][0]
    query = ["group.apps", "group.apps.tasks", "group.apps.counts", "group.apps.deployments"]
    (app,) = api.get(f"/v2/groups{group}", embed=query).json()["apps"]
    assert (app["tasks"][0]["state"], app["tasksRunning"], app["deployments"]) == ("TASK_RUNNING", 1, [])


def test_apps_of_a_group(api: MarathonApi, group: str) -> None:
    """A bare list of all apps below."""
    api.done(api.put(f"/v2/groups{group}", {"apps": [idle("a")], "groups": [{"id": "s", "apps": [idle("b")]}]}))
    assert {each["id"] for each in api.get(f"/v2/groups{group}/apps").json()} == {f"{group}/a", f"{group}/s/b"}
    assert f"{group}/a" in {each["id"] for each in api.get("/v2/groups/apps").json()}


def test_apps_of_a_group_that_is_not_there(api: MarathonApi, group: str) -> None:
    """An empty list, by the code; only the group itself is 404."""
    answer = api.get(f"/v2/groups{group}/apps")
    assert (answer.status_code, answer.json()) == (200, [])
    assert api.get(f"/v2/groups{group}").status_code == 404


def test_put_naming_an_existing_subgroup(api: MarathonApi, group: str) -> None:
    """Documents and older releases allow such a PUT, so it is allowed."""
    body = {"apps": [idle("a")], "groups": [{"id": "s", "apps": [idle("b")]}]}
    assert api.put(f"/v2/groups{group}", body).status_code == 200
    assert api.put(f"/v2/groups{group}", body).status_code == 200


def test_enforce_role_of_a_top_level_group(api: MarathonApi, group: str) -> None:
    """PATCH sets it; only top-level groups have it."""
    api.done(api.post("/v2/groups", {"id": f"{group}/sub"}))
    assert api.patch(f"/v2/groups{group}/sub", {"enforceRole": True}).status_code == 422
    assert api.patch(f"/v2/groups{group}", {"enforceRole": True}).status_code == 200
    assert below(api, group)["enforceRole"] is True
    assert api.post("/v2/apps", idle(f"{group}/sub/x")).json()["role"] == group.strip("/")
    assert api.patch("/v2/groups/t-none-such", {"enforceRole": True}).status_code == 404


def test_enforce_role_does_not_change_together_with_apps(api: MarathonApi, group: str) -> None:
    api.done(api.post("/v2/groups", {"id": group, "apps": [idle("a")]}))
    answer = api.put(f"/v2/groups{group}", {"enforceRole": True, "apps": [idle("a")]})
    assert answer.status_code == 422
    assert below(api, group)["enforceRole"] is False
    assert api.put(f"/v2/groups{group}", {"enforceRole": True}).status_code == 200
    assert below(api, group)["enforceRole"] is True
