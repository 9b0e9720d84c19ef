"""One service on its way to an app: what later steps (links between services) still add to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ciprov.environments.blueprint.nodes import Node, node_of
from ciprov.environments.importing.references import names_in, whole
from ciprov.environments.importing.sources import text_of
from ciprov.foundation.json import JsonValue


@dataclass(frozen=True, slots=True)
class Port:
    """One port of the container: a number, or a text that is one placeholder. `at` is the node that says so."""

    container: int | str
    protocol: str
    name: str
    at: Node


@dataclass
class Draft:
    """`names` are all host names under which other services know this one; `profiles` those that it belongs to."""

    service: str
    id: str
    node: Node
    names: set[str] = field(default_factory=set)
    app: dict[str, Node] = field(default_factory=dict)
    env: dict[str, Node] = field(default_factory=dict)
    args: list[Node] | None = None
    ports: list[Port] = field(default_factory=list)
    docker: dict[str, Node] = field(default_factory=dict)
    parameters: list[Node] = field(default_factory=list)
    volumes: list[Node] = field(default_factory=list)
    check: Node | None = None
    is_on_host_network: bool = False
    profiles: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        return f"services.{self.service}"

    def parameter(self, key: str, value: str, at: Node) -> None:
        """A parameter of `docker run`."""
        self.parameters.append(node_of({"key": key, "value": value}, at.at))

    def port(self, number: int | str, protocol: str, at: Node, name: str = "") -> Port:
        """The container's port of this number and protocol, added if it is new."""
        for port in self.ports:
            if (port.container, port.protocol) == (number, protocol):
                return port
        shown = number if isinstance(number, int) else next(names_in(number), "x").lower().replace("_", "-")
        wanted = name or f"{protocol}-{shown}"
        taken = {port.name for port in self.ports}
        made = Port(number, protocol, wanted if wanted not in taken else f"{wanted}-{len(self.ports)}", at)
        self.ports.append(made)
        return made

    def as_app(self) -> Node:
        """The finished app."""
        at = self.node
        docker = {**self.docker}
        if self.parameters:
            docker["parameters"] = Node(self.parameters, at.at, at.key_at)
        container: dict[str, Node] = {"type": Node("DOCKER", at.at, at.at), "docker": Node(docker, at.at, at.at)}
        if self.ports and not self.is_on_host_network:
            container["portMappings"] = Node([_mapping(port) for port in self.ports], at.at, at.at)
        if self.volumes:
            container["volumes"] = Node(self.volumes, at.at, at.at)
        app: dict[str, Node] = {"id": Node(self.id, at.at, at.key_at)}
        if self.args is not None:
            app["args"] = Node(self.args, at.at, at.at)
        app["container"] = Node(container, at.at, at.at)
        mode = "host" if self.is_on_host_network else "container/bridge"
        app["networks"] = node_of([{"mode": mode}], at.at)
        if self.is_on_host_network:
            app["portDefinitions"] = Node([], at.at, at.at)
        if self.env:
            app["env"] = Node(self.env, at.at, at.at)
        if self.check is not None:
            app["healthChecks"] = Node([self.check], self.check.at, self.check.key_at)
        return Node({**app, **self.app}, at.at, at.key_at)


def _mapping(port: Port) -> Node:
    of_port = {"containerPort": port.container, "hostPort": 0, "protocol": port.protocol, "name": port.name}
    return node_of(of_port, port.at.at)


def number_in(node: Node | None) -> int | float | str | None:
    """A number, or a text that is one placeholder; None for anything else."""
    if node is None or isinstance(node.value, bool):
        return None
    if isinstance(node.value, int | float):
        return node.value
    text = text_of(node)
    if text is None or whole(text):
        return text
    try:
        value = float(text)
    except ValueError:
        return None
    if not text.isascii() or not abs(value) < 1e12:
        return None
    return int(value) if value == int(value) else value


def same_place(values: Mapping[str, JsonValue], at: Node) -> Node:
    """A mapping made by ciprov, at the place of `at`."""
    return node_of(dict(values), at.at)
