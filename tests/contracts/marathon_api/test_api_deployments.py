"""`/v2/deployments`: plans, order, locks, cancelling."""

from __future__ import annotations

from typing import Any

import pytest
from marathon_http import MarathonApi, sleeper

STUCK = {"constraints": [["nowhere", "CLUSTER", "x"]]}


def steps(deployment: dict[str, Any], group: str) -> list[set[tuple[str, str]]]:
    """Each step as a set of action and app, without the group's name."""
    return [
        {
            (each["action"].removesuffix("Application"), each["app"].removeprefix(group + "/"))
            for each in step["actions"]
        }
        for step in deployment["steps"]
    ]


def test_shape(api: MarathonApi, app: dict[str, Any]) -> None:
    """A bare list; the step counts from 1; current actions carry readiness results."""
    answer = api.post("/v2/apps", {**app, **STUCK})
    (deployment,) = api.deployments(app["id"])
    assert deployment == {
        "id": answer.headers["Marathon-Deployment-Id"],
        "version": answer.json()["version"],
        "affectedApps": [app["id"]],
        "affectedPods": [],
        "steps": [
            {"actions": [{"action": "StartApplication", "app": app["id"]}]},
            {"actions": [{"action": "ScaleApplication", "app": app["id"]}]},
        ],
        "currentActions": [{"action": "ScaleApplication", "app": app["id"], "readinessCheckResults": []}],
        "currentStep": 2,
        "totalSteps": 2,
    }
    assert api.app(app["id"])["deployments"] == [{"id": deployment["id"]}]


def test_layers(api: MarathonApi, group: str) -> None:
    """Stop all removed; start all new; then one step per layer of dependencies."""
    api.done(api.put(f"/v2/groups{group}", {"apps": [sleeper("old"), sleeper("older"), sleeper("count")]}))
    apps = [
        sleeper("web", dependencies=["api"]),
        sleeper("api", dependencies=["db", "cache"]),
        sleeper("db", **STUCK),
        sleeper("cache", **STUCK),
        sleeper("count", instances=2, dependencies=["web"]),
    ]
    api.put(f"/v2/groups{group}", {"apps": apps})
    (deployment,) = api.deployments(group)
    assert steps(deployment, group) == [
        {("Stop", "old"), ("Stop", "older")},
        {("Start", "web"), ("Start", "api"), ("Start", "db"), ("Start", "cache")},
        {("Scale", "db"), ("Scale", "cache")},
        {("Scale", "api")},
        {("Scale", "web")},
        {("Restart", "count")},
    ]
    assert set(deployment["affectedApps"]) == {
        f"{group}/{name}" for name in ("old", "older", "web", "api", "db", "cache", "count")
    }


def test_group_dependencies_bind_all_below(api: MarathonApi, group: str) -> None:
    """A group's dependencies bind every app below it."""
    body = {
        "groups": [
            {"id": "front", "dependencies": ["../back"], "apps": [sleeper("a"), sleeper("b")]},
            {"id": "back", "apps": [sleeper("c", **STUCK)], "groups": [{"id": "deep", "apps": [sleeper("d")]}]},
        ]
    }
    api.put(f"/v2/groups{group}", body)
    (deployment,) = api.deployments(group)
    assert steps(deployment, group)[1:] == [
        {("Scale", "back/c"), ("Scale", "back/deep/d")},
        {("Scale", "front/a"), ("Scale", "front/b")},
    ]
    # The next layer waits for the first one.
    assert deployment["currentStep"] == 2
    assert api.tasks(f"{group}/front/a") == []


def test_order_is_kept(api: MarathonApi, group: str) -> None:
    body = {"apps": [sleeper("web", dependencies=["db"]), sleeper("db")]}
    api.done(api.put(f"/v2/groups{group}", body))
    (web,), (db,) = api.tasks(f"{group}/web"), api.tasks(f"{group}/db")
    assert db["startedAt"] <= web["stagedAt"]


def test_absent_dependency_is_ignored(api: MarathonApi, app: dict[str, Any]) -> None:
    api.done(api.post("/v2/apps", {**app, "dependencies": ["/t-absent/x"]}))


@pytest.mark.parametrize(
    ("change", "action"),
    [
        ({"instances": 3}, "ScaleApplication"),
        ({"instances": 0, "cmd": "sleep 2000"}, "ScaleApplication"),
        ({"cmd": "sleep 2000"}, "RestartApplication"),
        ({"cmd": "sleep 2000", "instances": 3}, "RestartApplication"),
    ],
)
def test_kind_of_action(api: MarathonApi, app: dict[str, Any], change: dict[str, Any], action: str) -> None:
    """Scale for only a count or a target of 0, restart for anything else; shown by the events of the deployment."""
    api.run(app)
    events = api.events("deployment_success")
    answer = api.put(f"/v2/apps{app['id']}", change)
    ended = events.next("deployment_success", lambda event: event["id"] == answer.json()["deploymentId"])
    events.close()
    assert ended["plan"]["steps"] == [{"actions": [{"action": action, "app": app["id"]}]}]


def test_lock(api: MarathonApi, app: dict[str, Any]) -> None:
    """A change of an app under deployment is 409, naming who holds the lock."""
    api.post("/v2/apps", {**app, **STUCK})
    (deployment,) = api.deployments(app["id"])
    for answer in (
        api.put(f"/v2/apps{app['id']}", {"instances": 2}),
        api.patch(f"/v2/apps{app['id']}", {"instances": 2}),
        api.put("/v2/apps", [{"id": app["id"], "instances": 2}]),
        api.post(f"/v2/apps{app['id']}/restart"),
        api.delete(f"/v2/apps{app['id']}", force="false"),
    ):
        assert answer.status_code == 409
        assert answer.json()["deployments"] == [{"id": deployment["id"]}]
        assert "locked by one or more deployments." in answer.json()["message"]
        assert "force=true" in answer.json()["message"]
    assert api.app(app["id"])["instances"] == 1


def test_lock_is_per_app(api: MarathonApi, group: str) -> None:
    """Other apps of the group are free."""
    api.done(api.put(f"/v2/groups{group}", {"apps": [sleeper("a", instances=0), sleeper("b", instances=0)]}))
    api.put(f"/v2/apps{group}/a", {"instances": 1, **STUCK})
    assert api.put(f"/v2/apps{group}/b", {"mem": 17}).status_code == 200
    assert api.put(f"/v2/apps{group}/a", {"mem": 17}).status_code == 409
    assert api.post("/v2/apps", sleeper(f"{group}/c")).status_code == 201


def test_force_cancels_first(api: MarathonApi, app: dict[str, Any]) -> None:
    api.post("/v2/apps", {**app, **STUCK})
    (stuck,) = api.deployments(app["id"])
    answer = api.put(f"/v2/apps{app['id']}", {"constraints": []}, force="true")
    assert answer.status_code == 200
    assert stuck["id"] not in {each["id"] for each in api.get("/v2/deployments").json()}
    api.done(answer)
    assert len(api.tasks(app["id"])) == 1


def test_cancel_rolls_back_a_creation(api: MarathonApi, app: dict[str, Any]) -> None:
    """200 and a new deployment; rolling back a creation deletes the app."""
    api.post("/v2/apps", {**app, **STUCK})
    (stuck,) = api.deployments(app["id"])
    answer = api.delete(f"/v2/deployments/{stuck['id']}")
    assert answer.status_code == 200
    assert answer.json()["deploymentId"] != stuck["id"]
    assert answer.headers["Marathon-Deployment-Id"] == answer.json()["deploymentId"]
    api.done(answer)
    assert api.get(f"/v2/apps{app['id']}").status_code == 404


def test_cancel_rolls_back_an_update(api: MarathonApi, app: dict[str, Any]) -> None:
    """The old definition as a new version; only what that deployment changed is undone."""
    before = api.run({**app, "upgradeStrategy": {"minimumHealthCapacity": 1, "maximumOverCapacity": 1}})
    api.put(f"/v2/apps{app['id']}", {"cmd": "sleep 2000", **STUCK})
    (stuck,) = api.deployments(app["id"])
    api.post("/v2/apps", sleeper(f"{app['id']}-2", instances=0))
    api.done(api.delete(f"/v2/deployments/{stuck['id']}"))
    after = api.app(app["id"])
    assert after["cmd"] == before["cmd"]
    assert "constraints" not in after
    assert after["version"] > before["version"]
    assert api.get(f"/v2/apps{app['id']}-2").status_code == 200


def test_cancel_by_force(api: MarathonApi, app: dict[str, Any]) -> None:
    """202, empty, nothing reverted: the mixed state remains."""
    api.run(app)
    old = api.task_ids(app["id"])
    api.put(f"/v2/apps{app['id']}", {"cmd": "sleep 2000", **STUCK})
    (stuck,) = api.deployments(app["id"])
    answer = api.delete(f"/v2/deployments/{stuck['id']}", force="true")
    assert (answer.status_code, answer.content) == (202, b"")
    assert api.deployments(app["id"]) == []
    assert api.app(app["id"])["cmd"] == "sleep 2000"
    assert api.task_ids(app["id"]) == old


def test_unknown_deployment(api: MarathonApi) -> None:
    answer = api.delete("/v2/deployments/no-such")
    assert (answer.status_code, answer.json()["message"]) == (404, "DeploymentPlan no-such does not exist")


def test_delete_of_many_is_one_step(api: MarathonApi, group: str) -> None:
    """Removed apps stop in one step without order, dependencies or not."""
    trap = "trap '' TERM; while :; do sleep 0.1; done"
    apps = [
        sleeper("a", cmd=trap, taskKillGracePeriodSeconds=1),
        sleeper("b", cmd=trap, taskKillGracePeriodSeconds=1, dependencies=["a"]),
    ]
    api.done(api.put(f"/v2/groups{group}", {"apps": apps}))
    answer = api.delete(f"/v2/groups{group}")
    (deployment,) = api.deployments(group)
    assert steps(deployment, group) == [{("Stop", "a"), ("Stop", "b")}]
    api.done(answer)


def test_nothing_to_do_ends_at_once(api: MarathonApi, app: dict[str, Any]) -> None:
    """An empty plan ends immediately, and has an id all the same."""
    api.run({**app, "instances": 0})
    answer = api.put(f"/v2/apps{app['id']}", {"mem": app["mem"]})
    assert answer.json()["deploymentId"] not in {each["id"] for each in api.get("/v2/deployments").json()}


def test_deployment_waits_for_health(api: MarathonApi, app: dict[str, Any]) -> None:
    """It ends when its tasks run and are healthy; it never times out."""
    command = {"value": "false"}
    check = {"protocol": "COMMAND", "command": command, "intervalSeconds": 1, "gracePeriodSeconds": 600}
    api.post("/v2/apps", {**app, "healthChecks": [check]})
    api.until(lambda: api.tasks(app["id"]))
    assert len(api.deployments(app["id"])) == 1


def test_readiness(api: MarathonApi, app: dict[str, Any], tmp_path: Any) -> None:
    """The deployment polls the path until it is ready; results show the last answer if wanted."""
    (tmp_path / "alive").write_text("yes")
    command = f"exec python3 -m http.server $PORT0 --bind $HOST --directory {tmp_path}"
    check = {
        "portName": "web",
        "path": "/ready",
        "intervalSeconds": 2,
        "timeoutSeconds": 1,
        "preserveLastResponse": True,
    }
    body = {**app, "cmd": command, "portDefinitions": [{"name": "web"}], "readinessChecks": [check]}
    answer = api.post("/v2/apps", body)
    assert answer.status_code == 201, answer.text

    def results() -> Any:
        found = api.deployments(app["id"])
        shown = found and found[0]["currentActions"][0]["readinessCheckResults"]
        return shown if shown and shown[0]["lastResponse"]["status"] == 404 else None

    (result,) = api.until(results)
    assert (result["ready"], result["name"]) == (False, "readinessCheck")
    assert result["taskId"] in api.task_ids(app["id"])
    assert set(result["lastResponse"]) == {"status", "contentType", "body"}
    (shown,) = api.get("/v2/apps", id=app["id"], embed="apps.readiness").json()["apps"]
    assert shown["readinessCheckResults"] == [result]
    (tmp_path / "ready").write_text("yes")
    api.done(answer)


def test_cancel_of_a_deletion_brings_the_app_back(api: MarathonApi, app: dict[str, Any]) -> None:
    """The rollback of a deletion creates the app again, with its count."""
    slow = "trap '' TERM; while :; do sleep 0.1; done"
    api.run({**app, "cmd": slow, "taskKillGracePeriodSeconds": 1})
    deletion = api.delete(f"/v2/apps{app['id']}").json()["deploymentId"]
    assert api.get(f"/v2/apps{app['id']}").status_code == 404
    api.done(api.delete(f"/v2/deployments/{deletion}"))
    shown = api.app(app["id"])
    assert (shown["cmd"], shown["instances"], shown["tasksRunning"]) == (slow, 1, 1)


def test_scaling_kill_can_be_forced(api: MarathonApi, app: dict[str, Any]) -> None:
    api.run({**app, "instances": 2})
    api.put(f"/v2/apps{app['id']}", STUCK)
    task = sorted(api.task_ids(app["id"]))[0]
    assert api.post("/v2/tasks/delete", {"ids": [task]}, scale="true").status_code == 409
    assert api.post("/v2/tasks/delete", {"ids": [task]}, scale="true", force="true").status_code == 200
    assert api.app(app["id"])["instances"] == 1


def test_scaling_down_what_waits(api: MarathonApi, app: dict[str, Any]) -> None:
    """Waiting instances go first, and nothing is waited for any more."""
    api.post("/v2/apps", {**app, "instances": 4, **STUCK})
    api.until(lambda: (entry := api.queued(app["id"])) and entry["count"] == 4)
    api.put(f"/v2/apps{app['id']}", {"instances": 2}, force="true")
    api.until(lambda: (entry := api.queued(app["id"])) and entry["count"] == 2)
    api.put(f"/v2/apps{app['id']}", {"instances": 0}, force="true")
    api.until(lambda: api.queued(app["id"]) is None and api.deployments(app["id"]) == [])


def test_deleted_group_comes_back_by_version(api: MarathonApi, group: str) -> None:
    version = api.done(api.put(f"/v2/groups{group}", {"apps": [sleeper("a", instances=0)]}))["version"]
    api.done(api.delete(f"/v2/groups{group}"))
    api.done(api.put(f"/v2/groups{group}", {"version": version}))
    assert api.app(f"{group}/a")["cmd"] == "sleep 1000"
