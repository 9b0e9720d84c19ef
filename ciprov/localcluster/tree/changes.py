"""The changes that requests make: pure functions `(root, version) -> root` for `Engine.change`.

Each leaves a tree whose automatic service ports are assigned and whose rules hold. Versions of apps and groups are
stamped by whoever compares the trees: an app that did not change is to keep its version.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.errors import Exists, InvalidObject, NotFound, Violation
from ciprov.localcluster.definitions.group import Group
from ciprov.localcluster.tree.edit import map_apps, with_app, with_group, without_app, without_group
from ciprov.localcluster.tree.group_update import GroupUpdate, applied
from ciprov.localcluster.tree.lookup import find_app, find_group
from ciprov.localcluster.tree.rules import check_tree
from ciprov.localcluster.tree.service_ports import assign_service_ports

TreeChange = Callable[[Group, str], Group]
MAX_INSTANCES = 2**31 - 1

AppEdit = Callable[[App | None], App]
"""An app from what is there now; raises `Exists` or `NotFound` where that does not suit."""


def _change(edit: Callable[[Group], Group]) -> TreeChange:
    def change(root: Group, version: str) -> Group:
        del version
        new = assign_service_ports(root, edit(root))
        check_tree(root, new)
        return new

    return change


def create_app(app: App) -> TreeChange:
    """A new app; raises `Exists`."""

    def edit(root: Group) -> Group:
        if find_app(root, app.id) is not None:
            raise Exists(f"An app with id [{app.id}] already exists.")
        return with_app(root, app)

    return _change(edit)


def edit_apps(edits: Sequence[tuple[str, AppEdit]]) -> TreeChange:
    """Several apps at once, each from what is there when its turn comes."""

    def edit(root: Group) -> Group:
        for app_id, make in edits:
            root = with_app(root, make(find_app(root, app_id)))
        return root

    return _change(edit)


def restart_app(app_id: str) -> TreeChange:
    """Nothing changes: the engine is told beside it which app to restart. Raises `NotFound`."""

    def edit(root: Group) -> Group:
        if find_app(root, app_id) is None:
            raise NotFound.app(app_id)
        return root

    return _change(edit)


def delete_app(app_id: str) -> TreeChange:
    """Raises `NotFound`."""

    def edit(root: Group) -> Group:
        if find_app(root, app_id) is None:
            raise NotFound.app(app_id)
        return without_app(root, app_id)

    return _change(edit)


def delete_group(group_id: str) -> TreeChange:
    """A group with all below it; the root is emptied. Raises `NotFound`."""

    def edit(root: Group) -> Group:
        if find_group(root, group_id) is None:
            raise NotFound.group(group_id)
        return without_group(root, group_id)

    return _change(edit)


def create_group(update: GroupUpdate) -> TreeChange:
    """A new group; raises `Exists` where a group or an app has its id."""

    def edit(root: Group) -> Group:
        if find_group(root, update.id) is not None:
            raise Exists(f"Group {update.id} is already created. Use PUT to change this group.")
        if find_app(root, update.id) is not None:
            raise Exists(f"An app with the path {update.id} already exists.")
        return with_group(root, applied(update, None))

    return _change(edit)


def put_group(update: GroupUpdate) -> TreeChange:
    """Create or change a group."""

    def edit(root: Group) -> Group:
        _check_enforce_role(root, update)
        return with_group(root, applied(update, find_group(root, update.id)))

    return _change(edit)


def _check_enforce_role(root: Group, update: GroupUpdate) -> None:
    """It cannot change together with apps, whose role it decides. Raises `InvalidObject`."""
    if all(each.apps is None for each in update.all_updates()):
        return
    for each in update.all_updates():
        group = find_group(root, each.id)
        if group is not None and each.enforce_role not in (None, group.enforce_role):
            reason = "enforceRole cannot be modified in a request that adds, removes or modifies services"
            raise InvalidObject([Violation("/enforceRole", f"{reason}; send two requests")])


def restore_group(old: Group) -> TreeChange:
    """A group as it once was, as a new version."""
    return _change(lambda root: with_group(root, old))


def scale_group(group_id: str, factor: float) -> TreeChange:
    """Multiply the instances of all apps below, rounding up. Raises `NotFound`."""

    def scaled(app: App) -> App:
        instances = math.ceil(min(app.instances * factor, MAX_INSTANCES + 1))
        if instances > MAX_INSTANCES:
            raise InvalidObject([Violation("/scaleBy", f"{app.id} would have more than {MAX_INSTANCES} instances")])
        return app if instances == app.instances else app.model_copy(update={"instances": instances})

    def edit(root: Group) -> Group:
        group = find_group(root, group_id)
        if group is None:
            raise NotFound.group(group_id)
        return with_group(root, map_apps(group, scaled))

    return _change(edit)


def set_enforce_role(group_id: str, enforce_role: bool) -> TreeChange:
    """Raises `NotFound`."""

    def edit(root: Group) -> Group:
        group = find_group(root, group_id)
        if group is None:
            raise NotFound.group(group_id)
        return with_group(root, replace(group, enforce_role=enforce_role))

    return _change(edit)
