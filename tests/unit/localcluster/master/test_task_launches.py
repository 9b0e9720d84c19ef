"""From a TaskInfo to what a runtime is asked for, or why not."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from ciprov.localcluster.master.launch_spec import launch_spec
from ciprov.localcluster.master.resources import BadResources, in_json, in_text, wanted
from ciprov.localcluster.master.task_rules import task_fault, unsupported
from ciprov.localcluster.master.tasks import Task, is_frameworks, runtime_id
from ciprov.localcluster.model import Resources
from ciprov.localcluster.runtimes.port import ContainerSpec, PublishedPort, VolumeMount
from ciprov.localcluster.runtimes.sandbox import directory_name

CONTAINER_ID = "d573a95c-3de7-4593-af5c-c3fe57ad2efe"
TASK = Task("f", "t", "n", "agent-1", "127.1.1.1", "ci", Resources(1, 64), CONTAINER_ID, "t.task-x", 3.0)


def info(task_id: str = "t", **fields: Any) -> dict[str, Any]:
    base = {"name": "n", "task_id": {"value": task_id}, "agent_id": {"value": "agent-1"}, "command": {"value": "true"}}
    return {**base, **fields}


def container(**fields: Any) -> ContainerSpec:
    spec = launch_spec(TASK, info(container=fields), "root").container
    assert spec is not None
    return spec


def scalar(name: str, value: float, **fields: Any) -> dict[str, Any]:
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, **fields}


# Rules


@pytest.mark.parametrize(
    ("task", "text"),
    [
        (info(""), "ID must not be empty"),
        (info("a/b"), "'a/b' contains invalid characters"),
        (info(".."), "'..' is disallowed"),
        (info("live"), "Task has duplicate ID: live"),
        (info(agent_id={"value": "x"}), "Task uses invalid agent x while agent agent-1 is expected"),
        (info(command=None), "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"),
        (
            info(container={"type": "DOCKER"}),
            "Task's `ContainerInfo` is invalid: DockerInfo 'docker' is not set for DOCKER typed ContainerInfo",
        ),
        (
            info(command={"value": "", "environment": {"variables": [{"name": "A"}]}}),
            "Task's `CommandInfo` is invalid: Environment variable 'A' of type 'VALUE' must have a value set",
        ),
        (
            info(kill_policy={"grace_period": {"nanoseconds": -1}}),
            "Task's 'kill_policy.grace_period' must be non-negative",
        ),
        (info(), ""),
    ],
)
def test_rules_of_mesos(task: dict[str, Any], text: str) -> None:
    assert task_fault(task, "agent-1", {"live"}) == text


IMAGE = {"type": "MESOS", "mesos": {"image": {"type": "DOCKER", "docker": {"name": "i"}}}}
VOLUME = {"container_path": "/v", "mode": "RW", "host_path": "/h"}


@pytest.mark.parametrize(
    ("task", "named"),
    [
        (info(check={}), "check"),
        (info(max_completion_time={"nanoseconds": 1}), "max_completion_time"),
        (info(container={**IMAGE, "linux_info": {}}), "container.linux_info"),
        (info(container={"type": "MESOS", "volumes": [VOLUME]}), "container.volumes without an image"),
        (info(container={**IMAGE, "volumes": [{**VOLUME, "image": {}}]}), "container.volumes.image"),
        (info(container={**IMAGE, "network_infos": [{}, {}]}), "more than one network"),
        (info(command={"shell": False}), "command without a value"),
        (info(container={"type": "DOCKER", "docker": {"image": "i", "network": "USER"}}), "USER without a name"),
        (
            info(
                command={"environment": {"variables": [{"name": "A", "secret": {"type": "REFERENCE"}}]}, "value": "x"}
            ),
            "secret by reference of A",
        ),
    ],
)
def test_what_only_a_real_mesos_can_do_is_named(task: dict[str, Any], named: str) -> None:
    assert named in unsupported(task)


@pytest.mark.parametrize("task", [info(), info(container=IMAGE), info(container={"type": "MESOS"})])
def test_what_is_supported(task: dict[str, Any]) -> None:
    assert unsupported(task) == ""


# Resources


def test_amounts_are_sums_with_mesos_text() -> None:
    ports = {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 31000, "end": 31002}]}}
    found = wanted([scalar("cpus", 0.5), scalar("cpus", 1), scalar("mem", 32), ports], "*", "ci")
    assert found.amount == Resources(1.5, 32, 0, 0, frozenset({31000, 31001, 31002}))
    assert found.text == (
        "cpus(allocated: ci):0.5; cpus(allocated: ci):1; mem(allocated: ci):32; ports(allocated: ci):[31000-31002]"
    )
    assert not found.elsewhere
    assert wanted(in_json(found.amount, "*", "ci"), "*", "ci").amount == found.amount
    assert (
        in_text(found.amount, "ci")
        == "ports(allocated: ci):[31000-31002]; cpus(allocated: ci):1.5; mem(allocated: ci):32"
    )


@pytest.mark.parametrize(
    ("resources", "text"),
    [
        ([], "Task uses no resources"),
        ([scalar("cpus", -1)], "Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0"),
        ([scalar("gpus", 0.5)], "unsigned integer"),
        (
            [scalar("cpus", 1, allocation_info={"role": "x"}), scalar("mem", 1)],
            "multiple allocation roles ('ci' and 'x')",
        ),
        ([{"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 9, "end": 3}]}}], "Invalid ranges"),
    ],
)
def test_impossible_amounts(resources: list[dict[str, Any]], text: str) -> None:
    with pytest.raises(BadResources) as refused:
        wanted(resources, "*", "ci")
    assert text in str(refused.value)


@pytest.mark.parametrize(
    ("resource", "agent_role"),
    [
        (scalar("unicorns", 1), "*"),
        (scalar("cpus", 1, allocation_info={"role": "x"}), "*"),
        (scalar("cpus", 1, role="ci"), "*"),
        (scalar("cpus", 1, reservations=[{"role": "ci"}]), "other"),
        (scalar("disk", 1, disk={"persistence": {}}), "*"),
    ],
)
def test_what_no_offer_here_holds(resource: dict[str, Any], agent_role: str) -> None:
    assert wanted([resource], agent_role, "ci").elsewhere


def test_an_agent_of_a_role_gives_what_is_reserved_to_it() -> None:
    assert not wanted(in_json(Resources(1, 32), "ci", "ci"), "ci", "ci").elsewhere


# Commands


@pytest.mark.parametrize(
    ("command", "shell", "argv"),
    [
        ({"value": "a b"}, "a b", ()),
        ({"value": "/bin/x", "shell": False, "arguments": ["zero", "one"]}, None, ("/bin/x", "one")),
        ({"value": "/bin/x", "shell": False}, None, ("/bin/x",)),
    ],
)
def test_commands_of_processes(command: dict[str, Any], shell: str | None, argv: tuple[str, ...]) -> None:
    spec = launch_spec(TASK, info(command=command), "me")
    assert (spec.shell, spec.argv, spec.user, spec.container) == (shell, argv, "me", None)


@pytest.mark.parametrize(
    ("command", "shell", "argv"),
    [
        ({"value": "a b"}, "a b", ()),
        ({"value": "/bin/x", "shell": False, "arguments": ["one"]}, None, ("/bin/x", "one")),
        ({"shell": False, "arguments": ["one", "two"]}, None, ("one", "two")),
        ({"shell": False}, None, ()),
    ],
)
def test_commands_in_docker(command: dict[str, Any], shell: str | None, argv: tuple[str, ...]) -> None:
    docker = {"type": "DOCKER", "docker": {"image": "i"}}
    spec = launch_spec(TASK, info(command=command, container=docker), "me")
    assert (spec.shell, spec.argv, spec.user) == (shell, argv, None)


def test_environment_user_grace_and_uris() -> None:
    data = base64.b64encode("geheim é".encode()).decode()
    command = {
        "value": "x",
        "user": "other",
        "uris": [{"value": "http://x/y", "cache": True, "extract": False, "executable": True, "output_file": "z"}],
        "environment": {
            "variables": [
                {"name": "A", "value": "b", "type": "VALUE"},
                {"name": "S", "type": "SECRET", "secret": {"type": "VALUE", "value": {"data": data}}},
                {"name": "MESOS_TASK_ID", "value": "mine"},
            ]
        },
    }
    spec = launch_spec(TASK, info(command=command), "me")
    assert (spec.user, spec.kill_grace_seconds, spec.task_id) == ("other", 3.0, "t.task-x")
    assert (spec.environment["A"], spec.environment["S"], spec.environment["MESOS_TASK_ID"]) == (
        "b",
        "geheim é",
        "mine",
    )
    assert (spec.environment["MESOS_FRAMEWORK_ID"], spec.environment["MESOS_SLAVE_ID"]) == ("f", "agent-1")
    (uri,) = spec.fetch
    assert (uri.uri, uri.cache, uri.extract, uri.executable, uri.dest_path) == ("http://x/y", True, False, True, "z")


# Containers


def test_docker_with_all_that_it_has() -> None:
    found = container(
        type="DOCKER",
        hostname="h",
        docker={
            "image": "i:1",
            "network": "BRIDGE",
            "privileged": True,
            "force_pull_image": True,
            "parameters": [{"key": "k", "value": "v"}],
            "port_mappings": [{"host_port": 31000, "container_port": 80, "protocol": "udp"}],
        },
        volumes=[
            VOLUME,
            {"container_path": "w", "mode": "RO", "source": {"type": "DOCKER_VOLUME", "docker_volume": {"name": "n"}}},
        ],
    )
    assert (found.image, found.network, found.native, found.privileged, found.force_pull) == (
        "i:1",
        "bridge",
        True,
        True,
        True,
    )
    assert found.parameters == (("hostname", "h"), ("k", "v"))
    assert found.ports == (PublishedPort(80, 31000, ("udp",)),)
    assert found.volumes == (
        VolumeMount("/v", host_path="/h"),
        VolumeMount("w", read_only=True, volume="n", driver="local"),
    )
    assert (found.cpus, found.mem, found.host) == (1, 64, "127.1.1.1")


def test_on_the_network_of_the_host_nothing_is_published() -> None:
    mapping = {"host_port": 31000, "container_port": 80}
    found = container(type="DOCKER", docker={"image": "i", "network": "HOST", "port_mappings": [mapping]})
    assert (found.network, found.ports) == ("host", ())


def test_mesos_own_container_with_an_image() -> None:
    assert container(**IMAGE).network == "host"
    named = container(
        **IMAGE, network_infos=[{"name": "net", "port_mappings": [{"host_port": 1, "container_port": 2}]}]
    )
    assert (named.network, named.network_is_named, named.native, named.force_pull) == ("net", True, False, False)
    assert named.ports == (PublishedPort(2, 1),)


def test_the_sandboxes_of_frameworks_are_told_from_marathons() -> None:
    name = runtime_id("odd ünd/..", CONTAINER_ID)
    assert directory_name(name) == name
    assert is_frameworks(name)
    assert not is_frameworks("shop_api.instance-d573a95c-3de7-4593-af5c-c3fe57ad2efe._app.1")
