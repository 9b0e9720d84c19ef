"""What an app's image, networks, volumes and limits mean for one instance's container or process. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.model import Instance
from ciprov.localcluster.runtimes.port import ContainerSpec, PersistentVolumes, PublishedPort, VolumeMount


def container_spec(app: App, instance: Instance) -> ContainerSpec | None:
    """None for an app without an image; `instance` has its ports already."""
    container = app.container
    if container is None or container.docker is None:
        return None
    docker = container.docker
    network = app.networks[0] if app.networks else None
    named = network is not None and network.mode == "container"
    limits = app.resource_limits or {}
    mappings = () if app.host_networking else container.port_mappings or ()
    return ContainerSpec(
        app_id=app.id,
        instance_id=instance.id,
        image=docker.image,
        host=instance.host,
        cpus=app.cpus,
        mem=app.mem,
        network=(network.name or "bridge") if network and named else "host" if app.host_networking else "bridge",
        network_is_named=named,
        ports=tuple(
            PublishedPort(mapping.container_port, port, tuple(mapping.protocol.split(",")))
            for mapping, port in zip(mappings, instance.ports, strict=False)
        ),
        volumes=tuple(_mount(volume) for volume in container.volumes if "secret" not in volume),
        parameters=tuple((parameter["key"], parameter["value"]) for parameter in docker.parameters),
        cpu_limit=_limit(limits.get("cpus")),
        mem_limit=_limit(limits.get("mem")),
        force_pull=docker.force_pull_image,
        privileged=docker.privileged,
        native=container.type == "DOCKER",
    )


def persistent_volumes(app: App, instance: Instance) -> PersistentVolumes | None:
    """Those of an app without an image; None where it has none. A container has them among its mounts."""
    container = app.container
    if container is None or container.docker is not None or not app.resident:
        return None
    names = tuple(volume["containerPath"] for volume in container.volumes if "persistent" in volume)
    return PersistentVolumes(app.id, instance.id, names)


def _limit(value: Any) -> float | None:
    """A number, or the word `unlimited`."""
    if value is None:
        return None
    return math.inf if value == "unlimited" else float(value)


def _mount(volume: Mapping[str, Any]) -> VolumeMount:
    path, read_only = volume["containerPath"], volume.get("mode", "RW") == "RO"
    if "persistent" in volume:
        return VolumeMount(path, persistent=True)
    external = volume.get("external")
    if external is None:
        return VolumeMount(path, read_only, host_path=volume["hostPath"])
    options = {str(key): str(value) for key, value in (external.get("options") or {}).items()}
    provider = external.get("provider") or "dvdi"
    # The provider's own options are prefixed with its name; `dvdi/driver` is the volume driver.
    driver = options.pop(f"{provider}/driver", "local")
    plain = {key.removeprefix(f"{provider}/"): value for key, value in options.items()}
    return VolumeMount(path, read_only, volume=external.get("name", ""), driver=driver, options=plain)
