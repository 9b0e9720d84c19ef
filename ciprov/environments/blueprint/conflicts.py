"""What the apps of one environment cannot have together: one host port, one service port."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ciprov.environments.blueprint.app_ports import AppPort, ports_of
from ciprov.environments.blueprint.findings import Finding
from ciprov.environments.blueprint.rules import port_key
from ciprov.environments.blueprint.tree import AppEntry


def port_conflicts(apps: Iterable[AppEntry], file: str) -> list[Finding]:
    """Host ports and service ports that two apps claim. Apps with zero instances claim theirs all the same."""
    findings: list[Finding] = []
    hosts: dict[int, AppEntry] = {}
    services: dict[int, AppEntry] = {}
    for app, port in _ports(apps):
        first = hosts.get(port.host_port) if port.host_port else None
        if first is not None and first.path != app.path:
            message = f"host port {port.host_port} is claimed by {first.id} and by {app.id}"
            findings.append(_told(app, port, message, "give one of them another port, or 0 for any free one", file))
        elif port.service_port:
            other = services.get(port.service_port)
            if other is not None and other.path != app.path:
                message = f"service port {port.service_port} is claimed by {other.id} and by {app.id}"
                findings.append(_told(app, port, message, "write 0 in one of them: ciprov allocates one", file))
        if port.host_port:
            hosts.setdefault(port.host_port, app)
        if port.service_port:
            services.setdefault(port.service_port, app)
    return findings


def _ports(apps: Iterable[AppEntry]) -> Iterator[tuple[AppEntry, AppPort]]:
    for app in apps:
        for port in ports_of(app.node):
            yield app, port


def _told(app: AppEntry, port: AppPort, message: str, way_out: str, file: str) -> Finding:
    key = f"{app.key}.{port_key(app.node, port.index)}"
    return Finding(file, port.node.at.line, port.node.at.column, key, message, way_out=way_out)
