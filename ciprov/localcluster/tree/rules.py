"""Rules that only the whole tree can break."""

from __future__ import annotations

from collections.abc import Iterator

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.errors import InvalidObject, Violation
from ciprov.localcluster.definitions.group import Group
from ciprov.localcluster.tree.dependencies import app_dependencies, cycle


def check_tree(old: Group, new: Group) -> None:
    """Raises `InvalidObject` where `new` breaks a rule, by itself or coming from `old`."""
    found = list(_violations(old, new))
    if found:
        raise InvalidObject(found)


def _violations(old: Group, new: Group) -> Iterator[Violation]:
    for group in new.all_groups():
        if clash := sorted(group.apps.keys() & group.groups.keys()):
            yield Violation("/", f"Groups and Applications may not have the same identifier. ({', '.join(clash)})")
    if circle := cycle(app_dependencies(new)):
        yield Violation("/", f"Dependency graph has cyclic dependencies. ({' -> '.join(circle)})")
    before = {app.id: app for app in old.all_apps()}
    for app in new.all_apps():
        last = before.get(app.id)
        if last is not None and last is not app and (last.resident or app.resident):
            yield from _resident_violations(last, app)


def _resident_violations(old: App, new: App) -> Iterator[Violation]:
    def persistent(app: App) -> list[object]:
        return [item for item in (app.container.volumes if app.container else ()) if "persistent" in item]

    def host_ports(app: App) -> set[int | None]:
        mappings = app.container.port_mappings if app.container else None
        return {item.host_port for item in mappings} if mappings else set(app.service_ports)

    if persistent(old) != persistent(new):
        yield Violation("/", "Persistent volumes can not be changed!")
    wanted = "Services with persistent volumes configured may not change {}; create a new service instead."
    for name in ("cpus", "mem", "disk", "gpus"):
        if getattr(old, name) != getattr(new, name):
            yield Violation(f"/{name}", wanted.format("resource requirements"))
    if old.require_ports != new.require_ports:
        yield Violation("/requirePorts", wanted.format("resource requirements"))
    if host_ports(old) != host_ports(new):
        yield Violation("/", wanted.format("host ports"))
