"""Reads a blueprint's text. Whatever the text is, the answer is a blueprint and findings, never an exception."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ciprov.environments.blueprint.app_ports import ports_of
from ciprov.environments.blueprint.checking import Checker
from ciprov.environments.blueprint.fields import APP, GROUP_ANSWERED, GROUP_FIELDS, GROUP_OWN
from ciprov.environments.blueprint.findings import Finding, Severity, in_order
from ciprov.environments.blueprint.header import FIELDS, read_header
from ciprov.environments.blueprint.nodes import Node
from ciprov.environments.blueprint.parsing import parse
from ciprov.environments.blueprint.records import Blueprint
from ciprov.environments.blueprint.substitution import names
from ciprov.environments.blueprint.suggestions import did_you_mean, listed, nearest
from ciprov.environments.blueprint.tree import AppEntry, Tree, dependency_findings, has_members, read_tree


def load(text: str, file: str) -> tuple[Blueprint, list[Finding]]:
    """The blueprint in `text` (YAML 1.2 or JSON) and all findings, by place. `file` is shown in findings only.

    Never raises: with an error among the findings the blueprint holds only what could be understood. Values that still
    hold placeholders are judged when they are filled in (`desired.check`, `desired.build`).
    """
    root, findings = parse(text, file)
    if root is None:
        return Blueprint(file, findings=tuple(findings)), findings
    bare = _bare_definition(root, file)
    if bare is not None:
        return Blueprint(file, findings=(bare,)), [bare]
    blueprint, header_findings = read_header(root, file)
    tree = read_tree(blueprint.group, file)
    findings += [
        *header_findings,
        *tree.findings,
        *_no_app_findings(root, blueprint),
        *_group_findings(tree, blueprint),
    ]
    findings += [*dependency_findings(tree, file), *_kind_findings(tree, blueprint), *_route_findings(tree, blueprint)]
    ordered = in_order(findings)
    return replace(blueprint, findings=tuple(ordered)), ordered


def _bare_definition(root: Node, file: str) -> Finding | None:
    """The one thing to say where somebody hands in a Marathon definition without a header."""
    if isinstance(root.value, dict) and ("blueprint" in root.value or "group" in root.value):
        return None
    marathon = {"id", "apps", "app", "groups", "cmd", "container", "containers"}
    is_list = isinstance(root.value, list) and bool(root.value) and all(item.get("id") for item in root.items())
    is_bare = isinstance(root.value, dict) and bool(marathon & set(root.value)) and not set(FIELDS) & set(root.value)
    if not is_list and not is_bare:
        return None
    what = "a list of Marathon apps" if is_list else "a Marathon definition"
    way_out = "write `blueprint: <name>` and `group:` above it, with the apps in `apps:` of the group"
    return Finding(file, root.at.line, root.at.column, "", f"this is {what} without a blueprint's header", "", way_out)


def _no_app_findings(root: Node, blueprint: Blueprint) -> Iterator[Finding]:
    """Said only where there is a group, and nothing in it that might have been meant as an app."""
    if root.get("group") is blueprint.group and not has_members(blueprint.group):
        message = "a blueprint needs at least one app"
        yield replace(_at(blueprint.group, "group", blueprint, message, ""), way_out="add one to apps")


def _group_findings(tree: Tree, blueprint: Blueprint) -> Iterator[Finding]:
    def is_open(text: str) -> bool:
        return any(True for _ in names(text, blueprint.parameters))

    for group in tree.groups:
        checker = Checker(blueprint.file, is_open, group.key)
        own = {name: member for name, member in group.node.members() if name in GROUP_OWN.members}
        checker.check(group.node.with_value(own), GROUP_OWN, group.key)
        yield from checker.findings
        for name, member in group.node.members():
            if name not in GROUP_FIELDS:
                yield _group_field(name, member, f"{group.key}.{name}", blueprint.file)
    for app in tree.apps:
        checker = Checker(blueprint.file, is_open, app.key, complete=False)
        checker.check(app.node, APP, app.key)
        yield from checker.findings
        yield from _key_findings(app.node, app.key, blueprint.file)


def _group_field(name: str, member: Node, key: str, file: str) -> Finding:
    at = member.key_at
    if name in GROUP_ANSWERED:
        message = "Marathon answers this field, a definition has none; it is left out"
        return Finding(file, at.line, at.column, key, message, severity=Severity.WARNING)
    meant = nearest(name, GROUP_FIELDS)
    if meant or name in APP.members:
        way_out = "it belongs to an app, in apps" if name in APP.members else f"did you mean {meant}?"
        message = "this field is misplaced" if name in APP.members else "unknown field"
        return Finding(file, at.line, at.column, key, message, way_out=way_out)
    message = "unknown field, passed on to Marathon as it is"
    return Finding(file, at.line, at.column, key, message, severity=Severity.WARNING)


def _key_findings(node: Node, key: str, file: str) -> Iterator[Finding]:
    """Keys with placeholders: they are filled into values alone."""
    for name, member in node.members():
        if "${" in name:
            at = member.key_at
            yield Finding(file, at.line, at.column, f"{key}.{name}", "placeholders cannot stand in keys", "values")
        yield from _key_findings(member, f"{key}.{name}", file)
    for index, item in enumerate(node.items()):
        yield from _key_findings(item, f"{key}[{index}]", file)


def _kind_findings(tree: Tree, blueprint: Blueprint) -> Iterator[Finding]:
    ids = set(tree.by_id())
    for kind, patches in blueprint.kinds.items():
        key = f"kinds.{kind}"
        if patches.value is not None and not isinstance(patches.value, dict):
            yield _at(patches, key, blueprint, f"{patches.shown} does not fit here", "a mapping of patches by app id")
        for app_id, patch in patches.members():
            at = patch.key_at
            where = f"{key}.{app_id}"
            if app_id not in ids:
                message = f"the blueprint has no app {app_id!r}"
                place = (blueprint.file, at.line, at.column, where)
                yield Finding(*place, message, listed(ids), did_you_mean(app_id, ids))
            elif patch.value is not None and not isinstance(patch.value, dict):
                yield _at(patch, where, blueprint, f"{patch.shown} does not fit here", "a mapping of an app's fields")
            else:
                yield from _patch_findings(patch, where, blueprint)


def _patch_findings(patch: Node, key: str, blueprint: Blueprint) -> Iterator[Finding]:
    checker = Checker(
        blueprint.file,
        lambda text: any(True for _ in names(text, blueprint.parameters)),
        key,
        partial=True,
        complete=False,
    )
    checker.check(patch, APP, key)
    yield from checker.findings
    yield from _key_findings(patch, key, blueprint.file)
    own_id = patch.value.get("id") if isinstance(patch.value, dict) else None
    if own_id is not None:
        place = (blueprint.file, own_id.key_at.line, own_id.key_at.column, f"{key}.id")
        yield Finding(*place, "a kind cannot change an app's id", way_out="remove this field")


def _route_findings(tree: Tree, blueprint: Blueprint) -> Iterator[Finding]:
    apps = tree.by_id()
    for index, route in enumerate(blueprint.routes):
        key = f"routes[{index}]"
        place = (blueprint.file, route.at.line, route.at.column)
        if not route.app:
            continue
        if route.app not in apps:
            message = f"there is no app {route.app!r}"
            yield Finding(*place, f"{key}.app", message, listed(apps), did_you_mean(route.app, apps))
        elif (missing := _missing_port(apps[route.app], route.port)) is not None:
            yield Finding(*place, f"{key}.port", *missing)


def _missing_port(app: AppEntry, label: str) -> tuple[str, str, str] | None:
    """What to say where `app` has no port of that name or index."""
    ports = ports_of(app.node)
    if any(port.has_open_name or label in {port.name, str(port.index)} for port in ports):
        return None
    labels = [port.label for port in ports]
    return f"the app {app.id} has no port {label!r}", listed(labels), did_you_mean(label, labels)


def _at(node: Node, key: str, blueprint: Blueprint, message: str, allowed: str) -> Finding:
    return Finding(blueprint.file, node.at.line, node.at.column, key, message, allowed)
