"""From a `TaskInfo` to what a runtime is asked for. Pure; a task with a fault never comes here."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from typing import Any

from ciprov.localcluster.definitions.app import FetchUri
from ciprov.localcluster.master.task_rules import has_image
from ciprov.localcluster.master.tasks import Task
from ciprov.localcluster.runtimes.port import ContainerSpec, LaunchSpec, PublishedPort, VolumeMount

Json = Mapping[str, Any]

DEFAULT_GRACE_SECONDS = 3.0


def kill_grace_s(policy: Json | None) -> float | None:
    """The grace that a kill policy names, in seconds; None where it names none."""
    nanoseconds = ((policy or {}).get("grace_period") or {}).get("nanoseconds")
    return None if nanoseconds is None else float(nanoseconds) / 1e9


def launch_spec(task: Task, info: Json, user: str) -> LaunchSpec:
    """`user` is the framework's: whom its tasks run as that name nobody."""
    command = info.get("command") or {}
    container = info.get("container") or {}
    inside = _container(task, container) if has_image(container) else None
    line, argv = _command(command, container)
    named = str(command.get("user") or user)
    return LaunchSpec(
        task_id=task.runtime_id,
        shell=line,
        argv=argv,
        environment={**_metadata(task), **environment(command)},
        fetch=tuple(_fetch(uri) for uri in command.get("uris") or ()),
        kill_grace_seconds=task.kill_grace_s,
        # In an image of Docker's own form the image says who.
        user=str(command.get("user") or "") or None if inside is not None else named or None,
        container=inside,
    )


def _command(command: Json, container: Json) -> tuple[str | None, tuple[str, ...]]:
    """A line for the shell, or what is run without one."""
    value = command.get("value")
    arguments = tuple(str(one) for one in command.get("arguments") or ())
    if command.get("shell", True) and value is not None:
        return str(value), ()
    named = (str(value),) if value is not None else ()
    if container.get("type") == "DOCKER":
        return None, named + arguments
    # The first argument is the name under which a program is started: what runs is the value.
    return None, named + arguments[1:]


def environment(command: Json) -> dict[str, str]:
    """The variables of a command, secrets by value included: what this returns is for the runtime alone."""
    found: dict[str, str] = {}
    for variable in (command.get("environment") or {}).get("variables") or ():
        if variable.get("type", "VALUE") == "SECRET":
            content = base64.b64decode(variable["secret"]["value"]["data"])
            found[str(variable["name"])] = os.fsdecode(content)
        else:
            found[str(variable["name"])] = str(variable["value"])
    return found


def _metadata(task: Task) -> dict[str, str]:
    return {
        "MESOS_TASK_ID": task.id,
        "MESOS_EXECUTOR_ID": task.id,
        "MESOS_FRAMEWORK_ID": task.framework_id,
        "MESOS_SLAVE_ID": task.agent_id,
        "MESOS_ALLOCATION_ROLE": task.role,
    }


def _fetch(uri: Json) -> FetchUri:
    return FetchUri(
        uri=str(uri["value"]),
        extract=bool(uri.get("extract", True)),
        executable=bool(uri.get("executable", False)),
        cache=bool(uri.get("cache", False)),
        dest_path=uri.get("output_file"),
    )


def _container(task: Task, container: Json) -> ContainerSpec:
    docker, native = container.get("docker") or {}, container.get("type") == "DOCKER"
    image = docker.get("image") if native else container["mesos"]["image"]["docker"]["name"]
    infos = container.get("network_infos") or ()
    name = next((str(one["name"]) for one in infos if one.get("name")), "")
    kind = str(docker.get("network", "HOST")) if native else "USER" if name else "HOST"
    network = name if kind == "USER" else kind.lower()
    mappings = (
        docker.get("port_mappings") or () if native else [p for one in infos for p in one.get("port_mappings") or ()]
    )
    hostname = container.get("hostname")
    parameters = tuple((str(one["key"]), str(one["value"])) for one in docker.get("parameters") or ())
    return ContainerSpec(
        app_id=f"/{task.framework_id}",
        instance_id=task.runtime_id,
        image=str(image),
        host=task.host,
        cpus=task.resources.cpus,
        mem=task.resources.mem,
        network=network,
        network_is_named=kind == "USER",
        ports=tuple(_port(mapping) for mapping in mappings) if kind in {"BRIDGE", "USER"} else (),
        volumes=tuple(_volume(volume) for volume in container.get("volumes") or ()),
        parameters=((("hostname", str(hostname)),) if hostname else ()) + parameters,
        force_pull=bool(docker.get("force_pull_image", False)) if native else not _cached(container),
        privileged=bool(docker.get("privileged", False)),
        native=native,
    )


def _cached(container: Json) -> bool:
    return bool(container["mesos"]["image"].get("cached", True))


def _port(mapping: Json) -> PublishedPort:
    protocol = str(mapping.get("protocol") or "tcp").lower()
    return PublishedPort(int(mapping["container_port"]), int(mapping["host_port"]), tuple(protocol.split(",")))


def _volume(volume: Json) -> VolumeMount:
    path, read_only = str(volume["container_path"]), volume.get("mode", "RW") == "RO"
    source = volume.get("source") or {}
    if source.get("type") == "DOCKER_VOLUME":
        given = source.get("docker_volume") or {}
        options = (given.get("driver_options") or {}).get("parameter") or ()
        named = {str(one["key"]): str(one["value"]) for one in options}
        return VolumeMount(
            path, read_only, volume=str(given["name"]), driver=str(given.get("driver") or "local"), options=named
        )
    if source.get("type") == "HOST_PATH":
        return VolumeMount(path, read_only, host_path=str((source.get("host_path") or {})["path"]))
    if source.get("type") == "SANDBOX_PATH":
        return VolumeMount(path, read_only, host_path=str((source.get("sandbox_path") or {})["path"]).lstrip("/"))
    return VolumeMount(path, read_only, host_path=str(volume["host_path"]))
