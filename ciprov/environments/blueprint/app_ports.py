"""The ports of an app, whatever form they are written in: host ports, service ports, names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ciprov.environments.blueprint.nodes import Node, node_of
from ciprov.environments.service_ports import PortNeed

PORT_FIELDS = ("networks", "ports", "portDefinitions", "requirePorts", "container", "ipAddress")
"""The fields that decide about an app's ports."""


@dataclass(frozen=True, slots=True)
class AppPort:
    """One port. `host_port` and `service_port` are what the definition fixes, 0 where it fixes none.

    `node` is the place that says so. `needs_service_port` is false where the app can have none: a required host port
    that is not given.
    """

    index: int
    name: str
    protocol: str
    node: Node
    host_port: int = 0
    service_port: int = 0
    needs_service_port: bool = True

    @property
    def label(self) -> str:
        """The name, or where it has none the index."""
        return self.name or str(self.index)

    @property
    def has_open_name(self) -> bool:
        """Whether its name waits for a parameter."""
        return "${" in self.name

    @property
    def has_open_number(self) -> bool:
        """Whether its number waits for a parameter, or is none that a port can have."""
        value = self.node.value
        fixed = self.host_port or self.service_port
        return isinstance(value, str) or (isinstance(value, int | float) and value != 0 and not fixed)


def is_on_host_network(app: Node) -> bool:
    """Whether tasks share the agent's network, by the new form, else the old one, else Marathon's default."""
    networks = app.get("networks")
    if networks is not None and networks.items():
        return all(_text(network, "mode") == "host" for network in networks.items())
    container = app.get("container")
    docker = container.get("docker") if container else None
    old = _text(docker, "network") if docker else ""
    if old:
        return old in {"HOST", "NONE"}
    return app.get("ipAddress") is None


def ports_of(app: Node) -> list[AppPort]:
    """All ports of `app` in the order of their indexes. An app that says nothing of ports has one, named `default`."""
    if not is_on_host_network(app):
        return [_mapping(index, node) for index, node in enumerate(_mappings(app))]
    required = (flag := app.get("requirePorts")) is not None and flag.value is True
    definitions, old = app.get("portDefinitions"), app.get("ports")
    if definitions is not None:
        return [_definition(index, node, node.get("port"), required) for index, node in enumerate(definitions.items())]
    if old is not None:
        return [_definition(index, node, node, required) for index, node in enumerate(old.items())]
    return [AppPort(0, "default", "tcp", app)]


def _mappings(app: Node) -> list[Node]:
    container = app.get("container")
    docker = container.get("docker") if container else None
    for owner in (container, docker):
        mappings = owner.get("portMappings") if owner else None
        if mappings is not None:
            return mappings.items()
    return []


def _definition(index: int, node: Node, port: Node | None, required: bool) -> AppPort:
    number = _port(port)
    place = port or node
    name, protocol = _text(node, "name"), _text(node, "protocol") or "tcp"
    if required:
        return AppPort(index, name, protocol, place, number, number, needs_service_port=number != 0)
    return AppPort(index, name, protocol, place, 0, number)


def _mapping(index: int, node: Node) -> AppPort:
    host = node.get("hostPort")
    fixed = _port(host)
    place = (host if fixed else node.get("servicePort")) or node
    name, protocol = _text(node, "name"), _text(node, "protocol") or "tcp"
    return AppPort(index, name, protocol, place, fixed, _port(node.get("servicePort")))


def _port(node: Node | None) -> int:
    value = node.value if node is not None else 0
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 65535 else 0


def _text(node: Node, name: str) -> str:
    member = node.get(name)
    return member.value if member is not None and isinstance(member.value, str) else ""


def key_of(app_id: str, port: AppPort) -> str:
    """The key of a port in `service_ports`."""
    return f"{app_id}/{port.label}"


def needs_of(app_id: str, app: Node) -> list[PortNeed]:
    return [PortNeed(key_of(app_id, port), port.service_port) for port in ports_of(app) if port.needs_service_port]


def with_service_ports(app_id: str, app: Node, allocated: Mapping[str, int]) -> Node:
    """`app` with its allocated service ports written in, in every form that it uses."""
    numbers = [allocated.get(key_of(app_id, port), port.service_port) for port in ports_of(app)]
    if not is_on_host_network(app):
        return _with_mappings(app, numbers)
    changes: dict[str, Node] = {}
    definitions, old = app.get("portDefinitions"), app.get("ports")
    if definitions is not None:
        pairs = zip(definitions.items(), numbers, strict=True)
        changes["portDefinitions"] = definitions.with_value([_with(node, "port", number) for node, number in pairs])
    if old is not None and len(old.items()) == len(numbers):
        pairs = zip(old.items(), numbers, strict=True)
        changes["ports"] = old.with_value([node.with_value(number) for node, number in pairs])
    if definitions is None and old is None:
        default = [{"port": number, "protocol": "tcp", "name": "default"} for number in numbers]
        changes["portDefinitions"] = node_of(default, app.at)
    return app.with_members(changes)


def _with_mappings(app: Node, numbers: list[int]) -> Node:
    container = app.get("container")
    if container is None:
        return app
    docker = container.get("docker")
    changes: dict[str, Node] = {}
    if docker is not None:
        changes["docker"] = _in_mappings(docker, numbers)
    container = container.with_members(changes) if changes else container
    return app.with_members({"container": _in_mappings(container, numbers)})


def _in_mappings(owner: Node, numbers: list[int]) -> Node:
    mappings = owner.get("portMappings")
    if mappings is None or len(mappings.items()) != len(numbers):
        return owner
    pairs = zip(mappings.items(), numbers, strict=True)
    filled = [_with(node, "servicePort", number) for node, number in pairs]
    return owner.with_members({"portMappings": mappings.with_value(filled)})


def _with(node: Node, name: str, number: int) -> Node:
    if not isinstance(node.value, dict):
        return node
    old = node.value.get(name)
    return node.with_members({name: old.with_value(number) if old is not None else node_of(number, node.at)})
