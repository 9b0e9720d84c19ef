"""`/v2/apps/{id}`: create, read, change, delete, restart."""

from __future__ import annotations

from typing import Any

import pytest
from marathon_http import SMALL, MarathonApi, sleeper


def test_post_answers_the_app_with_zero_counts_and_its_deployment(api: MarathonApi, app: dict[str, Any]) -> None:
    """POST answers the app itself, `deployments`, zero counts, and Location under the base URL."""
    answer = api.post("/v2/apps", app)
    body = answer.json()
    assert answer.status_code == 201
    assert body["id"] == app["id"]
    assert [each["id"] for each in body["deployments"]] == [answer.headers["Marathon-Deployment-Id"]]
    assert {name: body[name] for name in ("tasksStaged", "tasksRunning", "tasksHealthy", "tasksUnhealthy")} == {
        "tasksStaged": 0,
        "tasksRunning": 0,
        "tasksHealthy": 0,
        "tasksUnhealthy": 0,
    }
    assert answer.headers["Location"] == f"{api.base}{app['id']}"
    assert answer.headers["Content-Type"].startswith("application/json")


def test_version_is_a_time_in_milliseconds(api: MarathonApi, app: dict[str, Any]) -> None:
    """Times are ISO-8601 UTC, milliseconds, Z."""
    import re

    version = api.post("/v2/apps", app).json()["version"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", version)


def test_created_app_runs(api: MarathonApi, app: dict[str, Any]) -> None:
    shown = api.run({**app, "instances": 2})
    assert (shown["tasksRunning"], shown["tasksStaged"], shown["deployments"]) == (2, 0, [])
    assert len(api.tasks(app["id"])) == 2


def test_defaults(api: MarathonApi, group: str) -> None:
    """The defaults, with empty collections left out."""
    api.done(api.post("/v2/apps", {"id": f"{group}/plain", "cmd": "sleep 1000", "instances": 0}))
    shown = api.app(f"{group}/plain")
    expected = {
        "instances": 0,
        "cpus": 1,
        "mem": 128,
        "disk": 0,
        "gpus": 0,
        "executor": "",
        "backoffSeconds": 1,
        "backoffFactor": 1.15,
        "maxLaunchDelaySeconds": 300,
        "requirePorts": False,
        "upgradeStrategy": {"minimumHealthCapacity": 1, "maximumOverCapacity": 1},
        "killSelection": "YOUNGEST_FIRST",
        "unreachableStrategy": {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0},
        "networks": [{"mode": "host"}],
        "labels": {},
        "role": "*",
    }
    assert {name: shown[name] for name in expected} == expected
    for name in ("env", "args", "constraints", "dependencies", "healthChecks", "fetch", "readinessChecks", "secrets"):
        assert name not in shown
    (definition,) = shown["portDefinitions"]
    assert (definition["name"], definition["protocol"]) == ("default", "tcp")
    assert 10000 <= definition["port"] <= 20000


def test_instances_default_to_one(api: MarathonApi, app: dict[str, Any]) -> None:
    assert api.post("/v2/apps", app).json()["instances"] == 1


def test_relative_id_is_answered_absolute(api: MarathonApi, app: dict[str, Any]) -> None:
    """Request ids may be relative to root; answers are absolute."""
    answer = api.post("/v2/apps", {**app, "id": app["id"].lstrip("/")})
    assert answer.status_code == 201
    assert answer.json()["id"] == app["id"]


def test_existing_id_conflicts(api: MarathonApi, app: dict[str, Any]) -> None:
    api.post("/v2/apps", app)
    answer = api.post("/v2/apps", app)
    assert answer.status_code == 409
    assert answer.json()["message"] == f"An app with id [{app['id']}] already exists."
    assert "deployments" not in answer.json()


def test_two_posts_at_once_make_one_app(api: MarathonApi, app: dict[str, Any]) -> None:
    """Updates of the tree are serialised: one 201, the rest 409."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        codes = sorted(pool.map(lambda _: api.post("/v2/apps", app).status_code, range(4)))
    assert codes == [201, 409, 409, 409]


def test_unknown_fields_are_ignored(api: MarathonApi, app: dict[str, Any]) -> None:
    answer = api.post("/v2/apps", {**app, "noSuchField": 1, "container": {"type": "MESOS", "strange": True}})
    assert answer.status_code == 201
    assert "noSuchField" not in answer.json()


@pytest.mark.parametrize("path", ["/v2/apps/{}", "/v2/apps//{}", "/v2/apps/{}/", "/v2//apps/{}"])
def test_slashes_do_no_harm(api: MarathonApi, app: dict[str, Any], path: str) -> None:
    """Doubled or trailing slashes are what clients send."""
    api.post("/v2/apps", app)
    assert api.get(path.format(app["id"].lstrip("/"))).json()["app"]["id"] == app["id"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/restart"),
        ("GET", "/tasks"),
        ("DELETE", "/tasks"),
        ("GET", "/versions"),
    ],
)
def test_unknown_app_is_404(api: MarathonApi, app: dict[str, Any], method: str, path: str) -> None:
    body = {"cmd": "true"} if method == "PATCH" else None
    answer = api.call(method, f"/v2/apps{app['id']}{path}", body)
    assert (answer.status_code, answer.json()["message"]) == (404, f"App '{app['id']}' does not exist")


def test_read_one_has_counts_tasks_and_deployments(api: MarathonApi, app: dict[str, Any]) -> None:
    shown = api.run(app)
    assert {"tasksStaged", "tasksRunning", "tasksHealthy", "tasksUnhealthy", "tasks", "deployments"} <= set(shown)
    assert [task["id"] for task in shown["tasks"]] == [task["id"] for task in api.tasks(app["id"])]
    assert shown["versionInfo"]["lastConfigChangeAt"] == shown["versionInfo"]["lastScalingAt"] == shown["version"]


def test_read_all_below_a_group(api: MarathonApi, group: str) -> None:
    """`/v2/apps/{group}/*` answers the apps below as `*`."""
    for name in ("one", "deep/two"):
        api.post("/v2/apps", sleeper(f"{group}/{name}", instances=0))
    answer = api.get(f"/v2/apps{group}/*")
    assert {each["id"] for each in answer.json()["*"]} == {f"{group}/one", f"{group}/deep/two"}
    assert api.get(f"/v2/apps{group}/nothing/*").status_code == 404


def test_put_creates(api: MarathonApi, app: dict[str, Any]) -> None:
    """PUT of an unknown id creates it: 201; of a known one 200."""
    body = {name: value for name, value in app.items() if name != "id"}
    answer = api.put(f"/v2/apps{app['id']}", body)
    assert answer.status_code == 201
    assert answer.headers["Location"].endswith(app["id"])
    assert set(answer.json()) == {"version", "deploymentId"}
    assert answer.json()["deploymentId"] == answer.headers["Marathon-Deployment-Id"]
    api.done(answer)
    assert api.put(f"/v2/apps{app['id']}", {"instances": 2}).status_code == 200


def test_put_is_partial_and_replaces_whole_values(api: MarathonApi, app: dict[str, Any]) -> None:
    """Named fields replace whole values: env and labels are not merged key by key; others stay."""
    api.run({**app, "instances": 0, "env": {"A": "1", "B": "2"}, "labels": {"x": "1"}})
    api.done(api.put(f"/v2/apps{app['id']}", {"env": {"C": "3"}}))
    shown = api.app(app["id"])
    assert (shown["env"], shown["labels"], shown["cmd"], shown["mem"]) == (
        {"C": "3"},
        {"x": "1"},
        app["cmd"],
        SMALL["mem"],
    )


def test_put_complete_returns_to_defaults(api: MarathonApi, app: dict[str, Any]) -> None:
    """`partialUpdate=false`: absent fields return to defaults; the id comes from the URL."""
    api.run({**app, "instances": 0, "env": {"A": "1"}, "labels": {"x": "1"}, "killSelection": "OLDEST_FIRST"})
    body = {"cmd": "sleep 2000", "instances": 0, "cpus": 0.02}
    api.done(api.put(f"/v2/apps{app['id']}", body, partialUpdate="false"))
    shown = api.app(app["id"])
    assert (shown["cmd"], shown["cpus"], shown["mem"], shown["labels"]) == ("sleep 2000", 0.02, 128, {})
    assert "env" not in shown
    assert shown["killSelection"] == "YOUNGEST_FIRST"


def test_put_complete_needs_a_whole_app(api: MarathonApi, app: dict[str, Any]) -> None:
    api.run({**app, "instances": 0})
    answer = api.put(f"/v2/apps{app['id']}", {"instances": 0}, partialUpdate="false")
    assert (answer.status_code, answer.json()["message"]) == (422, "Object is not valid")
    assert api.put(f"/v2/apps{app['id']}", {"instances": 0}).status_code == 200


def test_put_of_an_unknown_app_needs_a_whole_app(api: MarathonApi, app: dict[str, Any]) -> None:
    assert api.put(f"/v2/apps{app['id']}", {"instances": 2}).status_code == 422


def test_body_id_is_ignored(api: MarathonApi, app: dict[str, Any]) -> None:
    """The id of the URL counts."""
    api.run({**app, "instances": 0})
    for method in ("PUT", "PATCH"):
        answer = api.call(method, f"/v2/apps{app['id']}", {"id": f"{app['id']}-other", "mem": 17})
        api.done(answer)
    assert api.app(app["id"])["mem"] == 17
    assert api.get(f"/v2/apps{app['id']}-other").status_code == 404


def test_patch_changes_and_never_creates(api: MarathonApi, app: dict[str, Any]) -> None:
    assert api.patch(f"/v2/apps{app['id']}", app).status_code == 404
    api.run({**app, "instances": 0, "env": {"A": "1"}})
    answer = api.patch(f"/v2/apps{app['id']}", {"cmd": "sleep 3000"})
    assert answer.status_code == 200
    api.done(answer)
    shown = api.app(app["id"])
    assert (shown["cmd"], shown["env"]) == ("sleep 3000", {"A": "1"})


def test_cmd_can_be_replaced_by_args(api: MarathonApi, app: dict[str, Any]) -> None:
    """Exactly one of cmd and args: an update that names the other one alone breaks the rule."""
    api.run({**app, "instances": 0})
    answer = api.put(f"/v2/apps{app['id']}", {"args": ["sleep", "1000"]})
    assert answer.status_code in (200, 422)
    body = {"args": ["sleep", "1000"], **SMALL, "instances": 0}
    api.done(api.put(f"/v2/apps{app['id']}", body, partialUpdate="false", force="true"))
    shown = api.app(app["id"])
    assert shown["args"] == ["sleep", "1000"]
    assert "cmd" not in shown


def test_args_run_without_shell(api: MarathonApi, app: dict[str, Any]) -> None:
    body = {name: value for name, value in app.items() if name != "cmd"}
    assert api.run({**body, "args": ["sleep", "1000"]})["tasksRunning"] == 1


def test_delete_is_gone_at_once(api: MarathonApi, app: dict[str, Any]) -> None:
    """After a DELETE the next GET is 404 although tasks still die."""
    api.run({**app, "cmd": "trap '' TERM; sleep 1000", "taskKillGracePeriodSeconds": 1})
    answer = api.delete(f"/v2/apps{app['id']}")
    assert answer.status_code == 200
    assert set(answer.json()) == {"version", "deploymentId"}
    assert api.get(f"/v2/apps{app['id']}").status_code == 404
    api.done(answer)


def test_delete_forces_by_default(api: MarathonApi, app: dict[str, Any]) -> None:
    """DELETE: force defaults to true in code; with force=false a lock stands."""
    api.post("/v2/apps", {**app, "constraints": [["nowhere", "CLUSTER", "x"]]})
    answer = api.delete(f"/v2/apps{app['id']}", force="false")
    assert answer.status_code == 409
    api.done(api.delete(f"/v2/apps{app['id']}"))
    assert api.get(f"/v2/apps{app['id']}").status_code == 404


def test_restart_gives_a_new_version_and_new_tasks(api: MarathonApi, app: dict[str, Any]) -> None:
    """Restart: same definition, new version, all tasks replaced."""
    before = api.run({**app, "instances": 2})
    old = api.task_ids(app["id"])
    answer = api.post(f"/v2/apps{app['id']}/restart")
    assert answer.status_code == 200
    body = api.done(answer)
    after = api.app(app["id"])
    assert after["version"] == body["version"] > before["version"]
    assert not old & api.task_ids(app["id"])
    assert after["tasksRunning"] == 2
    assert {**after, "tasks": 0, "version": 0, "versionInfo": 0} == {
        **before,
        "tasks": 0,
        "version": 0,
        "versionInfo": 0,
    }


def test_equal_definition_restarts_nothing(api: MarathonApi, app: dict[str, Any]) -> None:
    """The automatic service port counts as equal; a change without effect still yields an id."""
    before = api.run(app)
    old = api.task_ids(app["id"])
    body = api.done(api.put(f"/v2/apps{app['id']}", app))
    assert body["deploymentId"]
    after = api.app(app["id"])
    assert (after["version"], after["portDefinitions"]) == (before["version"], before["portDefinitions"])
    assert api.task_ids(app["id"]) == old
    api.done(api.put(f"/v2/apps{app['id']}", app, partialUpdate="false"))
    assert api.task_ids(app["id"]) == old


def test_what_get_answers_can_be_put_back(api: MarathonApi, app: dict[str, Any]) -> None:
    """Counts and the like are unknown fields; `version` has to go, for it alone is a rollback."""
    before = api.run({**app, "healthChecks": [], "env": {"A": "1"}, "constraints": [["hostname", "LIKE", ".*"]]})
    old = api.task_ids(app["id"])
    body = {name: value for name, value in before.items() if name not in ("version", "versionInfo")}
    api.done(api.put(f"/v2/apps{app['id']}", body))
    assert api.task_ids(app["id"]) == old


@pytest.mark.parametrize(
    "change",
    [
        {"labels": {"a": "b"}},
        {"env": {"A": "1"}},
        {"upgradeStrategy": {"minimumHealthCapacity": 0.5, "maximumOverCapacity": 0.5}},
        {"backoffSeconds": 7},
        {"dependencies": ["/absent"]},
        {"killSelection": "OLDEST_FIRST"},
    ],
)
def test_any_difference_but_instances_restarts(api: MarathonApi, app: dict[str, Any], change: dict[str, Any]) -> None:
    before = api.run(app)
    old = api.task_ids(app["id"])
    api.done(api.put(f"/v2/apps{app['id']}", change))
    after = api.app(app["id"])
    assert not old & api.task_ids(app["id"])
    assert after["versionInfo"]["lastConfigChangeAt"] == after["version"] > before["version"]


def test_scaling_keeps_tasks_and_their_version(api: MarathonApi, app: dict[str, Any]) -> None:
    """lastScalingAt moves on scaling alone; tasks keep their old version."""
    before = api.run(app)
    old = api.task_ids(app["id"])
    api.done(api.put(f"/v2/apps{app['id']}", {"instances": 3}))
    after = api.app(app["id"])
    assert old < api.task_ids(app["id"])
    assert after["tasksRunning"] == 3
    assert after["versionInfo"]["lastScalingAt"] == after["version"]
    assert after["versionInfo"]["lastConfigChangeAt"] == before["version"]
    assert before["version"] in {task["version"] for task in api.tasks(app["id"])}
    api.done(api.put(f"/v2/apps{app['id']}", {"instances": 1}))
    assert len(api.tasks(app["id"])) == 1


def test_scale_to_zero_and_back(api: MarathonApi, app: dict[str, Any]) -> None:
    api.run(app)
    api.done(api.put(f"/v2/apps{app['id']}", {"instances": 0}))
    assert api.app(app["id"])["tasksRunning"] == 0
    api.done(api.put(f"/v2/apps{app['id']}", {"instances": 1}))
    assert api.app(app["id"])["tasksRunning"] == 1


def test_app_in_a_group_that_is_not_there(api: MarathonApi, group: str) -> None:
    """Missing parents are created, and stay when the last app goes."""
    api.done(api.post("/v2/apps", sleeper(f"{group}/a/b/c", instances=0)))
    assert api.get(f"/v2/groups{group}/a/b").json()["apps"][0]["id"] == f"{group}/a/b/c"
    api.done(api.delete(f"/v2/apps{group}/a/b/c"))
    assert api.get(f"/v2/groups{group}/a/b").json()["apps"] == []


def test_versions_list_and_one_version(api: MarathonApi, app: dict[str, Any]) -> None:
    """`/versions` lists, newest first here; `/versions/{v}` is the definition, unwrapped."""
    first = api.run({**app, "instances": 0})["version"]
    second = api.done(api.put(f"/v2/apps{app['id']}", {"cmd": "sleep 2000"}))["version"]
    assert api.get(f"/v2/apps{app['id']}/versions").json() == {"versions": [second, first]}
    old = api.get(f"/v2/apps{app['id']}/versions/{first}").json()
    assert (old["id"], old["cmd"], old["version"]) == (app["id"], app["cmd"], first)
    assert "tasksRunning" not in old


def test_unknown_version_is_404(api: MarathonApi, app: dict[str, Any]) -> None:
    api.post("/v2/apps", {**app, "instances": 0})
    answer = api.get(f"/v2/apps{app['id']}/versions/2013-08-26T05:13:00.000Z")
    assert answer.status_code == 404
    assert answer.json()["message"] == f"App '{app['id']}' does not exist in version 2013-08-26T05:13:00.000Z"
    assert api.get(f"/v2/apps{app['id']}/versions/nonsense").status_code == 422


def test_versions_of_a_deleted_app_are_404(api: MarathonApi, app: dict[str, Any]) -> None:
    api.run({**app, "instances": 0})
    api.done(api.delete(f"/v2/apps{app['id']}"))
    assert api.get(f"/v2/apps{app['id']}/versions").status_code == 404


def test_rollback_to_a_version(api: MarathonApi, app: dict[str, Any]) -> None:
    """Only `{"version": v}`: back to that definition, as a new version."""
    first = api.run({**app, "instances": 0})["version"]
    second = api.done(api.put(f"/v2/apps{app['id']}", {"cmd": "sleep 2000"}))["version"]
    answer = api.put(f"/v2/apps{app['id']}", {"version": first})
    assert answer.status_code == 200
    third = api.done(answer)["version"]
    shown = api.app(app["id"])
    assert shown["cmd"] == app["cmd"]
    assert shown["version"] == third
    assert third > second > first
    assert len(api.get(f"/v2/apps{app['id']}/versions").json()["versions"]) == 3


def test_rollback_takes_nothing_else(api: MarathonApi, app: dict[str, Any]) -> None:
    first = api.run({**app, "instances": 0})["version"]
    assert api.put(f"/v2/apps{app['id']}", {"version": first, "cmd": "true"}).status_code == 422
    assert api.put(f"/v2/apps{app['id']}", {"version": "2013-08-26T05:13:00.000Z"}).status_code == 404


def test_creating_app_still_shows_port_zero(api: MarathonApi, app: dict[str, Any]) -> None:
    """The answer to the creating POST still shows port 0; read it again for the assigned one."""
    answer = api.post("/v2/apps", {**app, "portDefinitions": [{"port": 0}, {"port": 0, "name": "b"}]})
    assert [each["port"] for each in answer.json()["portDefinitions"]] == [0, 0]
    ports = [each["port"] for each in api.app(app["id"])["portDefinitions"]]
    assert len(set(ports)) == 2
    assert all(10000 <= port <= 20000 for port in ports)
