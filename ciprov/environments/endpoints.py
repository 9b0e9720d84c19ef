"""Where an environment can be called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ciprov.domain.environment import Endpoint
from ciprov.environments.normalise import normal_form
from ciprov.environments.tree import relative
from ciprov.foundation.json import JsonObject


@dataclass(frozen=True, slots=True)
class Addresses:
    """What is known of an environment's addresses: `service_ports` by `<app>/<port name or index>`, and its routes."""

    group_path: str
    service_address: str
    service_ports: Mapping[str, int]
    routes: Sequence[JsonObject] = ()

    @property
    def front_url(self) -> str:
        return str(self.routes[0].get("url", "")) if self.routes else ""


def endpoints(apps: Mapping[str, JsonObject], addresses: Addresses) -> tuple[Endpoint, ...]:
    """One per port of every app in `apps` (by absolute id), in the order of their ids and ports.

    A port that only its number tells apart is named by its index. A fixed host port is called on the host of a running
    task where one is known, since nothing forwards to it.
    """
    found = []
    for app_id, app in sorted(apps.items()):
        form = normal_form(app)
        for index, port in enumerate(_ports(form)):
            name = str(port.get("name") or index)
            number = _number(port, addresses, relative(app_id, addresses.group_path), (name, str(index)))
            if number:
                host = _host(app, form, port) or addresses.service_address
                url = f"http://{host}:{number}/" if _speaks_http(app_id, form, index, name, addresses) else ""
                protocol = str(port.get("protocol") or "tcp")
                found.append(Endpoint(relative(app_id, addresses.group_path), name, host, number, protocol, url))
    return tuple(found)


def _ports(form: JsonObject) -> list[JsonObject]:
    container = form.get("container")
    mappings = container.get("portMappings") if isinstance(container, dict) else None
    return [port for port in mappings or form.get("portDefinitions") or [] if isinstance(port, dict)]


def _number(port: JsonObject, addresses: Addresses, app: str, keys: tuple[str, ...]) -> int:
    for key in keys:
        if number := addresses.service_ports.get(f"{app}/{key}"):
            return number
    value = port.get("servicePort") or port.get("port") or 0
    return value if isinstance(value, int) else 0


def _host(app: JsonObject, form: JsonObject, port: JsonObject) -> str:
    fixed = form["requirePorts"] or (port.get("hostPort") and port.get("hostPort") == port.get("servicePort"))
    hosts = [str(task["host"]) for task in app.get("tasks") or [] if task.get("host")]
    return hosts[0] if fixed and hosts else ""


def _speaks_http(app_id: str, form: JsonObject, index: int, name: str, addresses: Addresses) -> bool:
    checked = any(
        check.get("protocol") in ("HTTP", "MESOS_HTTP") and check.get("portIndex") == index
        for check in form.get("healthChecks") or []
        if isinstance(check, dict)
    )
    routed = any(route.get("app") == app_id and str(route.get("port")) == name for route in addresses.routes)
    return checked or routed
