"""Rules of containers, volumes and networks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ciprov.localcluster.definitions.app import App, Container, PortMapping
from ciprov.localcluster.definitions.errors import Violation

_PROVIDERS = ("dvdi", "csi")
_DRIVER_OPTION = "dvdi/driver"


def network_violations(app: App) -> Iterator[Violation]:
    """How networks may be combined, and with which ports."""
    modes = Counter(network.mode for network in app.networks)
    host, bridge, container = modes["host"], modes["container/bridge"], modes["container"]
    if any(network.name for network in app.networks if network.mode == "host"):
        yield Violation("/networks", "Host networks may not have names")
    if any(network.labels for network in app.networks if network.mode == "host"):
        yield Violation("/networks", "Host networks may not have labels")
    if any(network.name for network in app.networks if network.mode == "container/bridge"):
        yield Violation("/networks", "Bridge networks may not have names")
    names = [network.name for network in app.networks if network.name]
    if len(set(names)) != len(names):
        yield Violation("/networks", "Duplicate networks are not allowed")
    if any(network.mode == "container" and not network.name for network in app.networks):
        yield Violation("/networks", "Network name must be specified when container network is selected.")
    if sum(1 for kind in (host, bridge, container) if kind) > 1 or host > 1 or bridge > 1:
        yield Violation(
            "/networks", "May specify a single host network, single bridge network, or else 1-to-n container networks"
        )
    if container > 1 and app.container is not None and app.container.type == "DOCKER":
        yield Violation("/", "may only specify a single container network when using the Docker container engine")


def container_violations(app: App) -> Iterator[Violation]:
    """What a container must have, by its type."""
    container = app.container
    if container is None:
        return
    docker = container.docker
    if container.type == "DOCKER":
        if docker is None:
            yield Violation("/container/docker", "not defined")
        elif docker.pull_config is not None:
            yield Violation("/container/docker/pullConfig", "pullConfig is not supported with Docker containerizer")
        if app.check is not None:
            yield Violation("/", "AppDefinition must not use 'checks' if using docker")
    elif docker is not None and docker.pull_config is not None:
        yield Violation("/container/docker/pullConfig", "Feature secrets is not enabled; this cluster has none")
    yield from _linux_violations(container.linux_info or {})
    yield from _mapping_violations(app, container.port_mappings or ())
    for index, volume in enumerate(container.volumes):
        yield from _volume_violations(volume, f"/container/volumes({index})")
    yield from _external_violations(app, container)


def _linux_violations(linux: dict[str, Any]) -> Iterator[Violation]:
    seccomp, ipc = linux.get("seccomp"), linux.get("ipcInfo")
    if seccomp is not None and ("profileName" in seccomp) == seccomp["unconfined"]:
        wanted = (
            "can NOT be true when Profile is defined" if seccomp["unconfined"] else "must be true without a Profile"
        )
        yield Violation("/container/linuxInfo/seccomp", f"Seccomp unconfined {wanted}")
    if ipc is not None and ipc["mode"] == "SHARE_PARENT" and "shmSize" in ipc:
        yield Violation("/container/linuxInfo/ipcInfo", "ipcInfo shmSize can NOT be set when mode is SHARE_PARENT")


def _mapping_violations(app: App, mappings: tuple[PortMapping, ...]) -> Iterator[Violation]:
    path = "/container/portMappings"
    names = [item.name for item in mappings if item.name is not None]
    if len(set(names)) != len(names):
        yield Violation(path, "Port names must be unique.")
    fixed = [(item.host_port, protocol) for item in mappings for protocol in item.protocol.split(",") if item.host_port]
    if len(set(fixed)) != len(fixed):
        yield Violation(path, "Ports must be unique.")
    known = {network.name for network in app.networks}
    several = sum(network.mode == "container" for network in app.networks) > 1
    for index, item in enumerate(mappings):
        if several and item.host_port is not None and len(item.network_names) != 1:
            yield Violation(
                f"{path}({index})",
                "networkNames must be a single item list when hostPort is specified "
                "and more than 1 container network is defined",
            )
        for name in item.network_names:
            if name not in known:
                yield Violation(f"{path}({index})/networkNames", f"{name} is not among the app's networks")


def _volume_violations(volume: dict[str, Any], path: str) -> Iterator[Violation]:
    if "secret" in volume:
        yield Violation(path, "volume.secret must refer to an existing secret")
    persistent = volume.get("persistent")
    if persistent is None:
        return
    where = volume["containerPath"]
    if where in (".", ".."):
        yield Violation(f"{path}/containerPath", "must not be '.' or '..'")
    if "/" in where:
        yield Violation(f"{path}/containerPath", 'value must not contain "/"')
    if volume.get("mode", "RW") != "RW":
        yield Violation(f"{path}/mode", "must be RW")
    size, largest = persistent["size"], persistent.get("maxSize")
    if size <= 0:
        yield Violation(f"{path}/persistent/size", f"got {size}, expected more than 0")
    if largest is not None and persistent["type"] != "mount":
        yield Violation(f"{path}/persistent", "Only mount volumes can have maxSize")
    if largest is not None and largest <= size:
        yield Violation(f"{path}/persistent", "Max size must be larger than size")
    if persistent["type"] == "root" and persistent["constraints"]:
        yield Violation(f"{path}/persistent", "Constraints on root volumes are not supported")


def _external_violations(app: App, container: Container) -> Iterator[Violation]:
    external = [volume["external"] for volume in container.volumes if "external" in volume]
    names = [item["name"] for item in external if "name" in item]
    if len(set(names)) != len(names):
        yield Violation("/container/volumes", "Volume names must be unique")
    for index, volume in enumerate(container.volumes):
        for name in ("name", "provider"):
            if "external" in volume and name not in volume["external"]:
                yield Violation(f"/container/volumes({index})/external/{name}", "not defined")
        if "external" in volume:
            yield from _driver_violations(volume, container, f"/container/volumes({index})")
    if any(not item["shared"] for item in external):
        if app.instances > 1:
            yield Violation("/instances", f"got {app.instances}, expected 1 or less with external volumes")
        if app.upgrade_strategy.minimum_health_capacity > 0.5:
            yield Violation("/upgradeStrategy/minimumHealthCapacity", "expected 0.5 or less with external volumes")
        if app.upgrade_strategy.maximum_over_capacity != 0:
            yield Violation("/upgradeStrategy/maximumOverCapacity", "expected 0 with external volumes")


def _driver_violations(volume: dict[str, Any], container: Container, path: str) -> Iterator[Violation]:
    external = volume["external"]
    provider, options = external.get("provider"), external["options"]
    if provider not in (None, *_PROVIDERS):
        yield Violation(f"{path}/external/provider", f"is unknown provider; known are {', '.join(_PROVIDERS)}")
    if provider != "dvdi":
        return
    if not options.get(_DRIVER_OPTION):
        yield Violation(f"{path}/external/options", f"must name the volume driver as {_DRIVER_OPTION}")
    if container.type == "DOCKER":
        if set(options) - {_DRIVER_OPTION}:
            yield Violation(f"{path}/external/options", f"must only contain {_DRIVER_OPTION}")
        if "size" in external:
            yield Violation(f"{path}/external/size", "must be undefined for Docker containers")
    elif volume["containerPath"] in (".", ".."):
        yield Violation(f"{path}/containerPath", "must not be '.' or '..'")
    elif not volume["containerPath"].startswith("/") and "/" in volume["containerPath"]:
        yield Violation(f"{path}/containerPath", "must be absolute or a single name")
    elif volume["mode"] != "RW":
        yield Violation(f"{path}/mode", "must be RW")
