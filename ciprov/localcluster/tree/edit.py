"""Small edits of the tree. They touch only the path from the root to what changes; versions are stamped elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.group import Group
from ciprov.localcluster.definitions.ids import ROOT, ancestors, parent
from ciprov.localcluster.tree.lookup import find_group


def with_group(root: Group, group: Group) -> Group:
    """`root` with this group in its place; missing parents are created, those there keep all else."""
    for parent_id in ancestors(group.id):
        above = find_group(root, parent_id) or Group(id=parent_id)
        group = replace(above, groups={**above.groups, group.id: group})
    return group


def with_app(root: Group, app: App) -> Group:
    """`root` with this app in its place. An empty group of its name gives way."""
    group_id = parent(app.id)
    group = find_group(root, group_id) or Group(id=group_id)
    groups = {key: item for key, item in group.groups.items() if key != app.id or any(item.all_apps())}
    return with_group(root, replace(group, apps={**group.apps, app.id: app}, groups=groups))


def without_app(root: Group, app_id: str) -> Group:
    """`root` without this app; the group stays, even if nothing is left in it."""
    group = find_group(root, parent(app_id))
    if group is None or app_id not in group.apps:
        return root
    return with_group(root, replace(group, apps={key: app for key, app in group.apps.items() if key != app_id}))


def without_group(root: Group, group_id: str) -> Group:
    """`root` without this group and everything below it; of the root itself only the content goes."""
    if group_id == ROOT:
        return replace(root, apps={}, groups={}, dependencies=())
    above = find_group(root, parent(group_id))
    if above is None or group_id not in above.groups:
        return root
    return with_group(root, replace(above, groups={key: g for key, g in above.groups.items() if key != group_id}))


def map_apps(group: Group, change: Callable[[App], App]) -> Group:
    """The group with every app below it changed; what stays equal stays the same object."""
    apps = {key: change(app) for key, app in group.apps.items()}
    groups = {key: map_apps(item, change) for key, item in group.groups.items()}
    if all(apps[key] is group.apps[key] for key in apps) and all(groups[key] is group.groups[key] for key in groups):
        return group
    return replace(group, apps=apps, groups=groups)
