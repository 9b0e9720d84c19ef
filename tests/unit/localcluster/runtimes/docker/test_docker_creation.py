"""From specifications to what the engine is asked for."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ciprov.localcluster.runtimes.docker.creation import (
    CLUSTER_LABEL,
    TASK_LABEL,
    Bridge,
    Creation,
    Surroundings,
    creation,
    needs_bridge,
)
from ciprov.localcluster.runtimes.docker.parameters import BadContainer
from ciprov.localcluster.runtimes.port import ContainerSpec, LaunchSpec, PublishedPort, VolumeMount

HOST = "127.9.8.1"
GATEWAY = "172.30.0.1"
TASK = "app.instance-1._app.1"
AROUND = Surroundings("abc", Path("/s/box"), Path("/s/volumes"), Bridge("ciprov-abc", GATEWAY))


def made(command: str | None = None, environment: dict[str, str] | None = None, **more: Any) -> Creation:
    argv = more.pop("argv", ())
    user = more.pop("user", None)
    around = more.pop("around", AROUND)
    base: dict[str, Any] = {
        "app_id": "/app",
        "instance_id": "app.instance-1",
        "image": "i:1",
        "host": HOST,
        "cpus": 0.5,
        "mem": 256.0,
    }
    wanted = ContainerSpec(**(base | more))
    return creation(LaunchSpec(TASK, command, argv, environment or {}, (), 2.5, user, wanted), around)


def host_config(**more: Any) -> dict[str, Any]:
    found: dict[str, Any] = made(**more).body["HostConfig"]
    return found


def option(key: str, value: str, **more: Any) -> dict[str, Any]:
    return made(parameters=((key, value),), **more).body


def test_a_command_replaces_the_entry_point_arguments_do_not_and_neither_is_needed() -> None:
    body = made("echo $X").body
    assert (body["Entrypoint"], body["Cmd"]) == (["/bin/sh"], ["-c", "echo $X"])
    body = made(argv=("a", "b")).body
    assert ("Entrypoint" in body, body["Cmd"]) == (False, ["a", "b"])
    assert "Cmd" not in made().body


def test_every_container_bears_the_names_of_its_cluster_and_task() -> None:
    found = made(parameters=(("label", f"{CLUSTER_LABEL}=other"), ("label", "team=a"), ("name", "own")))
    assert found.body["Labels"] == {CLUSTER_LABEL: "abc", TASK_LABEL: TASK, "MESOS_TASK_ID": TASK, "team": "a"}
    assert found.name == "own"
    assert "Name" not in found.body
    assert made().name == f"ciprov-abc-{TASK}"
    assert made().body["StopTimeout"] == 3


@pytest.mark.parametrize(
    ("more", "limits"),
    [
        ({}, {"CpuShares": 512, "Memory": 256 << 20, "MemorySwap": 256 << 20}),
        ({"cpus": 0.0001, "mem": 1}, {"CpuShares": 2, "Memory": 32 << 20, "MemorySwap": 32 << 20}),
        (
            {"mem_limit": 512.0, "cpu_limit": 2.0},
            {"MemoryReservation": 256 << 20, "Memory": 512 << 20, "MemorySwap": 512 << 20, "NanoCpus": 2_000_000_000},
        ),
        ({"mem_limit": math.inf, "cpu_limit": math.inf}, {"MemoryReservation": 256 << 20}),
    ],
)
def test_limits(more: dict[str, Any], limits: dict[str, int]) -> None:
    found = host_config(**more)
    assert {key: found[key] for key in limits} == limits
    if more.get("mem_limit") == math.inf:
        assert not {"Memory", "NanoCpus"} & found.keys()


def test_ports_are_published_at_the_clusters_address_and_the_gateway() -> None:
    ports = (PublishedPort(80, 31000, ("tcp", "udp")), PublishedPort(0, 31001), PublishedPort(90, 0))
    body = made(network="bridge", ports=ports).body
    both = [{"HostIp": HOST, "HostPort": "31000"}, {"HostIp": GATEWAY, "HostPort": "31000"}]
    assert body["HostConfig"]["PortBindings"]["80/tcp"] == both
    assert body["HostConfig"]["PortBindings"]["80/udp"] == both
    assert body["HostConfig"]["PortBindings"].keys() == {"80/tcp", "80/udp", "31001/tcp"}
    assert body["ExposedPorts"].keys() == {"80/tcp", "80/udp", "31001/tcp"}


@pytest.mark.parametrize(
    ("more", "mode", "bridged"),
    [
        ({}, "host", False),
        ({"network": "bridge"}, "ciprov-abc", True),
        ({"network": "mine", "network_is_named": True}, "mine", True),
        ({"network": "bridge", "parameters": (("net", "mine"),)}, "mine", True),
        ({"network": "bridge", "parameters": (("network", "host"),)}, "host", False),
        ({"parameters": (("--net", "none"),)}, "none", False),
        ({"parameters": (("net", "container:x"),)}, "container:x", False),
    ],
)
def test_networks(more: dict[str, Any], mode: str, bridged: bool) -> None:
    base: dict[str, Any] = {"app_id": "/a", "instance_id": "i", "image": "i", "host": HOST, "cpus": 1, "mem": 32}
    assert needs_bridge(ContainerSpec(**(base | more))) is bridged
    body = made(ports=(PublishedPort(80, 31000),), environment={"A": HOST}, **more).body
    assert body["HostConfig"]["NetworkMode"] == mode
    assert (f"A={GATEWAY if bridged else HOST}" in body["Env"]) is True
    assert ("PortBindings" in body["HostConfig"]) is bridged


def test_an_alias_needs_a_network() -> None:
    body = option("net-alias", "db", network="mine", network_is_named=True)
    assert body["NetworkingConfig"] == {"EndpointsConfig": {"mine": {"Aliases": ["db"]}}}
    with pytest.raises(BadContainer, match="no meaning on the network 'host'"):
        option("net-alias", "db")


def test_what_names_the_clusters_address_is_led_to_the_gateway_and_nothing_else() -> None:
    environment = {"A": f"http://{HOST}:1/127.9.8.254", "B": f"{HOST}000 1{HOST} {HOST}.2 {HOST}.", "C": "127.9.81.1"}
    body = made(f"curl {HOST}:5", environment, network="bridge").body
    assert f"A=http://{GATEWAY}:1/{GATEWAY}" in body["Env"]
    assert f"B={HOST}000 1{HOST} {HOST}.2 {GATEWAY}." in body["Env"]
    assert "C=127.9.81.1" in body["Env"]
    assert body["Cmd"] == ["-c", f"curl {GATEWAY}:5"]


def test_volumes() -> None:
    found = made(
        volumes=(
            VolumeMount("/etc/x", read_only=True, host_path="/opt/x"),
            VolumeMount("conf", host_path="/opt/a:b"),
            VolumeMount("data", persistent=True),
            VolumeMount("/var/lib/pg", host_path="data/pg"),
            VolumeMount("/out", host_path="out"),
            VolumeMount("/shared", volume="v1", driver="rexray", options={"size": "5"}),
        )
    )
    host = found.body["HostConfig"]
    assert host["Binds"] == [
        "/s/box:/mnt/mesos/sandbox:rw",
        "/opt/x:/etc/x:ro",
        "/s/volumes/data:/mnt/mesos/sandbox/data:rw",
        "/s/volumes/data/pg:/var/lib/pg:rw",
        "/s/box/out:/out:rw",
    ]
    colon, volume = host["Mounts"]
    assert (colon["Type"], colon["Source"], colon["Target"]) == ("bind", "/opt/a:b", "/mnt/mesos/sandbox/conf")
    assert (volume["Type"], volume["Source"]) == ("volume", "v1")
    assert volume["VolumeOptions"]["DriverConfig"] == {"Name": "rexray", "Options": {"size": "5"}}
    base = Path("/s/volumes/data")
    assert found.directories == (base, base / "pg", Path("/s/box/out"))


@pytest.mark.parametrize("mount", [VolumeMount("../x", host_path="/a"), VolumeMount("/x", host_path="../a")])
def test_no_volume_leads_out_of_the_sandbox(mount: VolumeMount) -> None:
    with pytest.raises(BadContainer):
        made(volumes=(mount,))


def test_mesos_own_containers_start_in_the_sandbox_and_as_the_apps_user() -> None:
    assert {"WorkingDir", "User"}.isdisjoint(made(user="web").body)
    body = made(user="web", native=False).body
    assert (body["WorkingDir"], body["User"]) == ("/mnt/mesos/sandbox", "web")
    assert made(native=False, around=replace(AROUND, image_workdir="/srv")).body["WorkingDir"] == "/srv"


@pytest.mark.parametrize(
    ("key", "value", "place", "expected"),
    [
        ("hostname", "h", "Hostname", "h"),
        ("h", "h", "Hostname", "h"),
        ("user", "1000", "User", "1000"),
        ("workdir", "/w", "WorkingDir", "/w"),
        ("entrypoint", "/x", "Entrypoint", ["/x"]),
        ("expose", "53/udp", "ExposedPorts", {"53/udp": {}}),
        ("volume", "/anonymous", "Volumes", {"/anonymous": {}}),
        ("stop-signal", "SIGINT", "StopSignal", "SIGINT"),
    ],
)
def test_options_of_the_container(key: str, value: str, place: str, expected: object) -> None:
    assert option(key, value)[place] == expected


@pytest.mark.parametrize(
    ("key", "value", "place", "expected"),
    [
        ("cap-add", "NET_ADMIN", "CapAdd", ["NET_ADMIN"]),
        ("add-host", f"db:{HOST}", "ExtraHosts", [f"db:{HOST}"]),
        ("ulimit", "nofile=10:20", "Ulimits", [{"Name": "nofile", "Soft": 10, "Hard": 20}]),
        ("ulimit", "core=0", "Ulimits", [{"Name": "core", "Soft": 0, "Hard": 0}]),
        ("tmpfs", "/run:rw,size=64m", "Tmpfs", {"/run": "rw,size=64m"}),
        ("shm-size", "64m", "ShmSize", 64 << 20),
        ("memory", "1.5g", "Memory", 3 << 29),
        ("memory-swap", "-1", "MemorySwap", -1),
        ("init", "true", "Init", True),
        ("init", "", "Init", True),
        ("privileged", "false", "Privileged", False),
        ("cpus", "1.5", "NanoCpus", 1_500_000_000),
        ("pid", "host", "PidMode", "host"),
        ("sysctl", "net.core.somaxconn=1024", "Sysctls", {"net.core.somaxconn": "1024"}),
        ("log-opt", "max-size=1m", "LogConfig", {"Type": "json-file", "Config": {"max-size": "1m"}}),
        ("log-driver", "syslog", "LogConfig", {"Type": "syslog"}),
        ("volume", "name:/x:ro", "Binds", ["/s/box:/mnt/mesos/sandbox:rw", "name:/x:ro"]),
        ("publish", "9000:90/udp", "PortBindings", {"90/udp": [{"HostIp": HOST, "HostPort": "9000"}]}),
        ("p", "1.2.3.4::90", "PortBindings", {"90/tcp": [{"HostIp": "1.2.3.4", "HostPort": ""}]}),
        ("device", "/dev/fuse", "Devices", [
            {"PathOnHost": "/dev/fuse", "PathInContainer": "/dev/fuse", "CgroupPermissions": "rwm"}
        ]),
        ("rm", "true", "AutoRemove", None),
    ],
)  # fmt: skip
def test_options_of_the_host(key: str, value: str, place: str, expected: object) -> None:
    assert option(key, value)["HostConfig"].get(place) == expected


def test_an_environment_variable_as_a_parameter_beats_the_apps_own() -> None:
    body = option("env", "A=2=3", environment={"A": "1", "AB": "x"})
    assert [entry for entry in body["Env"] if entry.startswith("A")] == ["AB=x", "A=2=3"]


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("nonsense", "x", "'nonsense' is not supported by the embedded cluster; it knows add-host"),
        ("tty", "true", "stdout and stderr are kept apart"),
        ("restart", "always", "Marathon itself relaunches"),
        ("shm-size", "much", "'shm-size' cannot have the value 'much'"),
        ("env", "A", "'env' cannot have the value 'A'"),
        ("publish", "1:2:3:4", "'publish' cannot have the value"),
        ("volume", "x", "'volume' cannot have the value 'x'"),
        ("init", "perhaps", "'init' cannot have the value"),
    ],
)
def test_a_parameter_that_cannot_be_kept_is_refused_by_name(key: str, value: str, says: str) -> None:
    with pytest.raises(BadContainer) as refused:
        option(key, value)
    assert says in str(refused.value)


def test_what_no_environment_can_hold_is_refused_without_its_value() -> None:
    with pytest.raises(BadContainer) as refused:
        made(environment={"A": "s3cret\0"})
    assert "s3cret" not in str(refused.value)
