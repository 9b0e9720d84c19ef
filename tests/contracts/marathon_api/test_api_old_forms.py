"""Old ways to write an app are accepted and answered in today's form; ports and networks."""

from __future__ import annotations

from typing import Any

import pytest
from marathon_http import MarathonApi, sleeper

BRIDGE = {"networks": [{"mode": "container/bridge"}]}
IMAGE = {"image": "busybox"}


def made(api: MarathonApi, app: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The app as it is read back; it has no instances."""
    answer = api.post("/v2/apps", {**app, "instances": 0, **fields})
    assert answer.status_code == 201, answer.text
    return api.app(app["id"])


def test_ports_become_port_definitions(api: MarathonApi, app: dict[str, Any]) -> None:
    shown = made(api, app, ports=[12345, 0])
    assert "ports" not in shown
    first, second = shown["portDefinitions"]
    assert (first["port"], first["protocol"]) == (12345, "tcp")
    assert 10000 <= second["port"] <= 20000


def test_ports_and_equal_port_definitions(api: MarathonApi, app: dict[str, Any]) -> None:
    """Both only if equal."""
    shown = made(api, app, ports=[12346], portDefinitions=[{"port": 12346, "name": "web"}])
    assert shown["portDefinitions"] == [{"port": 12346, "name": "web", "protocol": "tcp"}]


def test_no_ports(api: MarathonApi, app: dict[str, Any]) -> None:
    """An empty list means no port."""
    assert made(api, app, portDefinitions=[])["portDefinitions"] == []


def test_uris_become_fetch(api: MarathonApi, app: dict[str, Any]) -> None:
    shown = made(api, app, uris=["http://127.0.0.1/a.tar.gz", "http://127.0.0.1/b.txt"])
    assert "uris" not in shown
    assert [(each["uri"][-8:], each["extract"], each["executable"], each["cache"]) for each in shown["fetch"]] == [
        ("a.tar.gz", True, False, False),
        ("/b.txt".rjust(8, "1"), False, False, False),
    ] or [each["extract"] for each in shown["fetch"]] == [True, False]


@pytest.mark.parametrize(("old", "mode"), [("BRIDGE", "container/bridge"), ("HOST", "host")])
def test_docker_network(api: MarathonApi, app: dict[str, Any], old: str, mode: str) -> None:
    shown = made(api, app, container={"type": "DOCKER", "docker": {**IMAGE, "network": old}})
    assert shown["networks"] == [{"mode": mode}]
    assert "network" not in shown["container"]["docker"]
    assert shown["container"]["docker"]["image"] == "busybox"


def test_docker_port_mappings_move_up(api: MarathonApi, app: dict[str, Any]) -> None:
    docker = {**IMAGE, "network": "BRIDGE", "portMappings": [{"containerPort": 80, "name": "web"}]}
    shown = made(api, app, container={"type": "DOCKER", "docker": docker})
    (mapping,) = shown["container"]["portMappings"]
    assert (mapping["containerPort"], mapping["hostPort"], mapping["protocol"], mapping["name"]) == (
        80,
        0,
        "tcp",
        "web",
    )
    assert 10000 <= mapping["servicePort"] <= 20000
    assert "portMappings" not in shown["container"]["docker"]
    assert "portDefinitions" not in shown


def test_user_network_by_ip_address(api: MarathonApi, app: dict[str, Any]) -> None:
    """`ipAddress.networkName` names a container network."""
    shown = made(
        api,
        app,
        container={"type": "DOCKER", "docker": {**IMAGE, "network": "USER"}},
        ipAddress={"networkName": "net1", "labels": {"a": "b"}},
    )
    assert shown["networks"] == [{"mode": "container", "name": "net1", "labels": {"a": "b"}}]
    assert "ipAddress" not in shown


def test_ip_address_discovery_ports(api: MarathonApi, app: dict[str, Any]) -> None:
    shown = made(
        api,
        app,
        ipAddress={"networkName": "net1", "discovery": {"ports": [{"number": 80, "name": "web", "protocol": "tcp"}]}},
    )
    assert [(each["containerPort"], each["name"]) for each in shown["container"]["portMappings"]] == [(80, "web")]


def test_parameters_are_kept(api: MarathonApi, app: dict[str, Any]) -> None:
    parameters = [{"key": "net", "value": "net1"}, {"key": "hostname", "value": "a.example"}]
    shown = made(api, app, container={"type": "DOCKER", "docker": {**IMAGE, "parameters": parameters}})
    assert shown["container"]["docker"]["parameters"] == parameters
    assert shown["container"]["docker"]["privileged"] is False
    assert shown["container"]["docker"]["forcePullImage"] is False


def test_bridge_gets_a_mapping(api: MarathonApi, app: dict[str, Any]) -> None:
    shown = made(api, app, **BRIDGE, container={"type": "MESOS", "portMappings": [{"containerPort": 0}]})
    (mapping,) = shown["container"]["portMappings"]
    assert mapping["hostPort"] == 0
    assert mapping["servicePort"] >= 10000


def test_updating_an_old_form(api: MarathonApi, app: dict[str, Any]) -> None:
    """Old names in a partial update replace what they stand for."""
    made(api, app)
    api.done(api.put(f"/v2/apps{app['id']}", {"ports": [12399], "uris": ["http://127.0.0.1/x.zip"]}))
    shown = api.app(app["id"])
    assert [each["port"] for each in shown["portDefinitions"]] == [12399]
    assert [each["uri"] for each in shown["fetch"]] == ["http://127.0.0.1/x.zip"]


def test_health_check_defaults(api: MarathonApi, app: dict[str, Any]) -> None:
    (check,) = made(api, app, healthChecks=[{"protocol": "HTTP"}])["healthChecks"]
    expected = {
        "protocol": "HTTP",
        "path": "/",
        "portIndex": 0,
        "gracePeriodSeconds": 300,
        "intervalSeconds": 60,
        "timeoutSeconds": 20,
        "maxConsecutiveFailures": 3,
        "ignoreHttp1xx": False,
        "delaySeconds": 15,
    }
    assert {name: check[name] for name in expected} == expected


def test_readiness_check_defaults(api: MarathonApi, app: dict[str, Any]) -> None:
    (check,) = made(api, app, portDefinitions=[{"name": "http-api"}], readinessChecks=[{}])["readinessChecks"]
    assert check == {
        "name": "readinessCheck",
        "protocol": "HTTP",
        "path": "/",
        "portName": "http-api",
        "intervalSeconds": 30,
        "timeoutSeconds": 10,
        "httpStatusCodesForReady": [200],
        "preserveLastResponse": False,
    }


def test_service_ports_are_unique_and_stay(api: MarathonApi, group: str) -> None:
    """Unique over all apps, stable across updates."""
    for name in ("a", "b"):
        made(api, sleeper(f"{group}/{name}"), portDefinitions=[{"port": 0}, {"port": 0, "name": "x"}])
    ports = {name: [p["port"] for p in api.app(f"{group}/{name}")["portDefinitions"]] for name in ("a", "b")}
    assert len({*ports["a"], *ports["b"]}) == 4
    api.done(api.put(f"/v2/apps{group}/a", {"mem": 17, "portDefinitions": [{"port": 0}, {"port": 0, "name": "y"}]}))
    assert [p["port"] for p in api.app(f"{group}/a")["portDefinitions"]] == ports["a"]


def test_chosen_service_ports_may_be_taken_twice(api: MarathonApi, group: str) -> None:
    """User-chosen service ports are not checked for uniqueness."""
    for name in ("a", "b"):
        made(api, sleeper(f"{group}/{name}"), portDefinitions=[{"port": 12888}])


def test_host_ports_without_require_ports(api: MarathonApi, app: dict[str, Any]) -> None:
    """The port is merely the service port; the host port is any free one."""
    api.run({**app, "portDefinitions": [{"port": 8080}, {"port": 0, "name": "b"}]})
    (task,) = api.tasks(app["id"])
    assert len(task["ports"]) == 2
    assert 8080 not in task["ports"]
    (listed,) = [each for each in api.get("/v2/tasks").json()["tasks"] if each["appId"] == app["id"]]
    assert listed["servicePorts"] == [each["port"] for each in api.app(app["id"])["portDefinitions"]]


def test_secret_volumes_external_and_persistent(api: MarathonApi, app: dict[str, Any]) -> None:
    """An app with a local persistent volume gets its own defaults."""
    volume = {"containerPath": "data", "mode": "RW", "persistent": {"size": 16}}
    shown = made(api, app, container={"type": "MESOS", "volumes": [volume]})
    assert shown["upgradeStrategy"] == {"minimumHealthCapacity": 0.5, "maximumOverCapacity": 0}
    assert shown["unreachableStrategy"] == "disabled"
    assert shown["residency"]["taskLostBehavior"] == "WAIT_FOREVER"
    assert shown["container"]["volumes"][0]["persistent"]["type"] == "root"


def test_single_instance_label(api: MarathonApi, app: dict[str, Any]) -> None:
    shown = made(api, app, labels={"MARATHON_SINGLE_INSTANCE_APP": "true"})
    assert shown["upgradeStrategy"] == {"minimumHealthCapacity": 0, "maximumOverCapacity": 0}
    assert api.put(f"/v2/apps{app['id']}", {"instances": 2}).status_code == 422
