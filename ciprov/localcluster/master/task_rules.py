"""Whether a task may be launched, and what Mesos says where it may not. Pure."""

from __future__ import annotations

import base64
from collections.abc import Collection, Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]

_ORDER = "is not supported by the embedded cluster"

_TASK = frozenset(
    {"name", "task_id", "agent_id", "resources", "command", "container", "kill_policy", "labels", "discovery", "data"}
)
_TASK_UNSUPPORTED = frozenset({"executor", "health_check", "check", "max_completion_time", "limits"})
_CONTAINER_UNSUPPORTED = frozenset({"linux_info", "rlimit_info", "tty_info"})
_NETWORKS = frozenset({"HOST", "BRIDGE", "NONE", "USER"})
_SECRETS = {"VALUE": "value", "REFERENCE": "reference"}


def task_fault(task: Json, agent_id: str, live: Collection[str]) -> str:
    """The first rule that the task breaks, in Mesos' words; empty where there is none. `live` are ids in use."""
    return next(_faults(task, agent_id, live), "")


def unsupported(task: Json) -> str:
    """What of the task only a real Mesos can do; empty where there is nothing. Nothing is ever ignored silently."""
    return next((f"'{what}' {_ORDER}" for what in _unsupported(task)), "")


def id_faults(text: str) -> Iterator[str]:
    """Of an id that a framework chose."""
    if not text:
        yield "ID must not be empty"
    if len(text) > 255:
        yield "ID must not be greater than 255 characters"
    if text in {".", ".."}:
        yield f"'{text}' is disallowed"
    if any(character == "/" or ord(character) < 32 or ord(character) == 127 for character in text):
        yield f"'{text}' contains invalid characters"


def _faults(task: Json, agent_id: str, live: Collection[str]) -> Iterator[str]:
    task_id = task["task_id"]["value"]
    yield from id_faults(task_id)
    if task_id in live:
        yield f"Task has duplicate ID: {task_id}"
    given = task["agent_id"]["value"]
    if given != agent_id:
        yield f"Task uses invalid agent {given} while agent {agent_id} is expected"
    if (task.get("executor") is None) == (task.get("command") is None):
        yield "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"
    if ((task.get("kill_policy") or {}).get("grace_period") or {}).get("nanoseconds", 0) < 0:
        yield "Task's 'kill_policy.grace_period' must be non-negative"
    yield from (f"Task's `CommandInfo` is invalid: {fault}" for fault in _command_faults(task.get("command") or {}))
    yield from (f"Task's `ContainerInfo` is invalid: {fault}" for fault in _container_faults(task.get("container")))


def _command_faults(command: Json) -> Iterator[str]:
    for variable in (command.get("environment") or {}).get("variables") or ():
        name, kind = variable.get("name", ""), variable.get("type", "VALUE")
        secret = variable.get("secret")
        if kind == "SECRET":
            if secret is None:
                yield f"Environment variable '{name}' of type 'SECRET' must have a secret set"
            elif variable.get("value") is not None:
                yield f"Environment variable '{name}' of type 'SECRET' must not have a value set"
            else:
                yield from (f"Environment variable '{name}' specifies {fault}" for fault in _secret_faults(secret))
        elif kind == "VALUE":
            if secret is not None:
                yield f"Environment variable '{name}' of type 'VALUE' must not have a secret set"
            elif variable.get("value") is None:
                yield f"Environment variable '{name}' of type 'VALUE' must have a value set"
        else:
            yield f"Environment variable '{name}' is of no known type"


def _secret_faults(secret: Json) -> Iterator[str]:
    kind = secret.get("type")
    if kind not in _SECRETS:
        yield "a secret of no known type"
    elif secret.get(_SECRETS[kind]) is None:
        yield f"an invalid secret: Secret of type {kind} must have the '{_SECRETS[kind]}' field set"
    elif kind == "VALUE" and b"\0" in base64.b64decode(secret["value"]["data"]):
        yield "a secret containing null bytes, which is not allowed in the environment"


def _container_faults(container: Json | None) -> Iterator[str]:
    if container is None:
        return
    if container.get("type") == "DOCKER" and container.get("docker") is None:
        yield "DockerInfo 'docker' is not set for DOCKER typed ContainerInfo"
    for volume in container.get("volumes") or ():
        if not volume.get("container_path"):
            yield "Volume has no 'container_path'"
        if sum(volume.get(name) is not None for name in ("host_path", "image", "source")) != 1:
            yield "Invalid volume: Only one of them should be set: 'host_path', 'image' and 'source'"


def _unsupported(task: Json) -> Iterator[str]:
    yield from (name for name in _TASK_UNSUPPORTED if task.get(name) is not None)
    command = task.get("command") or {}
    for variable in (command.get("environment") or {}).get("variables") or ():
        if (variable.get("secret") or {}).get("type") == "REFERENCE":
            yield f"secret by reference of {variable.get('name')}"
    container = task.get("container")
    if container is not None:
        yield from (f"container.{what}" for what in _container_unsupported(container))
    if container is None or not has_image(container):
        yield from _process_unsupported(command, container or {})


def _container_unsupported(container: Json) -> Iterator[str]:
    if container.get("type") not in {"DOCKER", "MESOS"}:
        yield f"type {container.get('type')}"
    yield from (name for name in _CONTAINER_UNSUPPORTED if container.get(name) is not None)
    docker, mesos = container.get("docker") or {}, container.get("mesos") or {}
    network = docker.get("network", "HOST")
    if network not in _NETWORKS:
        yield f"docker.network {network}"
    if network == "USER" and not _named(container):
        yield "docker.network USER without a name in network_infos"
    image = mesos.get("image") or {}
    if image and image.get("type") != "DOCKER":
        yield f"mesos.image.type {image.get('type')}"
    if (image.get("docker") or {}).get("credential") or (image.get("docker") or {}).get("config"):
        yield "mesos.image.docker with credentials"
    infos = container.get("network_infos") or ()
    if len(infos) > 1:
        yield "network_infos with more than one network"
    for volume in container.get("volumes") or ():
        kind = (volume.get("source") or {}).get("type")
        if volume.get("image") is not None:
            yield "volumes.image"
        if kind is not None and kind not in {"HOST_PATH", "DOCKER_VOLUME", "SANDBOX_PATH"}:
            yield f"volumes.source.type {kind}"
        if kind == "SANDBOX_PATH" and volume["source"].get("sandbox_path", {}).get("type", "SELF") != "SELF":
            yield "volumes.source.sandbox_path of a parent"
        if kind is None and volume.get("host_path") is None:
            yield "volumes without a source"


def _process_unsupported(command: Json, container: Json) -> Iterator[str]:
    if container.get("volumes"):
        yield "container.volumes without an image"
    if container.get("network_infos"):
        yield "container.network_infos without an image"
    if container.get("hostname"):
        yield "container.hostname without an image"
    if not command.get("shell", True) and command.get("value") is None:
        yield "command without a value"


def has_image(container: Json) -> bool:
    if container.get("type") == "DOCKER":
        return True
    return (container.get("mesos") or {}).get("image") is not None


def _named(container: Json) -> str:
    return next((str(one["name"]) for one in container.get("network_infos") or () if one.get("name")), "")
