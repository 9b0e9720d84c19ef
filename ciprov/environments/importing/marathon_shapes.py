"""The shapes in which Marathon definitions come: apps, groups, lists, answers of the API. All become one group."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from ciprov.environments.blueprint.fields import GROUP_ANSWERED
from ciprov.environments.blueprint.nodes import EMPTY, Node, joined
from ciprov.environments.blueprint.tree import inside, relative, resolve
from ciprov.environments.importing.sources import Fields, Report, file_of


@dataclass
class Members:
    """What is found at the top of the files: apps and groups with their dotted keys, the rest of a root group."""

    apps: list[tuple[str, Node]] = field(default_factory=list)
    groups: list[tuple[str, Node]] = field(default_factory=list)
    dependencies: list[Node] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether there is any app, at the top or within a group."""
        below = (is_app for _, group in self.groups for _, _, is_app in walk(group, "/"))
        return bool(self.apps) or any(below)


def members_of(root: Node, report: Report) -> Members:
    """The apps and groups of one file. What is no app or group is told."""
    found = Members()
    if isinstance(root.value, list):
        for index, item in enumerate(root.items()):
            _one(item, f"[{index}]", found, report)
    else:
        _one(root, "", found, report)
    return found


def _one(node: Node, key: str, found: Members, report: Report) -> None:
    names = set(node.value) if isinstance(node.value, dict) else set()
    if not isinstance(node.value, dict):
        report.lost(node, key, f"{node.shown} is no app", "an app is a mapping with an id")
    elif {"app", "*"} & names and "id" not in names:
        _answer(node, key, found, report)
    elif "containers" in names and "container" not in names:
        report.refused(node, joined(key, "containers"), "this is a pod; pods are not supported yet", "write it as apps")
    elif names & {"apps", "groups", "pods"} and not names & {"cmd", "container", "args"}:
        own = node.get("id")
        if own is None or (isinstance(own.value, str) and own.value.strip("/") == ""):
            _root_group(node, key, found, report)
        else:
            found.groups.append((key, node))
    else:
        found.apps.append((key, node))


def _answer(node: Node, key: str, found: Members, report: Report) -> None:
    """`{"app": {…}}` and `{"*": […]}`, as Marathon answers one app and the apps below a path."""
    fields = Fields(node)
    app, below = fields.take("app"), fields.take("*")
    if app is not None:
        _one(app, joined(key, "app"), found, report)
    for index, item in enumerate(below.items() if below else []):
        _one(item, f"{joined(key, '*')}[{index}]", found, report)
    for name, member in fields.rest():
        report.lost_field(member, joined(key, name), "beside an app of an answer this is not known")


def _root_group(node: Node, key: str, found: Members, report: Report) -> None:
    fields = Fields(node)
    fields.take("id")
    for name, kept in (("apps", found.apps), ("groups", found.groups)):
        listed = fields.take(name)
        if listed is not None and not isinstance(listed.value, list):
            report.lost(listed, joined(key, name), f"{listed.shown} does not fit here", "a list is expected")
        for index, item in enumerate(listed.items() if listed else []):
            if isinstance(item.value, dict):
                kept.append((f"{joined(key, name)}[{index}]", item))
            else:
                report.lost(item, f"{joined(key, name)}[{index}]", f"{item.shown} is no mapping with an id")
    pods_left_out(fields, key, report)
    dependencies = fields.take("dependencies")
    found.dependencies += dependencies.items() if dependencies else []
    for name, member in fields.rest():
        where = joined(key, name)
        if name in GROUP_ANSWERED:
            report.translated(member, where, "Marathon answers this field, a definition has none; it is left out")
        else:
            report.lost_field(member, where, "a blueprint's group of several definitions has no such field")


def pods_left_out(fields: Fields, key: str, report: Report) -> None:
    """Tell every pod of a group, since none can be carried over."""
    pods = fields.take("pods")
    for index, pod in enumerate(pods.items() if pods else []):
        report.lost(pod, f"{joined(key, 'pods')}[{index}]", "pods are not supported yet", "write it as apps")


def id_of(node: Node) -> str:
    own = node.get("id")
    return own.value if own is not None and isinstance(own.value, str) else ""


def common_group(members: Members) -> str:
    """The deepest group that holds all `members`, by their absolute ids; `/` where they share none."""
    tops = [resolve(id_of(node), "/") for _, node in members.groups]
    tops += [resolve(id_of(node), "/").rpartition("/")[0] or "/" for _, node in members.apps]
    if not tops:
        return "/"
    shared = tops[0]
    while shared != "/" and any(top != shared and not inside(top, shared) for top in tops):
        shared = shared.rpartition("/")[0] or "/"
    return shared


def one_group(members: Members, report: Report) -> Node:
    """All `members` under one group whose id is what they have in common."""
    base = common_group(members)
    apps: list[Node] = []
    groups: list[Node] = []
    at = next((node for _, node in [*members.apps, *members.groups]), EMPTY)
    content: dict[str, Node] = {}
    for _, group in members.groups:
        if resolve(id_of(group), "/") == base and base != "/":
            _opened(group, content, apps, groups, report)
        else:
            groups.append(_renamed(group, base))
    apps += [_renamed(app, base) for _, app in members.apps]
    made: dict[str, Node] = {"id": Node(base, at.at, at.at)} if base != "/" else {}
    made |= content
    if members.dependencies and "dependencies" not in made:
        made["dependencies"] = Node(members.dependencies, members.dependencies[0].at, members.dependencies[0].at)
    if apps:
        made["apps"] = Node(apps, apps[0].at, apps[0].at)
    if groups:
        made["groups"] = Node(groups, groups[0].at, groups[0].at)
    return Node(made, at.at, at.at)


def _opened(group: Node, content: dict[str, Node], apps: list[Node], groups: list[Node], report: Report) -> None:
    for name, member in group.members():
        if name == "apps" and isinstance(member.value, list):
            apps += member.value
        elif name == "groups" and isinstance(member.value, list):
            groups += member.value
        elif name in content and name != "id":
            report.lost_field(member, name, f"another file ({file_of(content[name])}) says this of the same group")
        elif name != "id":
            content[name] = member


def _renamed(node: Node, base: str) -> Node:
    own = node.get("id")
    if own is None or not isinstance(own.value, str) or base == resolve(own.value, "/"):
        return node
    path = resolve(own.value, "/")
    return node.with_members({"id": own.with_value(relative(path, base))}) if inside(path, base) else node


def walk(group: Node, path: str) -> Iterator[tuple[str, Node, bool]]:
    """All groups and apps below `group` at `path`: (path of the group around, node, whether it is an app)."""
    apps, groups = group.get("apps"), group.get("groups")
    for app in apps.items() if apps else []:
        yield path, app, True
    for inner in groups.items() if groups else []:
        yield path, inner, False
        yield from walk(inner, resolve(id_of(inner), path))
