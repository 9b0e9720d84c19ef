"""Which ports an app holds by its definition: fixed host ports, and service ports."""

from __future__ import annotations

from ciprov.environments.normalise import normal_form
from ciprov.foundation.json import JsonObject


def fixed_host_ports(app: JsonObject) -> tuple[int, ...]:
    """The host ports that every instance of `app` must have, sorted: those of host networking with `requirePorts`, and
    every non-zero `hostPort` of a mapping. An agent's port is one resource for TCP and UDP alike.
    """
    form = normal_form(app)
    ports = {port.get("hostPort") or 0 for port in _mappings(form)}
    if form["requirePorts"]:
        ports |= {port.get("port") or 0 for port in _definitions(form)}
    return tuple(sorted(port for port in ports if isinstance(port, int) and port))


def service_ports(app: JsonObject) -> tuple[int, ...]:
    """The service ports that `app` has or asks for, sorted, without those that are the host port itself."""
    form = normal_form(app)
    ports = {port.get("servicePort") or 0 for port in _mappings(form)}
    if not form["requirePorts"]:
        ports |= {port.get("port") or 0 for port in _definitions(form)}
    return tuple(sorted(port for port in ports if isinstance(port, int) and port))


def _definitions(form: JsonObject) -> list[JsonObject]:
    return [port for port in form.get("portDefinitions") or [] if isinstance(port, dict)]


def _mappings(form: JsonObject) -> list[JsonObject]:
    container = form.get("container")
    mappings = container.get("portMappings") if isinstance(container, dict) else None
    return [mapping for mapping in mappings or [] if isinstance(mapping, dict)]
