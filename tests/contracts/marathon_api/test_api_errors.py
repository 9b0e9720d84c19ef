"""What is refused, with which code, message and place."""

from __future__ import annotations

from typing import Any

import pytest
from marathon_http import MarathonApi, paths, sleeper


@pytest.mark.parametrize("body", ["{not json", "", "   ", '{"id": "/x",', "[1,"])
@pytest.mark.parametrize(("method", "path"), [("POST", "/v2/apps"), ("PUT", "/v2/groups"), ("PUT", "/v2/apps/t-none")])
def test_no_json_is_400(api: MarathonApi, method: str, path: str, body: str) -> None:
    answer = api.call(method, path, body)
    assert answer.status_code == 400
    assert isinstance(answer.json()["message"], str)
    assert isinstance(answer.json().get("details", ""), str)


WRONG = [
    ({"cpus": "1"}, "/cpus", "error.expected.jsnumber"),
    ({"instances": -1}, "/instances", "error.min"),
    ({"instances": 1.5}, "/instances", "error.expected.int"),
    ({"mem": -1}, "/mem", "error.min"),
    ({"disk": -1}, "/disk", "error.min"),
    ({"cmd": 5}, "/cmd", "error.expected.jsstring"),
    ({"env": []}, "/env", "error.expected.jsobject"),
    ({"labels": {"a": 1}}, "/labels/a", "error.expected.jsstring"),
    ({"constraints": "x"}, "/constraints", "error.expected.jsarray"),
    ({"portDefinitions": [{"port": "x"}]}, "/portDefinitions(0)/port", "error.expected.jsnumber"),
    ({"portDefinitions": [{"port": 70000}]}, "/portDefinitions(0)/port", "error.max"),
    ({"healthChecks": [{"protocol": "FTP"}]}, "/healthChecks(0)/protocol", "error.unknown.enum.literal"),
    ({"requirePorts": "yes"}, "/requirePorts", "error.expected.jsboolean"),
    ({"backoffFactor": 0.5}, "/backoffFactor", "error.min"),
    ({"upgradeStrategy": {"minimumHealthCapacity": 2, "maximumOverCapacity": 1}}, None, "error.max"),
    ({"upgradeStrategy": {"minimumHealthCapacity": 1}}, "/upgradeStrategy/maximumOverCapacity", "error.path.missing"),
    ({"killSelection": "RANDOM"}, "/killSelection", "error.unknown.enum.literal"),
    ({"container": {"type": "DOCKER", "docker": {}}}, "/container/docker/image", "error.path.missing"),
    ({"fetch": [{}]}, "/fetch(0)/uri", "error.path.missing"),
]


@pytest.mark.parametrize(("fields", "path", "error"), WRONG)
def test_wrong_types_and_ranges(
    api: MarathonApi, app: dict[str, Any], fields: dict[str, Any], path: str | None, error: str
) -> None:
    """422 `Invalid JSON` with the paths."""
    answer = api.post("/v2/apps", {**app, **fields})
    found = paths(answer)
    assert answer.json()["message"] == "Invalid JSON"
    assert any(error in errors for errors in found.values()), found
    if path is not None:
        assert path in found


def test_missing_id(api: MarathonApi) -> None:
    assert paths(api.post("/v2/apps", {"cmd": "true"})) == {"/id": ["error.path.missing"]}


def test_several_mistakes_come_at_once(api: MarathonApi, app: dict[str, Any]) -> None:
    assert set(paths(api.post("/v2/apps", {**app, "cpus": "x", "mem": "y"}))) == {"/cpus", "/mem"}


def test_what_is_no_object_is_422(api: MarathonApi) -> None:
    for body in ("[]", "1", '"text"', "null"):
        assert api.post("/v2/apps", body).status_code == 422, body


PARAMETERS = [{"key": "a", "value": "b"}]
SECCOMP = {"profileName": "a", "unconfined": True}
IPC = {"mode": "SHARE_PARENT", "shmSize": 16}
OVER = {"minimumHealthCapacity": 0, "maximumOverCapacity": 1}
ACME = {"name": "n", "provider": "acme"}
DRIVERLESS = {"name": "n", "provider": "dvdi"}
EXTERNAL = {"containerPath": "a", "mode": "RW", "external": {**DRIVERLESS, "options": {"dvdi/driver": "rexray"}}}
PERSISTENT = {"containerPath": "a", "mode": "RW", "persistent": {"size": 1}}
INVALID = [
    ({"cmd": None}, "/", "cmd"),
    ({"args": ["x"]}, "/", "cmd"),
    ({"portDefinitions": [{"port": 81}, {"port": 81}]}, "/portDefinitions", "unique"),
    ({"portDefinitions": [{"name": "a"}, {"name": "a"}]}, "/portDefinitions", "unique"),
    ({"constraints": [["hostname", "NEAR", "x"]]}, "/constraints(0)", "operator"),
    ({"constraints": [["hostname", "UNIQUE", "x"]]}, "/constraints(0)", "UNIQUE"),
    ({"constraints": [["hostname", "MAX_PER", "x"]]}, "/constraints(0)", "MAX_PER"),
    ({"constraints": [["hostname", "LIKE"]]}, "/constraints(0)", "LIKE"),
    ({"healthChecks": [{"protocol": "COMMAND"}]}, None, ""),
    ({"healthChecks": [{"protocol": "TCP", "portIndex": 4}]}, None, "port"),
    ({"readinessChecks": [{"portName": "nosuch"}]}, None, "nosuch"),
    (
        {
            "portDefinitions": [{"name": "web"}],
            "readinessChecks": [{"portName": "web", "timeoutSeconds": 30, "intervalSeconds": 30}],
        },
        None,
        "less",
    ),
    ({"networks": [{"mode": "host", "name": "x"}]}, None, "name"),
    ({"networks": [{"mode": "container"}]}, None, "name"),
    ({"networks": [{"mode": "host"}, {"mode": "container/bridge"}]}, None, ""),
    ({"unreachableStrategy": {"inactiveAfterSeconds": 9, "expungeAfterSeconds": 5}}, None, ""),
    ({"container": {"type": "DOCKER"}}, None, ""),
    ({"role": "other"}, "/role", "expected"),
    ({"ports": [1, 2], "portDefinitions": [{"port": 3}]}, None, "port"),
    ({"uris": ["http://a/b"], "fetch": [{"uri": "http://a/c"}]}, None, "fetch"),
    ({"acceptedResourceRoles": []}, "/acceptedResourceRoles", ""),
    ({"gpus": 1}, None, "gpu"),
    ({"ports": [80, 80]}, "/", "unique"),
    ({"cmd": None, "container": {}}, None, ""),
    ({"container": {"type": "MESOS", "docker": {"image": "a", "parameters": PARAMETERS}}}, None, "empty"),
    ({"container": {"type": "DOCKER", "docker": {"image": "a", "network": "NONE"}}}, None, "NONE"),
    ({"container": {"type": "MESOS", "linuxInfo": {"seccomp": {"unconfined": False}}}}, None, "Seccomp"),
    ({"container": {"type": "MESOS", "linuxInfo": {"seccomp": SECCOMP}}}, None, "Seccomp"),
    ({"container": {"type": "MESOS", "linuxInfo": {"ipcInfo": IPC}}}, None, "shmSize"),
    ({"container": {"type": "MESOS", "volumes": [{**EXTERNAL, "external": ACME}]}}, None, "unknown provider"),
    ({"container": {"type": "MESOS", "volumes": [{**EXTERNAL, "external": DRIVERLESS}]}}, None, "dvdi/driver"),
    ({"container": {"type": "MESOS", "volumes": [{**EXTERNAL, "containerPath": "a/b"}]}}, None, ""),
    ({"container": {"type": "MESOS", "volumes": [EXTERNAL]}, "instances": 2}, None, "1 or less"),
    ({"container": {"type": "MESOS", "volumes": [{**PERSISTENT, "containerPath": "/a"}]}}, None, "/"),
    ({"container": {"type": "MESOS", "volumes": [PERSISTENT]}, "upgradeStrategy": OVER}, None, "expected 0"),
    ({"resourceLimits": {"cpus": 0.001}}, "/resourceLimits/cpus", ""),
    ({"healthChecks": [{"protocol": "MESOS_TCP"}, {"protocol": "MESOS_HTTP"}]}, None, "at most one"),
    ({"portDefinitions": [], "healthChecks": [{"protocol": "HTTP"}]}, None, "port"),
    ({"fetch": [{"uri": "not a uri"}]}, "/fetch(0)/uri", "invalid syntax"),
    ({"env": {"A": {"secret": "s"}}}, None, "secrets"),
    ({"check": {}}, "/check", "exactly one"),
    ({"check": {"tcp": {}, "http": {}}}, "/check", "exactly one"),
    ({"check": {"http": {"portIndex": 3}}}, "/check/http/portIndex", "port"),
    ({"check": {"exec": {"command": {}}}}, "/check/exec/command", "shell"),
    ({"secrets": {"a": {"source": "/x"}}}, None, "secrets"),
]


@pytest.mark.parametrize(("fields", "path", "error"), INVALID)
def test_broken_rules(
    api: MarathonApi, app: dict[str, Any], fields: dict[str, Any], path: str | None, error: str
) -> None:
    """422 `Object is not valid` with the paths."""
    answer = api.post("/v2/apps", {**app, **fields})
    found = paths(answer)
    assert answer.json()["message"] == "Object is not valid"
    assert any(error in text for errors in found.values() for text in errors), found
    if path is not None:
        assert path in found


@pytest.mark.parametrize(
    "name", ["UPPER", "under_score", "-dash", "dash-", "a..b", ".a", "a b", "a/restart", "a/tasks", "a/versions"]
)
@pytest.mark.parametrize("what", ["app", "group"])
def test_bad_ids(api: MarathonApi, group: str, name: str, what: str) -> None:
    """Lower-case letters, digits, dots between labels, inner dashes; some last elements are reserved."""
    if what == "app":
        answer = api.post("/v2/apps", sleeper(f"{group}/{name}"))
    else:
        answer = api.post("/v2/groups", {"id": f"{group}/{name}"})
    assert answer.status_code == 422
    assert any(path.endswith("id") for path in paths(answer)), answer.text


@pytest.mark.parametrize("name", ["a", "a-b", "a.b", "1", "a1.b-2.c", "restart-me", "tasks/a"])
def test_good_ids(api: MarathonApi, group: str, name: str) -> None:
    assert api.post("/v2/apps", sleeper(f"{group}/{name}", instances=0)).status_code == 201


def test_root_is_no_app(api: MarathonApi) -> None:
    assert api.post("/v2/apps", sleeper("/")).status_code == 422


def test_update_is_checked_too(api: MarathonApi, app: dict[str, Any]) -> None:
    api.run({**app, "instances": 0})
    assert paths(api.put(f"/v2/apps{app['id']}", {"cpus": "x"})) == {"/cpus": ["error.expected.jsnumber"]}
    assert api.put(f"/v2/apps{app['id']}", {"constraints": [["a", "NEAR"]]}).status_code == 422
    assert api.patch(f"/v2/apps{app['id']}", {"mem": -1}).status_code == 422
    assert api.app(app["id"])["cpus"] == app["cpus"]


def test_cyclic_dependencies(api: MarathonApi, group: str) -> None:
    """422 containing "cyclic dependencies"."""
    apps = [
        sleeper("a", dependencies=["c"], instances=0),
        sleeper("b", dependencies=["a"], instances=0),
        sleeper("c", dependencies=["b"], instances=0),
    ]
    answer = api.post("/v2/groups", {"id": group, "apps": apps})
    assert any("cyclic dependencies" in text for errors in paths(answer).values() for text in errors)


def test_unrouted_urls(api: MarathonApi) -> None:
    """500 in 1.11, 404 earlier; always JSON with a message."""
    for path in ("/v2/nothing", "/v2/apps-and-more"):
        answer = api.get(path)
        assert answer.status_code in (404, 500)
        assert answer.json()["message"]


def test_wrong_method(api: MarathonApi) -> None:
    assert api.delete("/v2/apps").status_code == 405
    assert api.post("/v2/queue", {}).status_code == 405
    assert api.put("/v2/deployments", {}).status_code == 405


def test_body_of_another_type(api: MarathonApi, app: dict[str, Any], group: str) -> None:
    """Apps and tasks take JSON only, groups anything that reads as JSON; parameters of the type do no harm."""
    text = {"Content-Type": "text/plain"}
    for method, path in (("POST", "/v2/apps"), ("PUT", f"/v2/apps{app['id']}"), ("POST", "/v2/tasks/delete")):
        answer = api.call(method, path, {**app, "ids": []}, headers=text)
        assert (answer.status_code, "message" in answer.json()) == (415, True)
    assert api.put(f"/v2/groups{group}", {}, headers=text).status_code == 200
    exact = {"Content-Type": "application/json; charset=utf-8"}
    assert api.post("/v2/apps", {**app, "instances": 0}, headers=exact).status_code == 201


def test_version_that_is_no_time(api: MarathonApi, app: dict[str, Any]) -> None:
    api.run({**app, "instances": 0})
    assert api.put(f"/v2/apps{app['id']}", {"version": "yesterday"}).status_code == 422
