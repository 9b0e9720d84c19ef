"""What a POST or PUT of a group says, and the group that comes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.errors import InvalidObject, Violation
from ciprov.localcluster.definitions.fields import GROUP_UPDATE
from ciprov.localcluster.definitions.group import Group
from ciprov.localcluster.definitions.ids import ROOT, canonical, faults, parent
from ciprov.localcluster.definitions.parse import build_app, group_role
from ciprov.localcluster.definitions.schema import checked

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class GroupUpdate:
    """A group as it was sent. `apps` and `groups` are complete lists; None where they were left out."""

    id: str
    apps: Mapping[str, App] | None = None
    groups: Mapping[str, GroupUpdate] | None = None
    dependencies: tuple[str, ...] | None = None
    enforce_role: bool | None = None
    scale_by: float | None = None
    rollback_to: str | None = None

    def all_updates(self) -> Iterator[GroupUpdate]:
        """This one and those of all groups that it names."""
        yield self
        for update in (self.groups or {}).values():
            yield from update.all_updates()


def parse_group_update(raw: Any, base: str, *, enforce_role: bool = False) -> GroupUpdate:
    """Read a group sent to the group `base`; its own id, if any, is relative to that one.

    `enforce_role` is that of the top-level group it lies in. Raises `InvalidJson` or `InvalidObject`.
    """
    update = checked(GROUP_UPDATE, raw)
    for name in ("version", "scaleBy"):
        if name in update and len(update) > 1:
            raise InvalidObject([Violation(f"/{name}", "not allowed in conjunction with other properties.")])
    group_id = canonical(update["id"], base) if "id" in update else base
    found: list[Violation] = [Violation("/id", fault) for fault in faults(group_id)]
    result = _update(update, group_id, enforce_role, "", found)
    if found:
        raise InvalidObject(found)
    return replace(result, scale_by=update.get("scaleBy"), rollback_to=update.get("version"))


def _update(update: Json, group_id: str, enforce_role: bool, path: str, found: list[Violation]) -> GroupUpdate:
    top = parent(group_id) == ROOT and group_id != ROOT
    if update.get("enforceRole") and not top:
        found.append(
            Violation(f"{path}/enforceRole", f"enforceRole can only be set for top-level groups, unlike {group_id}")
        )
    if top:
        enforce_role = update.get("enforceRole", enforce_role)
    return GroupUpdate(
        id=group_id,
        apps=_apps(update, group_id, enforce_role, path, found) if "apps" in update else None,
        groups=_groups(update, group_id, enforce_role, path, found) if "groups" in update else None,
        dependencies=(
            tuple(dict.fromkeys(canonical(item, group_id) for item in update["dependencies"]))
            if "dependencies" in update
            else None
        ),
        enforce_role=update.get("enforceRole"),
    )


def _apps(update: Json, group_id: str, enforce_role: bool, path: str, found: list[Violation]) -> dict[str, App]:
    apps: dict[str, App] = {}
    for index, raw in enumerate(update["apps"]):
        here = f"{path}/apps({index})"
        app_id = canonical(raw["id"], group_id)
        if parent(app_id) != group_id:
            found.append(Violation(f"{here}/id", f"Identifier is not child of '{group_id}'. Hint: use relative paths."))
            continue
        if app_id in apps:
            found.append(Violation(f"{here}/id", f"'{app_id}' is listed twice"))
        try:
            apps[app_id] = build_app(raw, group_id, role=group_role(app_id, enforce_role))
        except InvalidObject as error:
            found.extend(item.below(here) for item in error.violations)
    return apps


def _groups(
    update: Json, group_id: str, enforce_role: bool, path: str, found: list[Violation]
) -> dict[str, GroupUpdate]:
    groups: dict[str, GroupUpdate] = {}
    for index, raw in enumerate(update["groups"]):
        here = f"{path}/groups({index})"
        child_id = canonical(raw["id"], group_id)
        if parent(child_id) != group_id or child_id == ROOT:
            found.append(Violation(f"{here}/id", f"Identifier is not child of '{group_id}'. Hint: use relative paths."))
            continue
        found.extend(Violation(f"{here}/id", fault) for fault in faults(child_id))
        if child_id in groups:
            found.append(Violation(f"{here}/id", f"'{child_id}' is listed twice"))
        for name in ("version", "scaleBy"):
            if name in raw:
                found.append(Violation(f"{here}/{name}", "not allowed in conjunction with other properties."))
        groups[child_id] = _update(raw, child_id, enforce_role, here, found)
    return groups


def applied(update: GroupUpdate, current: Group | None) -> Group:
    """The group after the update: lists that were sent replace, lists left out stay."""
    old = current or Group(id=update.id)
    groups = old.groups
    if update.groups is not None:
        groups = {key: applied(item, old.groups.get(key)) for key, item in update.groups.items()}
    apps = old.apps if update.apps is None else update.apps
    if update.apps is not None:
        # An empty group gives way to an app of its name, unless the update names that group too.
        named = update.groups or {}
        groups = {key: item for key, item in groups.items() if key not in apps or key in named or any(item.all_apps())}
    return replace(
        old,
        apps=apps,
        groups=groups,
        dependencies=old.dependencies if update.dependencies is None else update.dependencies,
        enforce_role=old.enforce_role if update.enforce_role is None else update.enforce_role,
    )
