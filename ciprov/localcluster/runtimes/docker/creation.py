"""From a launch specification to the body of the engine's `POST /containers/create`. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ciprov.localcluster.runtimes.docker.parameters import BadContainer, Json, add_port, apply
from ciprov.localcluster.runtimes.port import ContainerSpec, LaunchSpec, VolumeMount
from ciprov.localcluster.runtimes.sandbox import directory_name

SANDBOX = "/mnt/mesos/sandbox"
CLUSTER_LABEL = "ciprov.cluster"
TASK_LABEL = "ciprov.task"
MESOS_LABEL = "MESOS_TASK_ID"
"""Mesos' own, by which log shippers and the like know a task's container."""
LEAST_MEMORY_MIB = 32
LEAST_CPU_SHARES = 2
_MIB = 1024**2


@dataclass(frozen=True, slots=True)
class Bridge:
    """The cluster's own bridge network. From its containers, and from other bridges, the host is at `gateway`."""

    name: str
    gateway: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What else a container needs to know: its cluster, its directories on the host, the bridge, its image.

    `volumes` is where the instance's persistent volumes are kept. `bridge` is None only for containers on the host's
    network.
    """

    cluster: str
    sandbox: Path
    volumes: Path
    bridge: Bridge | None = None
    image_workdir: str = ""


@dataclass(frozen=True, slots=True)
class Creation:
    """What to ask the engine for. `directories` are to exist before."""

    name: str
    body: Json
    directories: tuple[Path, ...] = ()


def container_name(cluster: str, task_id: str) -> str:
    return f"ciprov-{cluster}-{directory_name(task_id)}"


def needs_bridge(spec: ContainerSpec) -> bool:
    """Whether the container is on a network of its own, from which only a gateway leads to the host."""
    chosen = _asked_network(spec)
    return chosen not in {"host", "none"} and not chosen.startswith("container:")


def creation(spec: LaunchSpec, around: Surroundings) -> Creation:
    """Raises BadContainer for what the app's author must change."""
    wanted = spec.container
    assert wanted is not None
    body: Json = {
        "Image": wanted.image,
        "Env": [f"{name}={value}" for name, value in _environment(spec, around.cluster).items()],
        "Labels": {},
        "Aliases": [],
        "StopTimeout": math.ceil(spec.kill_grace_seconds),
        "HostConfig": _limits(wanted) | {"LogConfig": {"Type": "json-file"}},
    }
    if wanted.privileged:
        body["HostConfig"]["Privileged"] = True
    _command(body, spec, around)
    directories = _mount_all(body, wanted, around)
    bridge = around.bridge if needs_bridge(wanted) else None
    if bridge is not None:
        for port in wanted.ports:
            for protocol in port.protocols if port.host_port else ():
                inside = port.container_port or port.host_port
                add_port(body, inside, port.host_port, protocol, (wanted.host, bridge.gateway))
    apply(body, wanted.parameters, wanted.host)
    _join_network(body, wanted, bridge)
    body["Labels"] |= {CLUSTER_LABEL: around.cluster, TASK_LABEL: spec.task_id, MESOS_LABEL: spec.task_id}
    if bridge is not None and wanted.host.startswith("127."):
        _readdress(body, wanted.host, bridge.gateway)
    return Creation(body.pop("Name", container_name(around.cluster, spec.task_id)), body, directories)


def _environment(spec: LaunchSpec, cluster: str) -> Mapping[str, str]:
    for name, value in spec.environment.items():
        if not name or "=" in name or "\0" in name + value:
            raise BadContainer(f"{name!r} cannot be an environment variable with that value")
    return {**spec.environment, "MESOS_SANDBOX": SANDBOX, "MESOS_CONTAINER_NAME": container_name(cluster, spec.task_id)}


def _limits(wanted: ContainerSpec) -> Json:
    """As Mesos translates them: cpus are a share unless there is a limit of their own; mem is a hard limit."""
    asked = int(max(wanted.mem, LEAST_MEMORY_MIB) * _MIB)
    limits: Json = {"CpuShares": max(int(wanted.cpus * 1024), LEAST_CPU_SHARES)}
    if wanted.cpu_limit is not None and not math.isinf(wanted.cpu_limit):
        limits["NanoCpus"] = int(wanted.cpu_limit * 1e9)
    if wanted.mem_limit is None:
        return limits | {"Memory": asked, "MemorySwap": asked}
    limits["MemoryReservation"] = asked
    if not math.isinf(wanted.mem_limit):
        most = max(asked, int(wanted.mem_limit * _MIB))
        limits |= {"Memory": most, "MemorySwap": most}
    return limits


def _command(body: Json, spec: LaunchSpec, around: Surroundings) -> None:
    """A command replaces the image's entry point by a shell; arguments are given to the entry point."""
    if spec.shell is not None:
        body |= {"Entrypoint": ["/bin/sh"], "Cmd": ["-c", spec.shell]}
    elif spec.argv:
        body["Cmd"] = list(spec.argv)
    if spec.container is not None and not spec.container.native:
        # Mesos' own containers run as the app's user, and in the sandbox where the image names no directory.
        body["WorkingDir"] = around.image_workdir or SANDBOX
        if spec.user:
            body["User"] = spec.user


def _mount_all(body: Json, wanted: ContainerSpec, around: Surroundings) -> tuple[Path, ...]:
    _bind(body, around.sandbox, SANDBOX, read_only=False)
    persistent = {
        mount.container_path: around.volumes / mount.container_path for mount in wanted.volumes if mount.persistent
    }
    directories = list(persistent.values())
    for mount in wanted.volumes:
        target = _inside(mount.container_path)
        if mount.persistent:
            _bind(body, persistent[mount.container_path], target, read_only=mount.read_only)
        elif mount.host_path:
            source = Path(mount.host_path)
            if not source.is_absolute():
                source = _in_sandbox(mount.host_path, persistent, around.sandbox)
                directories.append(source)
            _bind(body, source, target, read_only=mount.read_only)
        else:
            _mount_volume(body, mount, target)
    return tuple(directories)


def _inside(path: str) -> str:
    """A path in the container; relative ones lie in the sandbox."""
    if ".." in PurePosixPath(path).parts:
        raise BadContainer(f"the volume's containerPath '{path}' must not hold '..'")
    return str(PurePosixPath(SANDBOX) / path)


def _in_sandbox(path: str, persistent: Mapping[str, Path], sandbox: Path) -> Path:
    """A relative path on the host: in a persistent volume of that name, else in the sandbox."""
    first, *rest = PurePosixPath(path).parts or ("",)
    if ".." in (first, *rest):
        raise BadContainer(f"the volume's hostPath '{path}' must not lead out of the sandbox")
    return persistent.get(first, sandbox / first).joinpath(*rest)


def _bind(body: Json, source: Path, target: str, *, read_only: bool) -> None:
    host = body["HostConfig"]
    if ":" in f"{source}{target}":
        mount = {"Type": "bind", "Source": str(source), "Target": target, "ReadOnly": read_only}
        host.setdefault("Mounts", []).append(mount)
    else:
        # In this form the engine makes a missing directory, as it does for Mesos.
        host.setdefault("Binds", []).append(f"{source}:{target}:{'ro' if read_only else 'rw'}")


def _mount_volume(body: Json, mount: VolumeMount, target: str) -> None:
    driver = {"Name": mount.driver or "local", "Options": dict(mount.options)}
    entry = {"Type": "volume", "Source": mount.volume, "Target": target, "ReadOnly": mount.read_only}
    body["HostConfig"].setdefault("Mounts", []).append(entry | {"VolumeOptions": {"DriverConfig": driver}})


def _asked_network(wanted: ContainerSpec) -> str:
    """The parameter `net` beats the app's networks, as the last option of a command line does."""
    given = [value for key, value in wanted.parameters if key.lstrip("-") in {"net", "network"}]
    return given[-1] if given else wanted.network


def _join_network(body: Json, wanted: ContainerSpec, bridge: Bridge | None) -> None:
    asked = body.pop("Network", wanted.network)
    aliases = body.pop("Aliases")
    named = wanted.network_is_named or asked != wanted.network
    name = bridge.name if bridge is not None and asked in {"bridge", "default"} else asked
    body["HostConfig"]["NetworkMode"] = name
    if bridge is not None and (aliases or named or name == bridge.name):
        body["NetworkingConfig"] = {"EndpointsConfig": {name: {"Aliases": aliases} if aliases else {}}}
    elif aliases:
        raise BadContainer(f"the docker parameter 'net-alias' has no meaning on the network '{asked}'")


def _readdress(body: Json, host: str, gateway: str) -> None:
    """In a container, a loopback address is its own: whatever names an address of the cluster gets the gateway's.

    The cluster's service address and those of its agents, of which `host` is one, differ in the last number only, and
    no two of them share a port.
    """
    address = re.compile(rf"(?<![\d.]){re.escape(host.rpartition('.')[0])}\.\d{{1,3}}(?!\d|\.\d)")

    def moved(value: Any) -> Any:
        if isinstance(value, list):
            return [moved(item) for item in value]
        return address.sub(gateway, value) if isinstance(value, str) else value

    for key in ("Env", "Cmd", "Entrypoint"):
        if key in body:
            body[key] = moved(body[key])
    extra = body["HostConfig"].get("ExtraHosts")
    if extra:
        body["HostConfig"]["ExtraHosts"] = moved(extra)
