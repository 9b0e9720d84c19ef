"""The group of a blueprint as a tree of paths: ids and dependencies resolved as Marathon does it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ciprov.environments.blueprint.findings import Finding, Severity
from ciprov.environments.blueprint.nodes import Node
from ciprov.environments.blueprint.suggestions import did_you_mean, listed

_LABEL = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_ELEMENT = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_RESERVED = frozenset({"restart", "tasks", "versions"})
_ELEMENT_RULE = "path elements of lower-case letters, digits, dots and inner dashes"


@dataclass(frozen=True, slots=True)
class AppEntry:
    """One app: `path` is its absolute path in the blueprint, `id` the one relative to the top group."""

    path: str
    id: str
    group: str
    key: str
    node: Node


@dataclass(frozen=True, slots=True)
class GroupEntry:
    """One group, the top one included; `path` is absolute in the blueprint."""

    path: str
    key: str
    node: Node


@dataclass(frozen=True, slots=True)
class Tree:
    """All groups and apps with usable ids. `base` is the top group's own path, `/` where it has no id.

    `findings` tells about ids that are missing, illegal, doubled or outside their group.
    """

    base: str
    groups: tuple[GroupEntry, ...]
    apps: tuple[AppEntry, ...]
    findings: tuple[Finding, ...] = ()

    def by_id(self) -> dict[str, AppEntry]:
        return {app.id: app for app in self.apps}

    def paths(self) -> set[str]:
        """The paths of all apps, and of all groups, also of those that exist only as part of a longer id."""
        found = {group.path for group in self.groups}
        for app in self.apps:
            found.add(app.path)
            found.update(_ancestors(app.path, self.base))
        return found


def resolve(path: str, base: str) -> str:
    """`path` as an absolute one: relative to `base` unless it starts with /; `.` and `..` are followed."""
    parts = [] if path.startswith("/") else [part for part in base.split("/") if part]
    for part in path.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part and part != ".":
            parts.append(part)
    return "/" + "/".join(parts)


def inside(path: str, group: str) -> bool:
    """Whether `path` lies below `group`."""
    return path != group and (group == "/" or path.startswith(f"{group}/"))


def relative(path: str, group: str) -> str:
    """`path` below `group` as a relative id."""
    return path.removeprefix(group.rstrip("/")).lstrip("/")


def read_tree(group: Node, file: str) -> Tree:
    """The tree of the blueprint's `group`."""
    own = group.get("id")
    base = resolve(own.value, "/") if own and isinstance(own.value, str) else "/"
    walk = _Walk(file, base)
    if own is not None and isinstance(own.value, str):
        walk.legal(own, own.value, "group.id", last=False)
    walk.group(group, base, "group")
    walk.doubles()
    return Tree(base, tuple(walk.groups), tuple(walk.apps), tuple(walk.findings))


@dataclass
class _Walk:
    file: str
    base: str
    groups: list[GroupEntry] = field(default_factory=list)
    apps: list[AppEntry] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def group(self, node: Node, path: str, key: str) -> None:
        self.groups.append(GroupEntry(path, key, node))
        for index, app, app_key in self._members(node, "apps", key):
            app_path = self._path(app, path, app_key)
            if app_path:
                entry = AppEntry(app_path, relative(app_path, self.base), path, f"{key}.apps[{index}]", app)
                self.apps.append(entry)
        for _, inner, inner_key in self._members(node, "groups", key):
            inner_path = self._path(inner, path, inner_key)
            if inner_path:
                self.group(inner, inner_path, inner_key)
        pods = node.get("pods")
        if pods is not None and pods.value != []:
            self.add(pods.key_at, f"{key}.pods", "pods are not supported yet", way_out="write them as apps")

    def _members(self, node: Node, name: str, key: str) -> Iterator[tuple[int, Node, str]]:
        members = node.get(name)
        if members is None:
            return
        if not isinstance(members.value, list):
            self.add(members.at, f"{key}.{name}", f"{members.shown} does not fit here", "a list")
        for index, member in enumerate(members.items()):
            where = f"{key}.{name}[{index}]"
            if isinstance(member.value, dict):
                yield index, member, where
            else:
                self.add(member.at, where, f"{member.shown} does not fit here", "a mapping with an id")

    def _path(self, node: Node, group: str, key: str) -> str:
        """The absolute path of an app or group, "" where it has no usable id."""
        own = node.get("id")
        if own is None or own.value == "":
            self.add(node.at, f"{key}.id", "this field is missing", "an id relative to the group")
            return ""
        if not isinstance(own.value, str):
            self.add(own.at, f"{key}.id", f"{own.shown} does not fit here", "text", "put it in quotes")
            return ""
        if "${" in own.value:
            way_out = "write the id out: the environment's group keeps copies apart"
            self.add(own.at, f"{key}.id", "placeholders cannot stand in ids", way_out=way_out)
            return ""
        if not self.legal(own, own.value, f"{key}.id", last=".apps[" in key[key.rfind(".") :]):
            return ""
        path = resolve(own.value, group)
        if ".." in own.value.split("/") or not inside(path, group):
            way_out = f"write it relative to the group, such as {path.rpartition('/')[2] or 'name'}"
            self.add(own.at, f"{key}.id", f"{own.value!r} lies outside its group {group}", way_out=way_out)
            return ""
        return path

    def legal(self, node: Node, text: str, key: str, *, last: bool) -> bool:
        elements = [part for part in text.split("/") if part not in {"", ".", ".."}]
        for element in elements:
            if not _ELEMENT.fullmatch(element):
                fixed = re.sub(r"[^a-z0-9.]+", "-", element.lower()).strip("-.")
                way_out = f"for example {fixed}" if fixed and _ELEMENT.fullmatch(fixed) else ""
                self.add(node.at, key, f"{text!r} is no legal id: {element!r}", _ELEMENT_RULE, way_out)
                return False
        if last and elements and elements[-1] in _RESERVED:
            self.add(node.at, key, f"{text!r} is no legal id: Marathon reserves {elements[-1]!r} at the end")
            return False
        return True

    def doubles(self) -> None:
        """Two apps of one path, two groups of one path, an app where a group with members is."""
        seen: dict[str, Node] = {}
        parents = {parent for app in self.apps for parent in _ancestors(app.path, self.base)}
        for app in self.apps:
            at = _id_place(app.node)
            if app.path in seen:
                first = _id_place(seen[app.path]).at.line
                self.add(at.at, f"{app.key}.id", f"there are two apps {app.id}: the first is in line {first}")
            elif app.path in parents:
                self.add(at.at, f"{app.key}.id", f"{app.id} is an app and also a group with apps")
            seen.setdefault(app.path, app.node)
        groups: set[str] = set()
        for group in self.groups:
            if group.path in groups:
                self.add(_id_place(group.node).at, f"{group.key}.id", f"there are two groups {group.path}")
            groups.add(group.path)

    def add(self, at: object, key: str, message: str, allowed: str = "", way_out: str = "") -> None:
        line, column = getattr(at, "line", 0), getattr(at, "column", 0)
        self.findings.append(Finding(self.file, line, column, key, message, allowed, way_out))


def _id_place(node: Node) -> Node:
    return node.get("id") or node


def _ancestors(path: str, base: str) -> Iterator[str]:
    parent = path.rpartition("/")[0]
    while parent and parent != "/" and inside(parent, base):
        yield parent
        parent = parent.rpartition("/")[0]


def has_members(group: Node) -> bool:
    """Whether anything is written as an app or pod of `group` or of a group below, be it good or bad."""
    apps, groups, pods = group.get("apps"), group.get("groups"), group.get("pods")
    if (apps is not None and apps.value != []) or (pods is not None and pods.value != []):
        return True
    if groups is not None and not isinstance(groups.value, list):
        return True
    return any(has_members(inner) for inner in groups.items()) if groups is not None else False


def map_apps(tree: Tree, change: Callable[[AppEntry], Node | None]) -> Node:
    """The top group with `change` applied to every app that has a usable id; None leaves the app out."""
    by_key = {app.key: app for app in tree.apps}

    def rebuilt(group: Node, key: str) -> Node:
        changes: dict[str, Node] = {}
        apps, groups = group.get("apps"), group.get("groups")
        if apps is not None and isinstance(apps.value, list):
            nodes = [
                change(by_key[where]) if (where := f"{key}.apps[{index}]") in by_key else app
                for index, app in enumerate(apps.value)
            ]
            changes["apps"] = apps.with_value([node for node in nodes if node is not None])
        if groups is not None and isinstance(groups.value, list):
            inner = [rebuilt(member, f"{key}.groups[{index}]") for index, member in enumerate(groups.value)]
            changes["groups"] = groups.with_value(inner)
        return group.with_members(changes) if changes else group

    return rebuilt(tree.groups[0].node, "group")


def dependency_findings(tree: Tree, file: str) -> list[Finding]:
    """Dependencies that lead nowhere, or outside, and circles of dependencies."""
    findings: list[Finding] = []
    known = tree.paths()
    for key, node, base in _dependencies(tree):
        if not isinstance(node.value, str) or "${" in node.value:
            continue
        target = resolve(node.value, base)
        if target in known:
            continue
        place = (file, node.at.line, node.at.column, key)
        if tree.base not in {"/", target} and not inside(target, tree.base):
            message = f"{target} lies outside the blueprint: all environments share it, and nothing waits for it"
            findings.append(Finding(*place, message, severity=Severity.WARNING))
            continue
        names = {
            relative(path, base) if inside(path, base) else _way_up(path, base) for path in known - {tree.base, base}
        }
        sibling = next((name for name in names if name.rpartition("/")[2] == node.value.rpartition("/")[2]), None)
        way_out = f"did you mean {sibling}?" if sibling else did_you_mean(node.value, names)
        message = f"there is no app or group {target}, so Marathon would ignore this dependency"
        findings.append(Finding(*place, message, listed(names), way_out))
    return [*findings, *_circle(tree, file)]


def _way_up(path: str, base: str) -> str:
    """How `base` names a `path` that does not lie below it."""
    up, parent = "", base
    while parent != "/" and not inside(path, parent):
        up, parent = f"{up}../", parent.rpartition("/")[0] or "/"
    return up + relative(path, parent)


def _dependencies(tree: Tree) -> Iterator[tuple[str, Node, str]]:
    """Every dependency as (key, node, the group it is relative to)."""
    owners = [(entry.key, entry.node, entry.path) for entry in tree.groups]
    owners += [(entry.key, entry.node, entry.group) for entry in tree.apps]
    for key, owner, base in owners:
        listed_ones = owner.get("dependencies")
        for index, node in enumerate(listed_ones.items() if listed_ones else []):
            yield f"{key}.dependencies[{index}]", node, base


def app_dependencies(tree: Tree) -> dict[str, set[str]]:
    """By app path, the paths of the apps it depends on: its own dependencies and those of all groups around it."""
    targets: dict[str, set[str]] = {}
    for app in tree.apps:
        for path in (app.path, *_ancestors(app.path, tree.base), tree.base):
            targets.setdefault(path, set()).add(app.path)

    def below(owner: Node, base: str) -> set[str]:
        found: set[str] = set()
        own = owner.get("dependencies")
        for node in own.items() if own else []:
            if isinstance(node.value, str):
                found |= targets.get(resolve(node.value, base), set())
        return found

    around = {group.path: found for group in tree.groups if (found := below(group.node, group.path))}
    result: dict[str, set[str]] = {}
    for app in tree.apps:
        found = below(app.node, app.group)
        for path, more in around.items():
            if inside(app.path, path):
                found |= more
        result[app.path] = found
    return result


def _circle(tree: Tree, file: str) -> list[Finding]:
    """One circle of dependencies, where there is any."""
    graph = app_dependencies(tree)
    done: set[str] = set()
    for start in graph:
        trail: dict[str, Iterator[str]] = {}
        current: str | None = None if start in done else start
        while current is not None:
            following = trail.setdefault(current, iter(sorted(graph[current])))
            step = next((path for path in following if path not in done), None)
            if step in trail:
                return [_told(tree, file, [*list(trail)[list(trail).index(step) :], step])]
            if step is None:
                done.add(current)
                trail.pop(current)
                step = next(reversed(trail), None)
            current = step
    return []


def _told(tree: Tree, file: str, circle: list[str]) -> Finding:
    app = next(app for app in tree.apps if app.path == circle[0])
    node = app.node.get("dependencies") or app.node.get("id") or app.node
    names = " → ".join(relative(path, tree.base) for path in circle)
    key = f"{app.key}.dependencies"
    return Finding(file, node.at.line, node.at.column, key, f"these apps depend on each other in a circle: {names}")
