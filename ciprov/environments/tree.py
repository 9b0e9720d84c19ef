"""Group trees as Marathon sends and takes them: their apps, their dependencies, and what depends on what."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ciprov.foundation.json import JsonObject


def apps_of(group: JsonObject | None) -> dict[str, JsonObject]:
    """Every app at and below `group` by its absolute id; `group` has absolute ids. None is an absent group."""
    return {app["id"]: app for one in _groups(group) for app in one.get("apps") or []}


def group_dependencies(group: JsonObject | None) -> dict[str, tuple[str, ...]]:
    """The dependencies of every group at and below `group` that has any, sorted, by the group's absolute id."""
    return {one["id"]: tuple(sorted(one["dependencies"])) for one in _groups(group) if one.get("dependencies")}


def relative(app_id: str, group_path: str) -> str:
    """`app_id` as people write it within the environment."""
    prefix = group_path.rstrip("/") + "/"
    return app_id.removeprefix(prefix)


def is_below(path: str, group_path: str) -> bool:
    return path.startswith(group_path.rstrip("/") + "/")


def depends_on(
    apps: Mapping[str, JsonObject], groups: Mapping[str, tuple[str, ...]] | None = None
) -> dict[str, frozenset[str]]:
    """The apps among `apps` that each of them directly depends on.

    A dependency may name an app or a group, and a group's dependencies (`groups`) bind all apps below it. What names
    nothing in `apps` is left out, as Marathon ignores what is absent.
    """
    result = {}
    for app_id, app in apps.items():
        named = set(app.get("dependencies") or [])
        for group, dependencies in (groups or {}).items():
            if is_below(app_id, group):
                named.update(dependencies)
        found = {other for other in apps if any(other == name or is_below(other, name) for name in named)}
        result[app_id] = frozenset(found - {app_id})
    return result


def needed_by(app_id: str, graph: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """All apps that `app_id` depends on, directly or through others."""
    found: set[str] = set()
    todo = [app_id]
    while todo:
        new = graph.get(todo.pop(), frozenset()) - found
        found |= new
        todo.extend(new)
    return frozenset(found - {app_id})


def teardown_layers(app_ids: Collection[str], graph: Mapping[str, frozenset[str]]) -> list[tuple[str, ...]]:
    """`app_ids` in the order to stop them: each layer has no dependant left among the later ones.

    A cycle, which Marathon refuses but a hand-made tree could hold, comes last as one layer.
    """
    left = set(app_ids)
    layers = []
    while left:
        wanted = {needed for app_id in left for needed in graph.get(app_id, frozenset())}
        layer = tuple(sorted(left - wanted)) or tuple(sorted(left))
        layers.append(layer)
        left -= set(layer)
    return layers


def _groups(group: JsonObject | None) -> Iterator[JsonObject]:
    if group is None:
        return
    yield group
    for below in group.get("groups") or []:
        yield from _groups(below)


def version_of(app: JsonObject) -> str:
    """Of the definition that its tasks should have: scaling makes a new version of the app, but not of that."""
    info = app.get("versionInfo") or {}
    return str(info.get("lastConfigChangeAt") or app.get("version") or "")
