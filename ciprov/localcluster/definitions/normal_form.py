"""An app in today's form is completed: what depends on something else (networks, volumes, ports) gets its default."""

from __future__ import annotations

from typing import Any

from ciprov.localcluster.definitions.ids import canonical
from ciprov.localcluster.definitions.old_forms import Json

HTTP_PROTOCOLS = ("HTTP", "HTTPS", "MESOS_HTTP", "MESOS_HTTPS")


def completed(app: Json, base: str, role: str) -> Json:
    """`app` with absolute ids and all dependent defaults; `role` is the one it takes where it names none."""
    result = dict(app)
    result["id"] = canonical(app["id"], base)
    result["dependencies"] = sorted({canonical(item, base) for item in app.get("dependencies", ())})
    result["networks"] = networks = app.get("networks") or [{"mode": "host"}]
    on_host = all(network["mode"] == "host" for network in networks)
    result["container"] = _container(app, networks, on_host)
    if on_host:
        result["portDefinitions"] = app.get("portDefinitions", [{"port": 0, "name": "default"}])
    else:
        result["portDefinitions"] = []
        result["requirePorts"] = False
    result["constraints"] = _unique(app.get("constraints", ()))
    result["healthChecks"] = [_health_check(check, result) for check in _unique(app.get("healthChecks", ()))]
    result.setdefault("role", role)
    return _volume_defaults(result)


def _unique(items: Any) -> list[Any]:
    found: list[Any] = []
    for item in items:
        if item not in found:
            found.append(item)
    return found


def _container(app: Json, networks: list[Json], on_host: bool) -> Json | None:
    container = app.get("container")
    if container is None:
        return None if on_host else {"type": "MESOS", "portMappings": _mappings([{}], networks)}
    container = dict(container)
    mappings = container.pop("portMappings", None)
    if on_host:
        return container
    if mappings is None:
        mappings = [{"name": "default"}]
    missing = len(app.get("portDefinitions", ())) - len(mappings)
    container["portMappings"] = _mappings([*mappings, *({} for _ in range(missing))], networks)
    return container


def _mappings(mappings: list[Json], networks: list[Json]) -> list[Json]:
    if not any(network["mode"] == "container/bridge" for network in networks):
        return mappings
    return [mapping if "hostPort" in mapping else {**mapping, "hostPort": 0} for mapping in mappings]


def _health_check(check: Json, app: Json) -> Json:
    result = dict(check)
    protocol = check.get("protocol", "HTTP")
    if protocol in HTTP_PROTOCOLS:
        result.setdefault("path", "/")
    if protocol == "COMMAND" or "command" in check:
        # Accepted for old clients' sake, and without meaning.
        result.pop("portIndex", None)
        return result
    has_ports = app["portDefinitions"] or (app["container"] or {}).get("portMappings")
    if has_ports and "port" not in check and "portIndex" not in check:
        result["portIndex"] = 0
    return result


def _volume_defaults(app: Json) -> Json:
    volumes = (app["container"] or {}).get("volumes", ())
    persistent = any("persistent" in volume for volume in volumes)
    external = any("external" in volume for volume in volumes)
    if persistent:
        app.setdefault("residency", {"relaunchEscalationTimeoutSeconds": 3600, "taskLostBehavior": "WAIT_FOREVER"})
    else:
        app.pop("residency", None)
    app.setdefault(
        "unreachableStrategy", "disabled" if persistent else {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0}
    )
    if "upgradeStrategy" not in app and (persistent or external):
        app["upgradeStrategy"] = {"minimumHealthCapacity": 0.5, "maximumOverCapacity": 0.0}
    elif app.get("labels", {}).get("MARATHON_SINGLE_INSTANCE_APP") == "true":
        app.setdefault("upgradeStrategy", {"minimumHealthCapacity": 0.0, "maximumOverCapacity": 0.0})
    return app
