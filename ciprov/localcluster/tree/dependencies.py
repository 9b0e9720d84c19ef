"""Which app depends on which. An app may name apps or groups; a group's dependencies bind every app below it."""

from __future__ import annotations

from collections.abc import Mapping

from ciprov.localcluster.definitions.group import Group

Graph = Mapping[str, frozenset[str]]


def app_dependencies(root: Group) -> Graph:
    """App id -> the ids of the apps it depends on; apps without dependencies are left out, absent targets ignored."""
    apps = {app.id for app in root.all_apps()}
    groups = {group.id: group for group in root.all_groups()}
    found: dict[str, set[str]] = {}

    def targets(dependency: str) -> set[str]:
        if dependency in apps:
            return {dependency}
        return {app.id for app in groups[dependency].all_apps()} if dependency in groups else set()

    for group in groups.values():
        below = {name for dependency in group.dependencies for name in targets(dependency)}
        if below:
            for app in group.all_apps():
                found.setdefault(app.id, set()).update(below)
        for app in group.apps.values():
            for dependency in app.dependencies:
                found.setdefault(app.id, set()).update(targets(dependency))
    return {app_id: frozenset(names) for app_id, names in found.items() if names}


def cycle(graph: Graph) -> list[str]:
    """Apps that depend on each other, in order, the first one again at the end; empty where there is no cycle."""
    done: set[str] = set()
    for start in sorted(graph):
        path: list[str] = []
        on_path: set[str] = set()
        stack = [(start, False)]
        while stack:
            current, leaving = stack.pop()
            if leaving:
                path.pop()
                on_path.discard(current)
                done.add(current)
            elif current in on_path:
                return [*path[path.index(current) :], current]
            elif current not in done:
                path.append(current)
                on_path.add(current)
                stack.append((current, True))
                stack.extend((name, False) for name in sorted(graph.get(current, ())))
    return []
