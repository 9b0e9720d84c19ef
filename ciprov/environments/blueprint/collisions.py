"""What copies of an environment would share by mistake: rewritten where that is safe, else reported with the fix."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ciprov.environments.blueprint.addresses import AddressBook, Rewrite, address_book, own_vip
from ciprov.environments.blueprint.app_ports import ports_of
from ciprov.environments.blueprint.findings import Finding, Severity
from ciprov.environments.blueprint.nodes import Node, joined, map_texts
from ciprov.environments.blueprint.rules import port_key
from ciprov.environments.blueprint.tree import AppEntry, Tree

_VIP_LABEL = re.compile(r"VIP_\d+")
_VHOST_LABEL = re.compile(r"HAPROXY_\d+_VHOST")
_LB_PORT_LABEL = re.compile(r"HAPROXY_\d+_PORT")
_TRAEFIK_RULE = re.compile(r"traefik\..*rule", re.IGNORECASE)
_HOST_RULE = re.compile(r"\bHost(Regexp|SNI)?\s*[:(]", re.IGNORECASE)
_NAMING_PARAMETERS = frozenset({"name", "hostname", "net-alias", "network-alias", "ip", "mac-address"})
_SHARED_ON_PURPOSE = re.compile(r"/(proc|sys|dev|etc/(localtime|timezone|resolv\.conf|hosts))(/.*)?|/.*\.sock")
_UNTOUCHED = frozenset({"id", "dependencies"})


@dataclass(frozen=True, slots=True)
class Copy:
    """The environment that a blueprint is stamped out as."""

    name: str
    group_path: str
    blueprint: str
    file: str


def adapt(tree: Tree, apps: list[AppEntry], copy: Copy) -> tuple[list[AppEntry], list[Finding]]:
    """The filled-in apps made the environment's own, and what was changed or is left to the user."""
    vips = {
        label.value: own_vip(label.value, copy.name) or label.value
        for app in apps
        for _, name, label in _labels(app.node)
        if _VIP_LABEL.fullmatch(name) and isinstance(label.value, str) and not label.filled
    }
    kept = [label.value for app in apps for _, name, label in _labels(app.node) if label.filled and "VIP_" in name]
    vips.update({value: value for value in kept if isinstance(value, str)})
    olds = [tree.base, f"/{copy.blueprint}"]
    book = address_book([app.id for app in apps], olds, copy.group_path, vips)
    findings: list[Finding] = []
    adapted: list[AppEntry] = []
    for app in apps:
        one = _App(app, copy, book)
        adapted.append(replace(app, node=one.adapted()))
        findings += one.findings
    return adapted, findings


def _labels(app: Node) -> Iterator[tuple[str, str, Node]]:
    """All labels of the app and of its ports as (key of the mapping, name, value)."""
    container = app.get("container")
    docker = container.get("docker") if container else None
    owners: list[tuple[str, Node | None]] = [("", app)]
    for key, owner, name in (
        ("portDefinitions", app, "portDefinitions"),
        ("container.portMappings", container, "portMappings"),
        ("container.docker.portMappings", docker, "portMappings"),
    ):
        ports = owner.get(name) if owner else None
        owners += [(f"{key}[{index}]", port) for index, port in enumerate(ports.items() if ports else [])]
    for key, owner in owners:
        labels = owner.get("labels") if owner else None
        for name, label in labels.members() if labels else ():
            yield joined(key, "labels"), name, label


@dataclass
class _App:
    app: AppEntry
    copy: Copy
    book: AddressBook
    findings: list[Finding] = field(default_factory=list)

    def adapted(self) -> Node:
        self._ports()
        self._reported_labels()
        self._docker_parameters()
        node = self._volumes(self.app.node)
        members = {name: m if name in _UNTOUCHED else self._texts(name, m) for name, m in node.members()}
        return node.with_value(members)

    def _texts(self, name: str, node: Node) -> Node:
        """Addresses and VIP labels below one field of the app."""
        return map_texts(node, self._text, name)

    def _text(self, node: Node, key: str) -> Node:
        if node.secret:
            return node
        _, _, last = key.rpartition(".")
        if _VIP_LABEL.fullmatch(last) and "labels." in key:
            return self._vip(node, key)
        moved, found = self.book.move(node.value)
        for one in found:
            if isinstance(one, Rewrite):
                message = f"{one.before} follows from the group path: here it becomes {one.after}"
                self.add(node, key, message, severity=Severity.NOTE)
            elif not node.filled:
                what = "this Consul name" if one.is_consul else "this address"
                message = f"{one.address}: {what} is the same in every environment"
                way_out = "use ${service.<app>.<port>} for an app of this blueprint, else make it a parameter"
                self.add(node, key, message, way_out)
        return node.with_value(moved) if moved != node.value else node

    def _vip(self, node: Node, key: str) -> Node:
        if node.filled:
            return node
        own = own_vip(node.value, self.copy.name)
        if own is None:
            way_out = "use a named one, such as /name:port, or make it a parameter"
            self.add(node, key, f"the VIP {node.value} is the same in every environment", way_out)
            return node
        if own != node.value:
            self.add(node, key, f"the VIP {node.value} becomes {own} here", severity=Severity.NOTE)
        return node.with_value(own)

    def _ports(self) -> None:
        for port in ports_of(self.app.node):
            key = port_key(self.app.node, port.index)
            if port.node.filled:
                continue
            if port.host_port:
                message = f"host port {port.host_port} is fixed: two environments cannot have it on one agent"
                self.add(port.node, key, message, "make it a parameter, or 0 for any free port")
            elif port.service_port:
                message = f"service port {port.service_port} is fixed: two environments would share it"
                self.add(port.node, key, message, "write 0: ciprov allocates one for each environment")

    def _reported_labels(self) -> None:
        for key, name, label in _labels(self.app.node):
            if label.filled or not isinstance(label.value, str):
                continue
            if _VHOST_LABEL.fullmatch(name) or (_TRAEFIK_RULE.fullmatch(name) and _HOST_RULE.search(label.value)):
                message = f"the host name in {label.shown} is the same in every environment"
                self.add(label, joined(key, name), message, "put ${env.name} into it")
            elif _LB_PORT_LABEL.fullmatch(name):
                message = f"port {label.value} of the load balancer is the same in every environment"
                self.add(label, joined(key, name), message, "make it a parameter")

    def _docker_parameters(self) -> None:
        container = self.app.node.get("container")
        docker = container.get("docker") if container else None
        parameters = docker.get("parameters") if docker else None
        for index, parameter in enumerate(parameters.items() if parameters else []):
            name, value = parameter.get("key"), parameter.get("value")
            if name is None or value is None or value.filled or not isinstance(value.value, str):
                continue
            key = f"container.docker.parameters[{index}].value"
            if name.value in _NAMING_PARAMETERS:
                message = f"the docker parameter {name.value}={value.value} is the same in every environment"
                self.add(value, key, message, "put ${env.name} into it, or remove it")
            elif name.value in {"publish", "p"} and ":" in value.value:
                message = f"the docker parameter {name.value}={value.value} fixes a host port"
                self.add(value, key, message, "use portMappings with hostPort 0")
            elif name.value in {"volume", "v"} and value.value.startswith("/"):
                self._host_path(value, value.value.partition(":")[0], key)

    def _volumes(self, app: Node) -> Node:
        container = app.get("container")
        volumes = container.get("volumes") if container else None
        if container is None or volumes is None:
            return app
        own = [self._volume(volume, f"container.volumes[{index}]") for index, volume in enumerate(volumes.items())]
        return app.with_members({"container": container.with_members({"volumes": volumes.with_value(own)})})

    def _volume(self, volume: Node, key: str) -> Node:
        path, mode, external = volume.get("hostPath"), volume.get("mode"), volume.get("external")
        read_only = mode is not None and mode.value == "RO"
        if path is not None and isinstance(path.value, str) and not path.filled and not read_only:
            self._host_path(path, path.value, f"{key}.hostPath")
        name = external.get("name") if external else None
        if external is None or name is None or name.filled or not isinstance(name.value, str):
            return volume
        own = f"{name.value}-{self.copy.name}"
        message = f"the volume name {name.value} is shared by the whole storage: here it becomes {own}"
        self.add(name, f"{key}.external.name", message, severity=Severity.NOTE)
        return volume.with_members({"external": external.with_members({"name": name.with_value(own)})})

    def _host_path(self, node: Node, path: str, key: str) -> None:
        if path.startswith("/") and not _SHARED_ON_PURPOSE.fullmatch(path):
            message = f"environments on one agent share the directory {path} for writing"
            self.add(node, key, message, "put ${env.name} into the path, or set mode: RO")

    def add(self, node: Node, key: str, message: str, way_out: str = "", severity: Severity = Severity.WARNING) -> None:
        full = f"{self.app.key}.{key}"
        text = f"{self.app.id}: {message}"
        at = node.at
        self.findings.append(Finding(self.copy.file, at.line, at.column, full, text, "", way_out, severity))
