"""The body for the group PUT: absolute ids, every group with its complete lists, identity labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ciprov.environments.blueprint.assembly import Assembly
from ciprov.environments.blueprint.fields import GROUP_ANSWERED, GROUP_FIELDS
from ciprov.environments.blueprint.findings import Finding
from ciprov.environments.blueprint.nodes import Node, plain
from ciprov.environments.blueprint.tree import AppEntry, inside, relative, resolve
from ciprov.foundation.json import JsonObject

RESERVED_LABELS = "CIPROV_"


@dataclass(frozen=True, slots=True)
class Body:
    """The whole group, and its apps by absolute id."""

    group: JsonObject = field(repr=False)
    apps: Mapping[str, JsonObject] = field(repr=False)
    findings: tuple[Finding, ...] = ()


_UPGRADE = {"minimumHealthCapacity": 1, "maximumOverCapacity": 1}
"""Marathon's defaults: where only one of the two is given, it refuses the definition."""


def group_body(assembly: Assembly, group_path: str, labels: Mapping[str, str], role: str = "") -> Body:
    """`assembly` moved to `group_path`, each app with `labels`, and with `role` where that is given and it has none."""
    base = assembly.tree.base
    groups: dict[str, JsonObject] = {}
    for entry in assembly.tree.groups:
        own = {name: plain(member) for name, member in entry.node.members() if _is_passed_on(name)}
        group = _group(groups, _moved(entry.path, base, group_path), group_path)
        group.update(own)
        dependencies = _dependencies(entry.node, entry.path, base, group_path)
        group.update({"dependencies": dependencies} if dependencies else {})
    apps: dict[str, JsonObject] = {}
    findings: list[Finding] = []
    for app in assembly.apps:
        path = _moved(app.path, base, group_path)
        apps[path] = {**({"role": role} if role else {}), **_app(app, path, base, group_path, labels)}
        _group(groups, path.rpartition("/")[0], group_path)["apps"].append(apps[path])
        findings += _reserved_labels(app, assembly)
    return Body(groups[group_path], apps, tuple(findings))


def _is_passed_on(name: str) -> bool:
    return name == "enforceRole" or (name not in GROUP_FIELDS and name not in GROUP_ANSWERED)


def _group(groups: dict[str, JsonObject], path: str, top: str) -> JsonObject:
    """The group at `path`, made with all groups above it up to `top` where it does not exist yet."""
    if path not in groups:
        groups[path] = {"id": path, "apps": [], "groups": []}
        if path != top:
            _group(groups, path.rpartition("/")[0], top)["groups"].append(groups[path])
    return groups[path]


def _moved(path: str, base: str, group_path: str) -> str:
    """`path` of the blueprint within the environment; what lies outside the blueprint stays."""
    if path == base:
        return group_path
    return resolve(relative(path, base), group_path) if inside(path, base) else path


def _dependencies(owner: Node, group: str, base: str, group_path: str) -> list[str]:
    listed = owner.get("dependencies")
    items = listed.items() if listed else []
    return [_moved(resolve(item.value, group), base, group_path) for item in items if isinstance(item.value, str)]


def _app(app: AppEntry, path: str, base: str, group_path: str, labels: Mapping[str, str]) -> JsonObject:
    definition: JsonObject = {"instances": 1, **plain(app.node), "id": path}
    dependencies = _dependencies(app.node, app.group, base, group_path)
    definition.pop("dependencies", None)
    if dependencies:
        definition["dependencies"] = dependencies
    if isinstance(upgrade := definition.get("upgradeStrategy"), dict):
        definition["upgradeStrategy"] = {**_UPGRADE, **upgrade}
    own = definition.get("labels")
    definition["labels"] = {**(own if isinstance(own, dict) else {}), **labels}
    return definition


def _reserved_labels(app: AppEntry, assembly: Assembly) -> list[Finding]:
    labels = app.node.get("labels")
    return [
        Finding(
            assembly.file,
            label.key_at.line,
            label.key_at.column,
            f"{app.key}.labels.{name}",
            f"labels that start with {RESERVED_LABELS} are set by ciprov",
            way_out="remove it",
        )
        for name, label in (labels.members() if labels else ())
        if name.startswith(RESERVED_LABELS)
    ]
