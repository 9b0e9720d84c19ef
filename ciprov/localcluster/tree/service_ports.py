"""Automatic service ports: every 0 of a new definition becomes a number that is unique over all apps.

An app keeps the numbers it had, so submitting the same definition again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.errors import PortRangeExhausted
from ciprov.localcluster.definitions.group import Group
from ciprov.localcluster.tree.edit import map_apps

SERVICE_PORTS = range(10000, 20001)


def assign_service_ports(old: Group, new: Group, ports: range = SERVICE_PORTS) -> Group:
    """`new` without service ports 0: `ports` are given out, `old` says which app had which.

    Raises `PortRangeExhausted`.
    """
    if not any(0 in app.service_ports for app in new.all_apps()):
        return new
    before = {app.id: app for app in old.all_apps()}
    used = {port for tree in (old, new) for app in tree.all_apps() for port in app.service_ports}
    free = iter(port for port in ports if port not in used)
    return map_apps(new, lambda app: _assigned(app, before.get(app.id), free, ports) if 0 in app.service_ports else app)


def _assigned(app: App, old: App | None, free: Iterator[int], ports: range) -> App:
    chosen = set(app.service_ports)
    kept = iter(port for port in (old.service_ports if old else ()) if port in ports and port not in chosen)
    numbers: list[int] = []
    for port in app.service_ports:
        number = port or next(kept, None) or next(free, None)
        if number is None:
            raise PortRangeExhausted(f"All ports in the range [{ports[0]}-{ports[-1]}] are already in use")
        numbers.append(number)
    return _with_service_ports(app, numbers)


def _with_service_ports(app: App, numbers: list[int]) -> App:
    if app.container is not None and app.container.port_mappings:
        mappings = tuple(
            item.model_copy(update={"service_port": number})
            for item, number in zip(app.container.port_mappings, numbers, strict=True)
        )
        return app.model_copy(update={"container": app.container.model_copy(update={"port_mappings": mappings})})
    definitions = tuple(
        item.model_copy(update={"port": number}) for item, number in zip(app.port_definitions, numbers, strict=True)
    )
    return app.model_copy(update={"port_definitions": definitions})
