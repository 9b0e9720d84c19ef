"""The tree after undoing one deployment. Pure.

Only what that deployment changed is undone: what other deployments did in the meantime stays. An app that it created
is removed; a group that it created is removed if nothing else is in it now.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.group import Group
from ciprov.localcluster.deployments.plan import Plan


def revert(plan: Plan, root: Group) -> Group:
    """The current `root` with this plan undone; versions are stamped by the change that it becomes."""
    for group_id, group_change in plan.groups.items():
        if group_change.original is not None:
            root = _edit(root, group_id, partial(_with_own_fields, before=group_change.original))
    for app_id, app_change in plan.apps.items():
        root = _put_app(root, app_id, app_change.original)
    created = [group_id for group_id, change in plan.groups.items() if change.original is None]
    for group_id in sorted(created, key=lambda path: path.count("/"), reverse=True):
        if group_id in _find(root, _parent(group_id)).groups:
            root = _edit(root, _parent(group_id), partial(_without_empty, child_id=group_id))
    return root


def _put_app(root: Group, app_id: str, app: App | None) -> Group:
    def put(group: Group) -> Group:
        apps = {name: other for name, other in group.apps.items() if name != app_id or app is not None}
        return replace(group, apps={**apps, app_id: app} if app is not None else apps)

    if app is None and app_id not in _find(root, _parent(app_id)).apps:
        return root
    return _edit(root, _parent(app_id), put)


def _find(root: Group, path: str) -> Group:
    group = root
    for ancestor in _ancestors(path):
        group = group.groups.get(ancestor, Group(id=ancestor))
    return group


def _edit(group: Group, path: str, change: Callable[[Group], Group]) -> Group:
    """Apply `change` to the group at `path`, made where it is missing."""
    if group.id == path:
        return change(group)
    child_id = next(name for name in _ancestors(path) if _parent(name) == group.id)
    child = group.groups.get(child_id, Group(id=child_id))
    return replace(group, groups={**group.groups, child_id: _edit(child, path, change)})


def _with_own_fields(group: Group, before: Group) -> Group:
    return replace(group, dependencies=before.dependencies, enforce_role=before.enforce_role)


def _without_empty(group: Group, child_id: str) -> Group:
    child = group.groups.get(child_id)
    if child is None or child.apps or child.groups:
        return group
    return replace(group, groups={name: other for name, other in group.groups.items() if name != child_id})


def _ancestors(path: str) -> list[str]:
    """`/a/b` -> `/a`, `/a/b`."""
    parts = [part for part in path.split("/") if part]
    return ["/" + "/".join(parts[:length]) for length in range(1, len(parts) + 1)]


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"
