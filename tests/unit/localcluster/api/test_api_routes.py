"""The routes over an engine that only keeps trees: codes, bodies, headers, and what the engine is asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from api_double import HOST, TOKEN, Client, TreeEngine, basic

from ciprov.localcluster.api.port import DeploymentView, QueueEntry
from ciprov.localcluster.definitions.parse import parse_app
from ciprov.localcluster.model import Action, ActionKind, Condition, HealthResult, Instance, Step, TaskFailure

NOW = datetime(2020, 5, 5, 12, 0, 0, 123456, tzinfo=UTC)
UUID = "4f0b6bb2-0d3a-11ea-8d71-362b9e155667"


@pytest.fixture
def api() -> Client:
    return Client(TreeEngine())


def app(app_id: str, **fields: Any) -> dict[str, Any]:
    return {"id": app_id, "cmd": "sleep 1", **fields}


def instance(app_id: str, condition: Condition = Condition.RUNNING, **fields: Any) -> Instance:
    defaults: dict[str, Any] = {
        "id": f"{app_id[1:].replace('/', '_')}.instance-{UUID}",
        "app_id": app_id,
        "app_version": "2020-01-01T00:00:01.000Z",
        "condition": condition,
        "since": NOW,
        "agent_id": "agent-0",
        "host": "127.9.8.1",
        "ports": (31000,),
        "staged_at": NOW,
        "started_at": NOW,
    }
    return Instance(**{**defaults, **fields})


def view(*app_ids: str, **fields: Any) -> DeploymentView:
    action = Action(ActionKind.SCALE, app_ids[0])
    defaults: dict[str, Any] = {
        "id": "d-1",
        "version": "2020-01-01T00:00:01.000Z",
        "affected_apps": app_ids,
        "steps": (Step((action,)),),
        "current_actions": (action,),
        "current_step": 1,
        "readiness": {},
    }
    return DeploymentView(**{**defaults, **fields})


# The guard


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"host": "localhost:8080"}, 200),
        ({"host": "[::1]:8080"}, 200),
        ({"host": "127.0.0.1"}, 200),
        ({"host": "evil.example:8080"}, 403),
        ({"host": "127.0.0.1.evil.example"}, 403),
        ({"host": "10.0.0.1"}, 403),
        ({"host": ""}, 403),
        ({"origin": f"http://{HOST}"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.9.8.1:9999"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
        ({"authorization": ""}, 401),
        ({"authorization": basic("ciprov", "wrong")}, 401),
        ({"authorization": basic("root", TOKEN)}, 401),
        ({"authorization": "Basic %%%"}, 401),
        ({"authorization": f"Bearer {TOKEN}"}, 401),
    ],
)
def test_guard(api: Client, headers: dict[str, str], status: int) -> None:
    answer = api("GET", "/v2/apps", headers=headers)
    assert answer.status == status
    assert ("www-authenticate" in answer.headers) is (status == 401)
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_guard_stands_before_writes_and_unknown_paths(api: Client) -> None:
    for method, path in (("POST", "/v2/apps"), ("DELETE", "/v2/groups"), ("GET", "/nope"), ("GET", "/ping")):
        assert api(method, path, {}, {"authorization": ""}).status == 401
    assert api.engine.calls == []


def test_a_cluster_without_credential_does_not_start() -> None:
    from ciprov.localcluster.api.guard import Guard

    async def nothing(*_: Any) -> None: ...

    with pytest.raises(ValueError, match="credential"):
        Guard(nothing, "")


def test_headers_of_every_answer(api: Client) -> None:
    for path in ("/ping", "/v2/apps", "/v2/apps/none"):
        headers = api("GET", path).headers
        assert headers["x-marathon-leader"] == f"http://{HOST}"
        assert headers["cache-control"].startswith("no-cache")


# Errors


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "part"),
    [
        ("POST", "/v2/apps", b"", 400, "message"),
        ("POST", "/v2/apps", b"{", 400, "Invalid JSON"),
        ("PUT", "/v2/groups/a", b"[1", 400, "Invalid JSON"),
        ("POST", "/v2/apps", {"id": "/a", "cpus": "x"}, 422, "Invalid JSON"),
        ("POST", "/v2/apps", {"id": "/a"}, 422, "Object is not valid"),
        ("PUT", "/v2/apps/A", {"cmd": "sleep 1"}, 422, "error.pattern"),
        ("GET", "/v2/apps/x", None, 404, "App '/x' does not exist"),
        ("DELETE", "/v2/apps/x", None, 404, "App '/x' does not exist"),
        ("PATCH", "/v2/apps/x", {"cmd": "sleep 1"}, 404, "App '/x' does not exist"),
        ("POST", "/v2/apps/x/restart", None, 404, "App '/x' does not exist"),
        ("GET", "/v2/apps/x/tasks", None, 404, "App '/x' does not exist"),
        ("GET", "/v2/apps/x/versions", None, 404, "App '/x' does not exist"),
        ("GET", "/v2/apps/x/versions/2020-01-01T00:00:00Z", None, 404, "App '/x' does not exist"),
        ("GET", "/v2/apps/x/versions/yesterday", None, 422, "timestamp"),
        ("GET", "/v2/apps/x/*", None, 404, "Group '/x' does not exist"),
        ("GET", "/v2/groups/x", None, 404, "Group '/x' does not exist"),
        ("DELETE", "/v2/groups/x", None, 404, "Group '/x' does not exist"),
        ("GET", "/v2/groups/x/versions", None, 404, "Group '/x' does not exist"),
        ("PUT", "/v2/groups/x", {"version": "2020-01-01T00:00:00Z"}, 422, "not available in version"),
        ("DELETE", "/v2/deployments/x", None, 404, "DeploymentPlan x does not exist"),
        ("DELETE", "/v2/queue/x/delay", None, 404, "not found in tasks queue"),
        ("POST", "/v2/tasks/delete", {"ids": ["nonsense"]}, 400, "Invalid task id"),
        ("POST", "/v2/tasks/delete", {}, 422, "error.path.missing"),
        ("POST", "/v2/tasks/delete?scale=true&wipe=true", {"ids": []}, 400, "scale and wipe"),
        ("PUT", "/v2/apps", [{"cmd": "sleep 1"}], 422, "must have app id"),
        ("PATCH", "/v2/apps", [{"id": "/x", "cmd": "sleep 1"}], 404, "App '/x' does not exist"),
        ("GET", "/v2/apps?label=a%20b", None, 422, "label selector"),
        ("GET", "/v2/nothing", None, 500, "URI not found"),
        ("PUT", "/v2/leader", None, 405, "message"),
    ],
)
def test_refusals(api: Client, method: str, path: str, body: Any, status: int, part: str) -> None:
    answer = api(method, path, body)
    assert answer.status == status
    assert part in answer.body.decode()
    assert "message" in answer.json
    assert api.engine.calls == []


# Apps


def test_create(api: Client) -> None:
    answer = api("POST", "/v2/apps", app("/g/a", instances=2))
    assert answer.status == 201
    assert answer.headers["location"] == f"http://{HOST}/g/a"
    assert answer.headers["marathon-deployment-id"] == "deployment-1"
    shown = answer.json
    assert shown["deployments"] == [{"id": "deployment-1"}]
    assert shown["version"] == "2020-01-01T00:00:01.000Z"
    assert [shown[f"tasks{name}"] for name in ("Staged", "Running", "Healthy", "Unhealthy")] == [0, 0, 0, 0]
    # The port is assigned, but the answer comes before one looks.
    assert shown["portDefinitions"][0]["port"] == 0
    assert api("GET", "/v2/apps/g/a").json["app"]["portDefinitions"][0]["port"] == 10000
    assert api.engine.calls == [("change", "/g", False, ("/g/a",))]
    assert api("POST", "/v2/apps", app("/g/a")).status == 409


def test_every_change_is_announced(api: Client) -> None:
    api("POST", "/v2/apps", app("/a"))
    api("PUT", "/v2/apps/a", {"instances": 2})
    api("PUT", "/v2/apps/a", {"cpus": "x"})
    api("DELETE", "/v2/apps/a")
    assert [
        (kind, fields["uri"], fields["appDefinition"]["instances"]) for kind, fields in api.engine.events.events
    ] == [
        ("api_post_event", "/v2/apps", 1),
        ("api_post_event", "/v2/apps/a", 2),
        ("api_post_event", "/v2/apps/a", 2),
    ]


def test_slashes_do_no_harm(api: Client) -> None:
    api("POST", "/v2/apps/", app("/g/a"))
    for path in ("/v2/apps//g/a", "//v2/apps/g//a/", "/v2/apps/g/a"):
        assert api("GET", path).json["app"]["id"] == "/g/a"
    assert api("GET", "/v2/groups//g/").json["id"] == "/g"
    assert api("GET", "/v2/groups/").json["id"] == "/"


def test_put_is_partial_unless_told_otherwise(api: Client) -> None:
    assert api("PUT", "/v2/apps/a", app("/other", instances=3, env={"A": "1"})).status == 201
    answer = api("PUT", "/v2/apps/a", {"env": {"B": "2"}})
    assert (answer.status, answer.json) == (
        200,
        {"version": "2020-01-01T00:00:02.000Z", "deploymentId": "deployment-2"},
    )
    shown = api("GET", "/v2/apps/a").json["app"]
    assert (shown["instances"], shown["env"]) == (3, {"B": "2"})
    assert api("PUT", "/v2/apps/a?partialUpdate=false", {"cmd": "sleep 2"}).status == 200
    shown = api("GET", "/v2/apps/a").json["app"]
    assert (shown["instances"], shown.get("env"), shown["cmd"]) == (1, None, "sleep 2")


def test_scaling_moves_one_time_and_a_change_both(api: Client) -> None:
    api("POST", "/v2/apps", app("/a"))
    api("PATCH", "/v2/apps/a", {"instances": 2})
    info = api("GET", "/v2/apps/a").json["app"]["versionInfo"]
    assert info == {"lastScalingAt": "2020-01-01T00:00:02.000Z", "lastConfigChangeAt": "2020-01-01T00:00:01.000Z"}
    api("PATCH", "/v2/apps/a", {"labels": {"x": "y"}})
    info = api("GET", "/v2/apps/a").json["app"]["versionInfo"]
    assert info == {"lastScalingAt": "2020-01-01T00:00:03.000Z", "lastConfigChangeAt": "2020-01-01T00:00:03.000Z"}


def test_the_same_again_changes_nothing(api: Client) -> None:
    whole = app("/a", ports=[0, 0])
    api("PUT", "/v2/apps/a", whole)
    api("PUT", "/v2/apps/a?partialUpdate=false", whole)
    shown = api("GET", "/v2/apps/a").json["app"]
    assert shown["version"] == "2020-01-01T00:00:01.000Z"
    api("PUT", "/v2/apps/a", {name: value for name, value in shown.items() if name not in ("version", "versionInfo")})
    assert api("GET", "/v2/apps/a").json["app"]["version"] == "2020-01-01T00:00:01.000Z"
    assert [call[3] for call in api.engine.calls] == [("/a",), (), ()]


def test_versions_and_rollback(api: Client) -> None:
    api("POST", "/v2/apps", app("/a"))
    api("PUT", "/v2/apps/a", {"cmd": "sleep 2"})
    first, second = "2020-01-01T00:00:01.000Z", "2020-01-01T00:00:02.000Z"
    assert api("GET", "/v2/apps/a/versions").json == {"versions": [second, first]}
    assert api("GET", f"/v2/apps/a/versions/{first}").json["cmd"] == "sleep 1"
    assert api("PUT", "/v2/apps/a", {"version": "2020-01-01T01:00:01+01:00"}).status == 200
    shown = api("GET", "/v2/apps/a").json["app"]
    assert (shown["cmd"], shown["version"]) == ("sleep 1", "2020-01-01T00:00:03.000Z")
    assert api("PUT", "/v2/apps/a", {"version": "2019-01-01T00:00:00Z"}).status == 404
    assert api("PUT", "/v2/apps/a", {"version": first, "cmd": "x y"}).status == 422


def test_lists_are_one_deployment(api: Client) -> None:
    api("POST", "/v2/apps", app("/a", instances=4))
    answer = api("PUT", "/v2/apps", [{"id": "/a", "cmd": "sleep 2"}, {"id": "b", "cmd": "sleep 3"}])
    assert answer.json["deploymentId"] == "deployment-2"
    shown = {item["id"]: item for item in api("GET", "/v2/apps").json["apps"]}
    assert (shown["/a"]["cmd"], shown["/a"]["instances"], shown["/b"]["cmd"]) == ("sleep 2", 4, "sleep 3")
    api("PUT", "/v2/apps?partialUpdate=false", [{"id": "/a", "cmd": "sleep 2"}])
    assert api("GET", "/v2/apps/a").json["app"]["instances"] == 1
    faulty = api("PATCH", "/v2/apps", [{"id": "/a"}, {"id": "/b", "mem": "x"}])
    assert faulty.json["details"][0]["path"] == "(1)/mem"


def test_restart_and_delete(api: Client) -> None:
    api("POST", "/v2/apps", app("/g/a"))
    api("POST", "/v2/apps/g/a/restart?force=true")
    api("DELETE", "/v2/apps/g/a")
    assert api.engine.calls[1:] == [("change", "/g", True, ("/g/a",)), ("change", "/g", True, ("/g/a",))]
    assert api("GET", "/v2/apps/g/a").status == 404
    assert api("GET", "/v2/apps/g/a/versions").status == 404


def test_locks(api: Client) -> None:
    api("POST", "/v2/apps", app("/g/a"))
    api("POST", "/v2/apps", app("/g/b"))
    api.engine.views = [view("/g/a")]
    for method, path, body in (
        ("PUT", "/v2/apps/g/a", {"cmd": "sleep 2"}),
        ("POST", "/v2/apps/g/a/restart", None),
        ("DELETE", "/v2/apps/g/a?force=false", None),
        ("DELETE", "/v2/groups/g", None),
    ):
        answer = api(method, path, body)
        assert answer.status == 409
        assert answer.json["deployments"] == [{"id": "d-1"}]
        assert "?force=true" in answer.json["message"]
    assert api("PUT", "/v2/apps/g/b", {"cmd": "sleep 2"}).status == 200
    assert api("PUT", "/v2/apps/g/a?force=true", {"cmd": "sleep 2"}).status == 200


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["/a", "/g/b"]),
        ("id=G/", ["/g/b"]),
        ("cmd=SLEEP", ["/a", "/g/b"]),
        ("cmd=nap", []),
        ("label=tier", ["/a", "/g/b"]),
        ("label=zone", ["/a"]),
        ("label=tier%3D%3Dweb", ["/a"]),
        ("label=tier!%3Dweb", ["/g/b"]),
        ("label=zone!%3Dx", ["/a"]),
        ("label=tier+in+(web,+db)", ["/a", "/g/b"]),
        ("label=tier+notin+(web)", ["/g/b"]),
        ("label=tier%3D%3Dweb,zone", ["/a"]),
        ("label=tier%3D%3Ddb,zone", []),
        ("id=a&label=tier%3D%3Ddb", []),
    ],
)
def test_filters(api: Client, query: str, found: list[str]) -> None:
    api("POST", "/v2/apps", app("/a", labels={"tier": "web", "zone": "1"}))
    api("POST", "/v2/apps", app("/g/b", labels={"tier": "db"}))
    assert [item["id"] for item in api("GET", f"/v2/apps?{query}").json["apps"]] == found


def test_embedding(api: Client) -> None:
    api("POST", "/v2/apps", app("/g/a", healthChecks=[{}]))
    api.engine.running = [instance("/g/a"), instance("/g/a", Condition.SCHEDULED, id="g_a.instance-other")]
    api.engine.views = [view("/g/a")]
    api.engine.failures["/g/a"] = TaskFailure("/g/a", "t", "h", "agent-0", "TASK_FAILED", "boom", NOW, "v")
    listed = api("GET", "/v2/apps").json["apps"][0]
    assert (listed["tasksRunning"], listed["tasksUnhealthy"], listed["tasksHealthy"]) == (1, 1, 0)
    assert listed["deployments"] == [{"id": "d-1"}]
    assert not {"tasks", "lastTaskFailure"} & listed.keys()
    for prefix in ("app.", "apps.", "group.apps."):
        listed = api("GET", f"/v2/apps?embed={prefix}tasks&embed={prefix}lastTaskFailure").json["apps"][0]
        assert len(listed["tasks"]) == 1
        assert listed["lastTaskFailure"]["message"] == "boom"
    alone = api("GET", "/v2/apps/g/a?embed=app.taskStats").json["app"]
    assert alone["lastTaskFailure"]["timestamp"] == "2020-05-05T12:00:00.123Z"
    assert alone["tasksStats"]["totalSummary"]["stats"]["counts"]["running"] == 1
    assert [item["id"] for item in api("GET", "/v2/apps/g/*").json["*"]] == ["/g/a"]


# Tasks


def test_tasks(api: Client) -> None:
    api("POST", "/v2/apps", app("/g/a", healthChecks=[{}]))
    alive = HealthResult(0, alive=True, first_success=NOW, last_success=NOW)
    api.engine.running = [
        instance("/g/a", health=(alive,)),
        instance("/g/a", Condition.FAILED, id="g_a.instance-old"),
        instance("/g/a", Condition.STAGING, id="g_a.instance-new", started_at=None),
    ]
    shown, ended, staging = api("GET", "/v2/apps/g/a/tasks").json["tasks"]
    assert shown == {
        "id": f"g_a.instance-{UUID}._app.1",
        "appId": "/g/a",
        "slaveId": "agent-0",
        "host": "127.9.8.1",
        "state": "TASK_RUNNING",
        "ports": [31000],
        "servicePorts": [],
        "ipAddresses": [{"ipAddress": "127.9.8.1", "protocol": "IPv4"}],
        "stagedAt": "2020-05-05T12:00:00.123Z",
        "startedAt": "2020-05-05T12:00:00.123Z",
        "version": "2020-01-01T00:00:01.000Z",
        "healthCheckResults": [
            {
                "alive": True,
                "consecutiveFailures": 0,
                "instanceId": f"g_a.instance-{UUID}",
                "firstSuccess": "2020-05-05T12:00:00.123Z",
                "lastSuccess": "2020-05-05T12:00:00.123Z",
            }
        ],
        "localVolumes": [],
        "role": "*",
    }
    assert ended["ports"] == []
    assert not {"startedAt", "stagedAt", "version"} & ended.keys()
    assert "startedAt" not in staging
    assert [item["servicePorts"] for item in api("GET", "/v2/tasks?status=running").json["tasks"]] == [[10000]]
    assert len(api("GET", "/v2/tasks?status=staging&status=running").json["tasks"]) == 2
    assert len(api("GET", "/v2/apps/g/*/tasks").json["tasks"]) == 3
    api.engine.running = [instance("/g/a", address="172.18.0.2", check_result={"http": {"statusCode": 503}})]
    (inside,) = api("GET", "/v2/apps/g/a/tasks").json["tasks"]
    assert inside["ipAddresses"] == [{"ipAddress": "172.18.0.2", "protocol": "IPv4"}]
    assert inside["checkResult"] == {"http": {"statusCode": 503}}


def test_kills(api: Client) -> None:
    api("POST", "/v2/apps", app("/g/a"))
    one = instance("/g/a")
    other = instance("/g/a", id="g_a.instance-other", host="127.9.8.2")
    api.engine.running = [one, other]
    api.engine.calls.clear()
    # Any attempt of the instance will do.
    assert api("DELETE", f"/v2/apps/g/a/tasks/{one.id}._app.7").json["task"]["id"] == one.task_id
    assert api("DELETE", "/v2/apps/g/a/tasks/g_a.instance-unknown._app.1").status == 404
    assert [item["id"] for item in api("DELETE", "/v2/apps/g/a/tasks?host=127.9.8.2&wipe=true").json["tasks"]] == [
        other.task_id
    ]
    assert len(api("DELETE", "/v2/apps/g/a/tasks").json["tasks"]) == 2
    assert api("DELETE", "/v2/apps/g/a/tasks?scale=true&wipe=true").status == 400
    assert api("POST", "/v2/tasks/delete?scale=true", {"ids": [one.task_id]}).json["deploymentId"] == "scaled"
    assert api("DELETE", f"/v2/apps/g/a/tasks/{one.task_id}?scale=true&force=true").json["deploymentId"] == "scaled"
    assert api.engine.calls == [
        ("kill", (one.id,), False),
        ("kill", (other.id,), True),
        ("kill", (one.id, other.id), False),
        ("scale_down", (one.id,), False),
        ("scale_down", (one.id,), True),
    ]


# Groups


def test_groups(api: Client) -> None:
    answer = api("POST", "/v2/groups", {"id": "g", "apps": [app("a")], "groups": [{"id": "s", "apps": [app("b")]}]})
    assert answer.status == 201
    assert answer.headers["location"] == f"http://{HOST}/g"
    assert api("POST", "/v2/groups", {"id": "g"}).status == 409
    shown = api("GET", "/v2/groups/g").json
    assert {name: shown[name] for name in ("id", "pods", "dependencies", "version", "enforceRole")} == {
        "id": "/g",
        "pods": [],
        "dependencies": [],
        "version": "2020-01-01T00:00:01.000Z",
        "enforceRole": False,
    }
    assert [item["id"] for item in shown["apps"]] == ["/g/a"]
    assert "tasksRunning" not in shown["apps"][0]
    assert [item["id"] for item in shown["groups"]] == ["/g/s"]
    assert "enforceRole" not in shown["groups"][0]
    assert "enforceRole" not in api("GET", "/v2/groups").json
    embedded = api("GET", "/v2/groups/g?embed=group.apps&embed=group.apps.counts").json
    assert (embedded["apps"][0]["tasksRunning"], embedded["groups"]) == (0, [])
    assert [item["id"] for item in api("GET", "/v2/groups/g/apps").json] == ["/g/a", "/g/s/b"]
    assert [item["id"] for item in api("GET", "/v2/groups/apps").json] == ["/g/a", "/g/s/b"]


def test_group_changes(api: Client) -> None:
    api("POST", "/v2/groups", {"id": "/g", "apps": [app("a"), app("b")]})
    answer = api("PUT", "/v2/groups/g", {"apps": [app("a")]})
    assert (answer.status, answer.headers["marathon-deployment-id"]) == (200, "deployment-2")
    assert api("PUT", "/v2/groups/g", {"scaleBy": 2.5}).status == 200
    assert api("GET", "/v2/apps/g/a").json["app"]["instances"] == 3
    assert api("PUT", "/v2/groups/g", {"version": "2020-01-01T00:00:01Z"}).status == 200
    assert [item["instances"] for item in api("GET", "/v2/groups/g/apps").json] == [1, 1]
    assert api("GET", "/v2/groups/g/versions").json[-1] == "2020-01-01T00:00:01.000Z"
    old = api("GET", "/v2/groups/g/versions/2020-01-01T00:00:02.000Z").json
    assert [item["id"] for item in old["apps"]] == ["/g/a"]
    assert api("PATCH", "/v2/groups/g", {"enforceRole": True}).status == 200
    assert api("GET", "/v2/groups/g").json["enforceRole"] is True
    assert api("DELETE", "/v2/groups/g").status == 200
    assert api("DELETE", "/v2/groups").status == 200
    assert {call[1] for call in api.engine.calls} == {"/"}


def test_dry_run(api: Client) -> None:
    api("POST", "/v2/groups", {"id": "/g", "apps": [app("a"), app("b"), app("c")]})
    before = api.engine.root
    wanted = {"apps": [app("a"), app("c", cmd="sleep 2", dependencies=["d"]), app("d")]}
    answer = api("PUT", "/v2/groups/g?dryRun=true", wanted)
    assert answer.json == {
        "steps": [
            {"actions": [{"action": "StopApplication", "app": "/g/b"}]},
            {"actions": [{"action": "StartApplication", "app": "/g/d"}]},
            {"actions": [{"action": "ScaleApplication", "app": "/g/d"}]},
            {"actions": [{"action": "RestartApplication", "app": "/g/c"}]},
        ]
    }
    assert api.engine.root is before
    unchanged = {"apps": [app("a"), app("b"), app("c")]}
    assert api("PUT", "/v2/groups/g?dryRun=true", unchanged).json == {"steps": []}


# Deployments, queue, the rest


def test_deployments(api: Client) -> None:
    result = {"name": "r", "taskId": "t", "ready": False}
    api.engine.views = [view("/a", readiness={"/a": [result]})]
    assert api("GET", "/v2/deployments").json == [
        {
            "id": "d-1",
            "version": "2020-01-01T00:00:01.000Z",
            "affectedApps": ["/a"],
            "affectedPods": [],
            "steps": [{"actions": [{"action": "ScaleApplication", "app": "/a"}]}],
            "currentActions": [{"action": "ScaleApplication", "app": "/a", "readinessCheckResults": [result]}],
            "currentStep": 1,
            "totalSteps": 1,
        }
    ]
    forced = api("DELETE", "/v2/deployments/d-1?force=true")
    assert (forced.status, forced.body) == (202, b"")
    plain = api("DELETE", "/v2/deployments/d-1")
    assert (plain.status, plain.json["deploymentId"]) == (200, "rollback")


def test_queue(api: Client) -> None:
    queued = parse_app(app("/g/a"))
    api.engine.entries = [QueueEntry(queued, 2, NOW, 12.4, False, 5, 3, NOW, None, [("InsufficientPorts", 3, 3)], [])]
    (entry,) = api("GET", "/v2/queue").json["queue"]
    assert entry["app"]["id"] == "/g/a"
    assert (entry["count"], entry["role"], entry["since"]) == (2, "*", "2020-05-05T12:00:00.123Z")
    assert entry["delay"] == {"timeLeftSeconds": 12, "overdue": False}
    assert entry["processedOffersSummary"] == {
        "processedOffersCount": 5,
        "unusedOffersCount": 3,
        "lastUnusedOfferAt": "2020-05-05T12:00:00.123Z",
        "rejectSummaryLastOffers": [{"reason": "InsufficientPorts", "declined": 3, "processed": 3}],
        "rejectSummaryLaunchAttempt": [],
    }
    assert "lastUnusedOffers" not in entry
    assert "lastUnusedOffers" in api("GET", "/v2/queue?embed=lastUnusedOffers").json["queue"][0]
    assert api("DELETE", "/v2/queue/g/a/delay").status == 204


def test_the_rest(api: Client) -> None:
    info = api("GET", "/v2/info").json
    assert (info["name"], info["elected"], info["leader"]) == ("marathon", True, HOST)
    assert info["version"].startswith("1.11.")
    assert (info["marathon_config"]["local_port_min"], info["marathon_config"]["local_port_max"]) == (10000, 20000)
    assert api("GET", "/v2/leader").json == {"leader": HOST}
    assert api("GET", "/ping").body == b"pong"
    assert api("GET", "/metrics").json["gauges"]["marathon.apps.active.gauge"] == {"value": 0}
    home = api("GET", "/")
    assert (home.status, home.headers["location"]) == (302, "/ui/")


def test_bad_input_never_gives_a_traceback(api: Client) -> None:
    deep: Any = {"id": "x"}
    for _ in range(200):
        deep = {"id": "x", "groups": [deep]}
    assert api("PUT", "/v2/groups/g", deep).status in (200, 422)
    for body in ({"id": "/a", "cmd": "x" * 100_000}, {"id": "/" + "a/" * 2000 + "a", "cmd": "sleep 1"}):
        assert api("POST", "/v2/apps", body).status in (201, 422)
