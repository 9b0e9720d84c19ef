"""The keys of a template's container, and what cannot be together in it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from ciprov.agents.template import (
    Container,
    ContainerKind,
    Network,
    NetworkMode,
    PortMapping,
    Volume,
    VolumeMode,
)
from ciprov.settings.agents import values
from ciprov.settings.agents.shapes import WRONG, Findings, Known, Members, each, members, scalar
from ciprov.settings.document import Entry
from ciprov.settings.fields import text


class PortProtocol(StrEnum):
    TCP = "tcp"
    UDP = "udp"


PORT_KEYS: Mapping[str, Known] = {
    "container_port": Known(scalar(values.container_port), "the port inside"),
    "host_port": Known(scalar(values.port), "the port of the host", "0, any that Mesos offers"),
    "protocol": Known(scalar(values.choice(PortProtocol)), "`tcp` or `udp`", "tcp"),
}


def _port_mapping(entry: Entry, findings: Findings) -> Any:
    if isinstance(entry.value, int):
        entry = Entry({"container_port": entry}, entry.place)
    found = members(entry, PORT_KEYS, findings)
    if found.wrong:
        return WRONG
    if "container_port" not in found:
        findings.tell(entry, "container_port is wanted")
        return WRONG
    given = dict(found.values)
    return PortMapping(**{**given, "protocol": str(given.get("protocol", PortProtocol.TCP))})


NETWORK_KEYS: Mapping[str, Known] = {
    "mode": Known(scalar(values.choice(NetworkMode)), "`host`, `bridge` or `container`", "host"),
    "name": Known(scalar(text), "the Docker or CNI network, for mode `container`"),
    "ports": Known(each(_port_mapping, "ports"), "ports that are to be reached from outside; a number or a mapping"),
}


def _network(entry: Entry, findings: Findings) -> Any:
    """A mode alone, or a mapping."""
    if isinstance(entry.value, str):
        mode = NETWORK_KEYS["mode"].read(entry, findings)
        found = Members(entry, {} if mode is WRONG else {"mode": mode}, frozenset({"mode"} if mode is WRONG else ()))
    else:
        found = members(entry, NETWORK_KEYS, findings)
    mode, good = found.get("mode", NetworkMode.HOST), found.sound("mode")
    if good and mode is NetworkMode.NONE:
        findings.tell(found.where("mode"), "an agent without a network cannot reach Jenkins; take bridge or host")
    elif good and "name" in found and mode is not NetworkMode.CONTAINER:
        findings.tell(found.where("name"), f"mode {mode} has no network of a name; take mode: container")
    elif good and mode is NetworkMode.CONTAINER and "name" not in found:
        findings.tell(found.where("mode"), "mode container wants the network's name")
    elif good and "ports" in found and mode is NetworkMode.HOST:
        findings.tell(
            found.where("ports"), "in mode host the ports are those of the host; name them under the template's `ports`"
        )
    elif not found.wrong:
        return Network(mode, found.get("name", ""), found.get("ports", ()))
    return WRONG


VOLUME_KEYS: Mapping[str, Known] = {
    "container_path": Known(scalar(values.absolute), "where it is inside"),
    "host_path": Known(scalar(values.absolute), "a directory of the host"),
    "mode": Known(scalar(values.choice(VolumeMode)), "`RW` or `RO`", "RW"),
    "cache": Known(
        scalar(values.flag),
        "the directory stays on its host for agents to come; each template has one of its own below `host_path`, and "
        "agents go by preference to hosts that have it",
        "false",
    ),
    "by_job": Known(scalar(values.flag), "each job has a cache of its own", "false"),
    "name": Known(scalar(text), "a volume of this name in place of `host_path`"),
    "driver": Known(scalar(text), "the Docker volume driver that has it"),
    "options": Known(scalar(values.parameters), "what the driver is told"),
}


def _volume(entry: Entry, findings: Findings) -> Any:
    found = members(entry, VOLUME_KEYS, findings)
    before = findings.told
    if "container_path" not in found:
        findings.tell(entry, "container_path is wanted")
    if ("host_path" in found) == ("name" in found):
        findings.tell(entry, "either host_path, a directory of the host, or the name of a volume is wanted")
    if found.get("cache") and found.get("mode") is VolumeMode.RO:
        findings.tell(found.where("mode"), "a cache is written to; take mode: RW")
    if found.get("cache") and "name" in found:
        findings.tell(found.where("cache"), "a cache is a directory of its host; give host_path in place of name")
    if found.get("by_job") and found.sound("cache") and not found.get("cache"):
        findings.tell(found.where("by_job"), "only a cache is kept by job; add cache: true")
    for key in ("driver", "options"):
        if key in found and "name" not in found:
            findings.tell(found.where(key), "it is of a volume with a name; give name in place of host_path")
    return WRONG if found.wrong or findings.told != before else Volume(**found.values)


CONTAINER_KEYS: Mapping[str, Known] = {
    "type": Known(scalar(values.choice(ContainerKind)), "`none`, a plain process; `docker`; or `mesos`", "none"),
    "image": Known(scalar(text), "the Docker image; it needs Java, unless `java` is on a volume"),
    "network": Known(_network, "a mode alone, or a mapping", "host"),
    "volumes": Known(each(_volume, "volumes"), "directories of the host, and volumes of drivers"),
    "parameters": Known(scalar(values.parameters), "options of `docker run`; of type docker"),
    "privileged": Known(scalar(values.flag), "with all rights on the host; of type docker", "false"),
    "force_pull": Known(scalar(values.flag), "pull the image anew for each agent", "false"),
}


def container(found: Members, gpus: int, findings: Findings) -> Container:
    """The container, and findings about keys that cannot be together."""
    kind = found.get("type", ContainerKind.NONE)
    if found.sound("type"):
        _told(found, kind, gpus, findings)
    paths = [volume.container_path for volume in found.get("volumes", ())]
    twice = next((path for number, path in enumerate(paths) if path in paths[:number]), "")
    if twice:
        findings.tell(found.where("volumes"), f"two volumes are at {twice}")
    given = {key: value for key, value in found.values.items() if key != "type"}
    return Container(kind, **given)


def _told(found: Members, kind: ContainerKind, gpus: int, findings: Findings) -> None:
    needed = [key for key in found.entry.value if key != "type" and key in CONTAINER_KEYS and found.get(key)]
    if kind is ContainerKind.NONE:
        for key in needed:
            findings.tell(found.where(key), "there is no container to have it; add type: docker or type: mesos")
        return
    if kind is ContainerKind.DOCKER and "image" not in found:
        findings.tell(found.where("type"), "an image is wanted: container.image")
    if kind is ContainerKind.DOCKER and gpus:
        findings.tell(found.where("type"), "Mesos gives gpus to no Docker container; take type: mesos with the image")
    if kind is ContainerKind.MESOS:
        for key in ("parameters", "privileged"):
            if found.get(key):
                findings.tell(found.where(key), "only Docker containers have it; take type: docker")
        network = found.get("network", Network())
        if network.mode is NetworkMode.BRIDGE:
            findings.tell(
                found.where("network"),
                "a Mesos container has no mode bridge; take mode: container with the name of a CNI network, such as "
                "mesos-bridge",
            )
        if found.get("force_pull") and "image" not in found:
            findings.tell(found.where("force_pull"), "without an image nothing is pulled")
