"""Which apps and groups of a new tree are really changed, and the versions that they get. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ciprov.localcluster.definitions.app import App, VersionInfo
from ciprov.localcluster.definitions.compare import only_scaled, same_definition
from ciprov.localcluster.definitions.group import Group


def same(one: App, other: App) -> bool:
    """Whether two definitions are equal apart from their versions."""
    return one is other or (one.instances == other.instances and same_definition(one, other))


def stamp(original: Group, target: Group, version: str, restart: Collection[str] = ()) -> Group:
    """The target with versions: changed apps, apps to restart and the groups above them get `version`.

    What did not change is the very object of the original, so that later comparisons are quick.
    """
    before = {app.id: app for app in original.all_apps()}
    return _stamp_group(original, target, before, version, frozenset(restart))


def _stamp_group(
    original: Group | None, target: Group, before: dict[str, App], version: str, restart: frozenset[str]
) -> Group:
    if original is target and not any(_is_below(app_id, target.id) for app_id in restart):
        return target
    apps = {app_id: _stamp_app(before.get(app_id), app, version, restart) for app_id, app in target.apps.items()}
    originals = original.groups if original else {}
    groups = {
        group_id: _stamp_group(originals.get(group_id), group, before, version, restart)
        for group_id, group in target.groups.items()
    }
    if original is not None and _unchanged(original, target, apps, groups):
        return original
    return replace(target, version=version, apps=apps, groups=groups)


def _unchanged(original: Group, target: Group, apps: dict[str, App], groups: dict[str, Group]) -> bool:
    return (
        original.dependencies == target.dependencies
        and original.enforce_role == target.enforce_role
        and original.apps.keys() == apps.keys()
        and original.groups.keys() == groups.keys()
        and all(original.apps[app_id] is app for app_id, app in apps.items())
        and all(original.groups[group_id] is group for group_id, group in groups.items())
    )


def _stamp_app(original: App | None, target: App, version: str, restart: frozenset[str]) -> App:
    if original is not None and target.id not in restart:
        if same(original, target):
            return original
        if only_scaled(original, target):
            scaled = original.version_info.model_copy(update={"last_scaling_at": version})
            return target.model_copy(update={"version": version, "version_info": scaled})
    info = VersionInfo(last_scaling_at=version, last_config_change_at=version)
    return target.model_copy(update={"version": version, "version_info": info})


def _is_below(app_id: str, group_id: str) -> bool:
    return group_id == "/" or app_id.startswith(group_id + "/")
