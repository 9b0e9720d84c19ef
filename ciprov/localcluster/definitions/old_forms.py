"""Old ways to write an app, turned into today's: `ports`, `uris`, `ipAddress`, `docker.network`, `docker.portMappings`.

Works on cleaned JSON objects. Where old and new forms contradict each other, the request is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ciprov.localcluster.definitions.errors import InvalidObject, Violation

Json = dict[str, Any]

_ARCHIVES = (".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz", ".zip")
_DOCKER_NETWORKS = {"HOST": "host", "USER": "container", "BRIDGE": "container/bridge"}
MESOS_BRIDGE = "mesos-bridge"


def conflicts(app: Json) -> Iterator[Violation]:
    """Contradictions between old and new forms."""
    container = app.get("container") or {}
    docker = container.get("docker") or {}
    ip_address = app.get("ipAddress")
    yield from _docker_conflicts(container, docker)
    if container.get("type") == "DOCKER" and ip_address and ip_address.get("discovery"):
        yield Violation("/ipAddress", "ipAddress/discovery is not allowed for Docker containers")
    if app.get("uris") and app.get("fetch"):
        yield Violation("/uris", "may not be set in conjunction with fetch")
    if docker.get("network") and app.get("networks"):
        yield Violation("/", "must not specify both container.docker.network and networks")
    if ip_address is not None and app.get("networks"):
        yield Violation("/", "must not specify both networks and ipAddress")
    ports = app.get("ports")
    chosen = [port for port in ports or () if port]
    if len(set(chosen)) != len(chosen):
        yield Violation("/", "ports must be unique")
    definitions = app.get("portDefinitions")
    if ip_address is not None and (ports or definitions):
        yield Violation("/", "cannot specify both an IP address and port")
    if ports is not None and definitions is not None and [item.get("port", 0) for item in definitions] != ports:
        yield Violation("/", "cannot specify both ports and port definitions")


def _docker_conflicts(container: Json, docker: Json) -> Iterator[Violation]:
    if docker.get("credential") is not None:
        yield Violation("/container/docker/credential", "must be empty")
    if container.get("type") == "MESOS":
        for name in ("network", "parameters", "portMappings"):
            if docker.get(name):
                yield Violation(f"/container/docker/{name}", "must be empty")
    if docker.get("network") == "NONE":
        yield Violation("/container/docker/network", "unsupported docker network type NONE")
    if container.get("portMappings") and docker.get("portMappings"):
        yield Violation("/container/docker/portMappings", "cannot specify both portMappings and docker.portMappings")


def _networks(app: Json) -> list[Json] | None:
    old = ((app.get("container") or {}).get("docker") or {}).get("network")
    ip_address = app.get("ipAddress")
    if ip_address is None:
        return [{"mode": _DOCKER_NETWORKS[old]}] if old else app.get("networks")
    name = ip_address.get("networkName")
    mode = _DOCKER_NETWORKS[old] if old else "container/bridge" if name == MESOS_BRIDGE else "container"
    network: Json = {"mode": mode}
    if mode != "host":
        network["labels"] = ip_address.get("labels", {})
    if mode == "container" and name:
        network["name"] = name
    return [network]


def _container(app: Json) -> Json | None:
    ip_address = app.get("ipAddress")
    container = app.get("container")
    if container is None:
        if ip_address is None:
            return None
        container = {"type": "MESOS"}
    container = dict(container)
    if "docker" in container:
        docker = dict(container["docker"])
        docker.pop("network", None)
        mappings = docker.pop("portMappings", None)
        if mappings is not None and not container.get("portMappings"):
            container["portMappings"] = mappings
        container["docker"] = docker
    discovered = ((ip_address or {}).get("discovery") or {}).get("ports")
    if discovered:
        if container.get("portMappings"):
            raise InvalidObject(
                [Violation("/", "container.portMappings and ipAddress.discovery.ports must not both be set")]
            )
        container["portMappings"] = [
            {
                "containerPort": port["number"],
                **{key: port[key] for key in ("name", "protocol", "labels") if key in port},
            }
            for port in discovered
        ]
    return container


def translated(app: Json) -> Json:
    """The app, or the part of one, in today's form; raises `InvalidObject` where the forms contradict each other."""
    if found := list(conflicts(app)):
        raise InvalidObject(found)
    result = {key: value for key, value in app.items() if key not in ("uris", "ports", "ipAddress")}
    if app.get("uris") and not app.get("fetch"):
        result["fetch"] = [{"uri": uri, "extract": uri.endswith(_ARCHIVES)} for uri in app["uris"]]
    for name, value in (("networks", _networks(app)), ("container", _container(app))):
        if value is not None:
            result[name] = value
    if "portDefinitions" not in app and "ports" in app:
        result["portDefinitions"] = [{"port": port} for port in app["ports"]]
    return result
