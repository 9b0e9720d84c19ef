"""The container of an agent's task, and what is mounted into it, in Mesos' v1 JSON."""

from __future__ import annotations

import hashlib
import re

from ciprov.agents.record import AgentRecord
from ciprov.agents.start.start_script import jar_cache
from ciprov.agents.template import Container, ContainerKind, Network, NetworkMode, Template, Volume
from ciprov.foundation.json import JsonObject

_DOCKER_NETWORKS = {NetworkMode.HOST: "HOST", NetworkMode.BRIDGE: "BRIDGE", NetworkMode.NONE: "NONE"}
_SLUG_LENGTH = 40


def container(agent: AgentRecord, template: Template, ports: tuple[int, ...]) -> JsonObject | None:
    """None for a plain process. `ports` are those of the task; the first ones are those of the port mappings."""
    wanted = template.container
    if wanted.kind is ContainerKind.NONE:
        return None
    mapped = _mapped(wanted.network, ports)
    volumes = [_volume(volume, agent) for volume in wanted.volumes]
    if wanted.kind is ContainerKind.MESOS:
        return {"type": "MESOS", "mesos": _mesos(wanted), **_joined(wanted.network, mapped), "volumes": volumes}
    kept = jar_cache(template)
    if kept and all(volume.container_path != kept for volume in wanted.volumes):
        volumes.append({"container_path": kept, "host_path": kept, "mode": "RW"})
    return {"type": "DOCKER", "docker": _docker(wanted, mapped), **_joined(wanted.network, []), "volumes": volumes}


def cache_key(volume: Volume, agent: AgentRecord) -> str:
    """The directory of a cache below its `host_path`: one path component, another one for each job or template.

    Agents that were made for no job in particular share one of their template.
    """
    if volume.by_job and agent.job:
        return f"job-{_slug(agent.job)}"
    return f"template-{_slug(agent.template)}"


def _slug(name: str) -> str:
    """Readable and safe; the digest tells names apart that look alike without what is no part of a path."""
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", name)[:_SLUG_LENGTH].strip("-")
    digest = hashlib.sha256(name.encode()).hexdigest()[:10]
    return f"{readable}-{digest}" if readable else digest


def _docker(wanted: Container, mapped: list[JsonObject]) -> JsonObject:
    docker: JsonObject = {
        "image": wanted.image,
        "network": _DOCKER_NETWORKS.get(wanted.network.mode, "USER"),
        "privileged": wanted.privileged,
        "force_pull_image": wanted.force_pull,
        "parameters": [{"key": key, "value": value} for key, value in wanted.parameters],
    }
    return {**docker, "port_mappings": mapped} if mapped else docker


def _mesos(wanted: Container) -> JsonObject:
    if not wanted.image:
        return {}
    return {"image": {"type": "DOCKER", "docker": {"name": wanted.image}, "cached": not wanted.force_pull}}


def _joined(network: Network, mapped: list[JsonObject]) -> JsonObject:
    """The network with a name; a Mesos container has its port mappings there."""
    if network.mode is not NetworkMode.CONTAINER:
        return {}
    info: JsonObject = {"name": network.name}
    return {"network_infos": [{**info, "port_mappings": mapped} if mapped else info]}


def _mapped(network: Network, ports: tuple[int, ...]) -> list[JsonObject]:
    if network.mode in {NetworkMode.HOST, NetworkMode.NONE} or not network.port_mappings:
        return []
    return [
        {"container_port": mapping.container_port, "host_port": port, "protocol": mapping.protocol}
        for mapping, port in zip(network.port_mappings, ports, strict=False)
    ]


def _volume(volume: Volume, agent: AgentRecord) -> JsonObject:
    mounted: JsonObject = {"container_path": volume.container_path, "mode": volume.mode.value}
    if volume.name:
        options = {"parameter": [{"key": key, "value": value} for key, value in volume.options]}
        of_driver: JsonObject = {"name": volume.name}
        of_driver |= {"driver": volume.driver} if volume.driver else {}
        of_driver |= {"driver_options": options} if volume.options else {}
        return {**mounted, "source": {"type": "DOCKER_VOLUME", "docker_volume": of_driver}}
    path = f"{volume.host_path.rstrip('/')}/{cache_key(volume, agent)}" if volume.cache else volume.host_path
    return {**mounted, "host_path": path}
