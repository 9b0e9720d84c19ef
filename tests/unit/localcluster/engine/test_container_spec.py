"""What an app's definition means for the container of one instance."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.engine.container_spec import container_spec, persistent_volumes
from ciprov.localcluster.model import Condition, Instance
from ciprov.localcluster.runtimes.port import ContainerSpec, PersistentVolumes, PublishedPort, VolumeMount


def spec(container: dict[str, Any] | None, *ports: int, **more: Any) -> ContainerSpec | None:
    app = App.model_validate({"id": "/a", "container": container, **more})
    now = datetime(2024, 1, 1, tzinfo=UTC)
    return container_spec(
        app, Instance("a.instance-1", "/a", "v", Condition.STAGING, now, host="127.1.1.1", ports=ports)
    )


def docker(**more: Any) -> dict[str, Any]:
    return {"type": "DOCKER", "docker": {"image": "nginx", **more.pop("docker", {})}, **more}


def test_an_app_without_an_image_is_no_container() -> None:
    assert spec(None) is None
    assert spec({"type": "MESOS"}) is None


def test_networks_and_ports() -> None:
    mappings = [
        {"containerPort": 80, "protocol": "tcp,udp"},
        {"containerPort": 0, "hostPort": 9000},
        {"containerPort": 53, "protocol": "udp"},
    ]
    found = spec(docker(portMappings=mappings), 31000, 9000, 0, networks=[{"mode": "container/bridge"}])
    assert found is not None
    assert (found.network, found.network_is_named, found.host) == ("bridge", False, "127.1.1.1")
    assert found.ports == (
        PublishedPort(80, 31000, ("tcp", "udp")),
        PublishedPort(0, 9000),
        PublishedPort(53, 0, ("udp",)),
    )
    named = spec(docker(), networks=[{"mode": "container", "name": "host"}])
    assert named is not None
    assert (named.network, named.network_is_named) == ("host", True)
    assert (on_host := spec(docker(portMappings=mappings), 1, 2, 3)) is not None
    assert (on_host.network, on_host.ports) == ("host", ())


def test_volumes() -> None:
    volumes = [
        {"containerPath": "/a", "hostPath": "/b", "mode": "RO"},
        {"containerPath": "data", "persistent": {"size": 1}, "mode": "RW"},
        {"containerPath": "/e", "external": {"name": "v", "provider": "dvdi", "options": {
            "dvdi/driver": "rexray", "dvdi/size": "5",
        }}},
    ]  # fmt: skip
    found = spec(docker(volumes=volumes))
    assert found is not None
    assert found.volumes == (
        VolumeMount("/a", read_only=True, host_path="/b"),
        VolumeMount("data", persistent=True),
        VolumeMount("/e", volume="v", driver="rexray", options={"size": "5"}),
    )


def test_limits_and_flags() -> None:
    given = {"forcePullImage": True, "privileged": True, "parameters": [{"key": "user", "value": "1"}]}
    found = spec(
        {**docker(docker=given), "type": "MESOS"}, cpus=2, mem=64, resourceLimits={"cpus": "unlimited", "mem": 128}
    )
    assert found is not None
    assert (found.force_pull, found.privileged, found.native, found.parameters) == (True, True, False, (("user", "1"),))
    assert (found.cpus, found.mem, found.cpu_limit, found.mem_limit) == (2, 64, math.inf, 128)


def test_persistent_volumes_of_a_task_without_an_image_are_its_own() -> None:
    volumes = [
        {"containerPath": "data", "mode": "RW", "persistent": {"size": 5}},
        {"containerPath": "/x", "hostPath": "/y"},
    ]
    now = datetime(2024, 1, 1, tzinfo=UTC)
    instance = Instance("a.instance-1", "/a", "v", Condition.STAGING, now)

    def found(container: dict[str, Any] | None) -> PersistentVolumes | None:
        return persistent_volumes(App.model_validate({"id": "/a", "container": container}), instance)

    assert found({"type": "MESOS", "volumes": volumes}) == PersistentVolumes("/a", "a.instance-1", ("data",))
    assert found(docker(volumes=volumes)) is None
    assert found({"type": "MESOS", "volumes": volumes[1:]}) is None
    assert found(None) is None
