"""Definitions in one comparable form, whichever of Marathon's spellings they came in.

Two steps: `normal_form` brings one definition into the newer spelling with Marathon's defaults filled in; `settled`
then takes from the live definition what the desired one leaves to the server (automatic service ports, the role, …).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from ciprov.foundation.json import JsonObject

_SERVER_FIELDS = frozenset(
    {
        "version",
        "versionInfo",
        "tasks",
        "tasksStaged",
        "tasksRunning",
        "tasksHealthy",
        "tasksUnhealthy",
        "tasksStats",
        "taskStats",
        "deployments",
        "lastTaskFailure",
        "readinessCheckResults",
    }
)
_DEFAULTS: Mapping[str, Any] = {
    "instances": 1,
    "cpus": 1,
    "mem": 128,
    "disk": 0,
    "gpus": 0,
    "executor": "",
    "backoffSeconds": 1,
    "backoffFactor": 1.15,
    "maxLaunchDelaySeconds": 300,
    "requirePorts": False,
    "killSelection": "YOUNGEST_FIRST",
    "tty": False,
}
_PORT = {"port": 0, "protocol": "tcp"}
_MAPPING = {"containerPort": 0, "servicePort": 0, "protocol": "tcp"}
_FETCH = {"executable": False, "cache": False}
_VOLUMES: Mapping[str, JsonObject] = {
    "persistent": {"type": "root", "constraints": []},
    "external": {"options": {}, "shared": False},
}
_UPGRADE = {"minimumHealthCapacity": 1, "maximumOverCapacity": 1}
IN_PLACE_UPGRADE = {"minimumHealthCapacity": 0, "maximumOverCapacity": 0}
_DOCKER = {"forcePullImage": False, "privileged": False}
_HEALTH = {
    "protocol": "HTTP",
    "gracePeriodSeconds": 300,
    "intervalSeconds": 60,
    "timeoutSeconds": 20,
    "maxConsecutiveFailures": 3,
    "delaySeconds": 15,
    "ignoreHttp1xx": False,
    "ipProtocol": "IPv4",
}
_READINESS = {
    "name": "readinessCheck",
    "protocol": "HTTP",
    "path": "/",
    "portName": "http-api",
    "intervalSeconds": 30,
    "timeoutSeconds": 10,
    "httpStatusCodesForReady": [200],
    "preserveLastResponse": False,
}
_CHECK = {"intervalSeconds": 60, "timeoutSeconds": 20, "delaySeconds": 15}
_RESIDENCY = {"relaunchEscalationTimeoutSeconds": 3600, "taskLostBehavior": "WAIT_FOREVER"}
_UNORDERED = ("constraints", "healthChecks", "dependencies")
_LEFT_TO_SERVER: Mapping[str, tuple[Any, ...]] = {
    # What Marathon fills in by its version, its settings and the kind of app. A live value outside of these was set
    # by somebody and has to go again.
    "upgradeStrategy": ({"minimumHealthCapacity": 0.5, "maximumOverCapacity": 0}, _UPGRADE),
    "unreachableStrategy": (
        "disabled",
        {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0},
        {"inactiveAfterSeconds": 300, "expungeAfterSeconds": 600},
        {"inactiveAfterSeconds": 900, "expungeAfterSeconds": 604800},
    ),
    "acceptedResourceRoles": (["*"],),
    "residency": (_RESIDENCY,),
}
_KNOWN = frozenset(
    (*_DEFAULTS, *_UNORDERED, *_LEFT_TO_SERVER, "id", "cmd", "args", "user", "env", "secrets", "labels", "role")
) | {
    "container",
    "networks",
    "portDefinitions",
    "fetch",
    "readinessChecks",
    "taskKillGracePeriodSeconds",
    "check",
    "executorResources",
    "resourceLimits",
}


def definition(app: JsonObject) -> JsonObject:
    """`app` as Marathon answered it, without what the server adds: fit to be put again unchanged."""
    return copy.deepcopy(_own(app))


def _own(app: JsonObject) -> JsonObject:
    kept = {key: value for key, value in app.items() if key not in _SERVER_FIELDS}
    if "portDefinitions" in kept:
        kept.pop("ports", None)
    if "fetch" in kept:
        kept.pop("uris", None)
    return kept


def normal_form(app: JsonObject) -> JsonObject:
    """The newer spelling with all defaults; unknown fields are kept. `app` is not changed. Never raises on odd types:
    what is not understood stays as it is, for Marathon to refuse.
    """
    form: JsonObject = _DEFAULTS | _without_nulls(_own(app))
    _networks(form)
    _ports(form)
    _fetch(form)
    if "upgradeStrategy" in form or not _stateful(form):
        form["upgradeStrategy"] = _filled(form.get("upgradeStrategy"), _UPGRADE)
    form["healthChecks"] = [_health_check(check) for check in _list(form, "healthChecks")]
    form["readinessChecks"] = [_filled(check, _READINESS) for check in _list(form, "readinessChecks")]
    if "residency" in form:
        form["residency"] = _filled(form["residency"], _RESIDENCY)
    if "check" in form:
        form["check"] = _filled(form["check"], _CHECK)
    for key in _UNORDERED:
        form[key] = sorted(_list(form, key), key=_canonical)
    return {key: value for key, value in form.items() if value not in ({}, [], "") or key == "portDefinitions"}


def settled(desired: JsonObject, live: JsonObject) -> JsonObject:
    """`desired` with what it leaves to the server taken from `live`; both in normal form."""
    form = copy.deepcopy(desired)
    for key, defaults in _LEFT_TO_SERVER.items():
        if key not in form and live.get(key) in defaults:
            form[key] = live[key]
    if "role" not in form and "role" in live:
        form["role"] = live["role"]
    for key in live.keys() - form.keys() - _KNOWN:
        form[key] = live[key]  # a field of a newer Marathon: not ours to compare
    _take_ports(form.get("portDefinitions"), live.get("portDefinitions"), "port")
    mine, theirs = form.get("container"), live.get("container")
    if isinstance(mine, dict) and isinstance(theirs, dict):
        _take_ports(mine.get("portMappings"), theirs.get("portMappings"), "servicePort")
        if "type" not in mine and "type" in theirs:
            mine["type"] = theirs["type"]
    for ours, other in zip(_list(form, "fetch"), _list(live, "fetch"), strict=False):
        if isinstance(ours, dict) and isinstance(other, dict) and "extract" not in ours and "extract" in other:
            ours["extract"] = other["extract"]
    for ours, other in zip(_list(form, "networks"), _list(live, "networks"), strict=False):
        if ours.get("mode") == "container" == other.get("mode") and "name" not in ours and "name" in other:
            ours["name"] = other["name"]
    return form


def _networks(form: JsonObject) -> None:
    """`ipAddress`, `container.docker.network` and its parameter `net` become `networks`."""
    address = form.pop("ipAddress", None)
    container = form.get("container")
    docker = container.get("docker") if isinstance(container, dict) else None
    old = docker.pop("network", None) if isinstance(docker, dict) else None
    networks = _list(form, "networks")
    if not networks:
        if isinstance(address, dict):
            name = address.get("networkName")
            networks = [{"mode": "container", **({"name": name} if name else {})}]
        elif old in ("BRIDGE", "USER"):
            networks = [{"mode": "container/bridge" if old == "BRIDGE" else "container"}]
        else:
            networks = [{"mode": "host"}]
    for network in networks:
        if isinstance(network, dict) and not network.get("labels"):
            network.pop("labels", None)
    if isinstance(docker, dict):
        _net_parameter(docker, networks)
    form["networks"] = networks


def _net_parameter(docker: JsonObject, networks: list[JsonObject]) -> None:
    kept = []
    for parameter in _list(docker, "parameters"):
        first = networks[0]
        names_network = parameter.get("key") == "net" and first.get("mode") == "container"
        if not names_network or first.setdefault("name", parameter.get("value")) != parameter.get("value"):
            kept.append(parameter)
    docker["parameters"] = kept


def _ports(form: JsonObject) -> None:
    """Host networking has `portDefinitions`, the other modes `container.portMappings`."""
    modes = {network.get("mode") for network in form["networks"] if isinstance(network, dict)}
    container = form.get("container")
    if isinstance(container, dict):
        _container(container, bridge="container/bridge" in modes)
        if modes == {"host"}:
            container.pop("portMappings", None)
        elif "container/bridge" in modes and "portMappings" not in container:
            container["portMappings"] = [{**_MAPPING, "hostPort": 0, "name": "default"}]
        if not container.get("portMappings"):
            container.pop("portMappings", None)
    ports = form.pop("ports", None)
    if modes != {"host"}:
        form.pop("portDefinitions", None)
        form["requirePorts"] = False
    elif "portDefinitions" in form:
        form["portDefinitions"] = [_labelled(_filled(port, _PORT)) for port in _list(form, "portDefinitions")]
    elif ports is not None:
        form["portDefinitions"] = [{**_PORT, "port": port} for port in ports]
    else:
        form["portDefinitions"] = [{**_PORT, "name": "default"}]


def _container(container: JsonObject, *, bridge: bool) -> None:
    docker = container.get("docker")
    if isinstance(docker, dict):
        old = docker.pop("portMappings", None)
        if old and not container.get("portMappings"):
            container["portMappings"] = old
        docker.update(_DOCKER | docker)
        if not docker.get("parameters"):
            docker.pop("parameters", None)
    else:
        container.setdefault("type", "MESOS")
    if "portMappings" in container:
        default = _MAPPING | ({"hostPort": 0} if bridge else {})
        container["portMappings"] = [_labelled(_filled(one, default)) for one in _list(container, "portMappings")]
    container["volumes"] = [_volume(one) for one in _list(container, "volumes")]
    if not container["volumes"]:
        container.pop("volumes")


def _volume(volume: Any) -> Any:
    if not isinstance(volume, dict) or "secret" in volume:
        return volume
    form = _filled(volume, {"mode": "RW"})
    for kind, defaults in _VOLUMES.items():
        if kind in form:
            form[kind] = _filled(form[kind], defaults)
    return form


def _fetch(form: JsonObject) -> None:
    """`uris` become `fetch`; whether those are extracted is the server's to say, by their suffix."""
    uris = form.pop("uris", None)
    if _list(form, "fetch"):
        form["fetch"] = [_filled(item, {**_FETCH, "extract": True}) for item in form["fetch"]]
    elif isinstance(uris, list):
        form["fetch"] = [{**_FETCH, "uri": uri} for uri in uris]


def _stateful(form: JsonObject) -> bool:
    container = form.get("container")
    volumes = _list(container, "volumes") if isinstance(container, dict) else []
    return any(isinstance(volume, dict) and ("persistent" in volume or "external" in volume) for volume in volumes)


def _health_check(check: Any) -> Any:
    form = _filled(check, _HEALTH)
    if isinstance(form, dict):
        protocol = str(form["protocol"])
        if "HTTP" in protocol:
            form.setdefault("path", "/")
        if protocol != "COMMAND" and "port" not in form:
            form.setdefault("portIndex", 0)
    return form


def _take_ports(ours: Any, theirs: Any, key: str) -> None:
    if isinstance(ours, list) and isinstance(theirs, list):
        for port, other in zip(ours, theirs, strict=False):
            if isinstance(port, dict) and isinstance(other, dict) and not port.get(key):
                port[key] = other.get(key, 0)


def _labelled(port: Any) -> Any:
    if isinstance(port, dict) and not port.get("labels"):
        port.pop("labels", None)
    return port


def _filled(value: Any, default: Mapping[str, Any]) -> Any:
    return {**default, **value} if isinstance(value, dict) else dict(default) if value is None else value


def _list(holder: JsonObject, key: str) -> list[Any]:
    value = holder.get(key)
    return value if isinstance(value, list) else []


def _without_nulls(value: Any) -> Any:
    """A copy, all the way down."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
