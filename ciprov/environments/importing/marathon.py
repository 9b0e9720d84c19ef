"""Marathon definitions of several files as one group for a blueprint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ciprov.environments.blueprint.fields import GROUP_ANSWERED, GROUP_FIELDS
from ciprov.environments.blueprint.nodes import NOWHERE, Node, joined
from ciprov.environments.blueprint.tree import inside, relative, resolve
from ciprov.environments.importing.identifiers import legal_element, name_of_file
from ciprov.environments.importing.marathon_fields import Cleaner
from ciprov.environments.importing.marathon_shapes import (
    Members,
    id_of,
    members_of,
    one_group,
    pods_left_out,
    walk,
)
from ciprov.environments.importing.marathon_texts import Texts
from ciprov.environments.importing.parameters import Parameters
from ciprov.environments.importing.reading import Document
from ciprov.environments.importing.sources import Fields, Report, file_of


@dataclass
class MarathonImport:
    """Reads documents one after the other; `group` then holds them all."""

    parameters: Parameters
    report: Report
    members: Members = field(default_factory=Members)

    def read(self, documents: Sequence[Document]) -> None:
        masks = {document.file: document.masked for document in documents}
        texts = Texts(masks, self.parameters, self.report)
        cleaning = _Cleaning(texts, Cleaner(texts, self.report), self.report)
        for document in documents:
            found = members_of(document.root, self.report)
            if not found and not any(one.is_error and one.file == document.file for one in self.report.findings):
                self.report.refused(document.root, "", "there is no app in this file", "give a file with apps")
            self.members.apps += [(key, cleaning.app(app, key)) for key, app in found.apps]
            self.members.groups += [(key, cleaning.group(group, key)) for key, group in found.groups]
            self.members.dependencies += [cleaning.dependency(node, "dependencies") for node in found.dependencies]

    def group(self) -> Node:
        """One group with everything; dependencies are put right, doubled ids are refused."""
        group = one_group(self.members, self.report)
        base = resolve(id_of(group), "/")
        self._refuse_doubles(group, base)
        paths = {base}
        for around, node, _ in walk(group, base):
            path = resolve(id_of(node), around)
            while path != "/" and path not in paths:
                paths.add(path)
                path = path.rpartition("/")[0] or "/"
        return _Dependencies(paths, base, self.report).settled(group, base, "group")

    def _refuse_doubles(self, group: Node, base: str) -> None:
        seen: dict[str, Node] = {}
        for around, node, is_app in walk(group, base):
            path = resolve(id_of(node), around)
            own = node.get("id") or node
            first = seen.get(path) if is_app else None
            if first is not None:
                message = f"there are two apps {path}: the first is in {file_of(first)}:{first.at.line}"
                self.report.refused(own, "id", message, "import one of them, and make what differs a kind")
            elif is_app:
                seen[path] = own


@dataclass
class _Cleaning:
    texts: Texts
    cleaner: Cleaner
    report: Report

    def app(self, node: Node, key: str) -> Node:
        self.report.owner = node.at
        cleaned = self.cleaner.app(node.with_value({n: m for n, m in node.members() if n not in _PATHS}), key)
        app = cleaned.with_value({"id": self._id(node, key, is_app=True), **dict(cleaned.members())})
        app = self._with_dependencies(app, node, key)
        self.report.owner = NOWHERE
        return app

    def group(self, node: Node, key: str) -> Node:
        fields = Fields(node)
        fields.take("id")
        members: dict[str, Node] = {"id": self._id(node, key, is_app=False)}
        apps, groups = fields.take("apps"), fields.take("groups")
        fields.take("dependencies")
        pods_left_out(fields, key, self.report)
        for name, member in fields.rest():
            where = joined(key, name)
            if name in GROUP_ANSWERED:
                self.report.translated(member, where, "Marathon answers this field; a definition has none")
            elif name in GROUP_FIELDS:
                members[name] = member
            else:
                self.report.lost_field(member, where, "a group of Marathon has no such field, so it is ignored there")
        group = self._with_dependencies(node.with_value(members), node, key)
        changes: dict[str, Node] = {}
        for name, listed, clean in (("apps", apps, self.app), ("groups", groups, self.group)):
            if listed is None:
                continue
            kept = []
            for index, item in enumerate(listed.items()):
                where = f"{joined(key, name)}[{index}]"
                if not isinstance(item.value, dict):
                    self.report.lost(item, where, f"{item.shown} is no mapping with an id")
                elif name == "apps" and "containers" in item.value and "container" not in item.value:
                    self.report.lost(item, where, "this is a pod; pods are not supported yet", "write it as apps")
                else:
                    kept.append(clean(item, where))
            if not isinstance(listed.value, list):
                self.report.lost(listed, joined(key, name), f"{listed.shown} does not fit here", "write a list")
            changes[name] = listed.with_value(kept)
        return group.with_members(changes)

    def dependency(self, node: Node, key: str) -> Node:
        if not isinstance(node.value, str):
            return node
        return node.with_value(self.texts.path(node, key, is_app=True, told=False))

    def _id(self, node: Node, key: str, *, is_app: bool) -> Node:
        own = node.value["id"] if "id" in node.value else Node(None)
        if own.value is None or own.value == "":
            made = legal_element(name_of_file(file_of(node)))
            self.report.lost(node, joined(key, "id"), f"there is no id; it becomes {made}", "write the right one")
            return Node(made, node.at, node.at)
        if not isinstance(own.value, str):
            text = own.written or (str(own.value) if isinstance(own.value, int | float) else "app")
            own = own.with_value(text)
        return own.with_value(self.texts.path(own, joined(key, "id"), is_app=is_app))

    def _with_dependencies(self, made: Node, source: Node, key: str) -> Node:
        listed = source.get("dependencies")
        if listed is None or listed.value == []:
            return made
        if not isinstance(listed.value, list):
            self.report.lost(listed, joined(key, "dependencies"), f"{listed.shown} does not fit here", "write a list")
            return made
        items = []
        for index, item in enumerate(listed.value):
            where = f"{joined(key, 'dependencies')}[{index}]"
            if isinstance(item.value, str):
                items.append(self.dependency(item, where))
            else:
                self.report.lost(item, where, f"{item.shown} does not fit here", "write a path")
        return made.with_members({"dependencies": listed.with_value(items)})


_PATHS = ("id", "dependencies")


@dataclass
class _Dependencies:
    """Dependencies that lead nowhere: Marathon ignores them, a blueprint may not have them."""

    paths: set[str]
    base: str
    report: Report

    def settled(self, node: Node, around: str, key: str) -> Node:
        """`node`, a group or app whose dependencies are relative to `around`, and all below it."""
        changes: dict[str, Node] = {}
        listed = node.get("dependencies")
        if listed is not None:
            kept = [self._one(item, around, f"{key}.dependencies") for item in listed.items()]
            changes["dependencies"] = listed.with_value([item for item in kept if item is not None])
        apps, groups = node.get("apps"), node.get("groups")
        if apps is not None:
            changes["apps"] = apps.with_value([self.settled(app, around, id_of(app)) for app in apps.items()])
        if groups is not None:
            inner = [self.settled(one, resolve(id_of(one), around), id_of(one)) for one in groups.items()]
            changes["groups"] = groups.with_value(inner)
        return node.with_members(changes) if changes else node

    def _one(self, node: Node, around: str, key: str) -> Node | None:
        target = resolve(node.value, around)
        if target in self.paths and target != "/":
            return node
        if self.base not in ("/", target) and not inside(target, self.base):
            return node
        sibling = resolve(f"../{node.value}", around)
        is_bare = not node.value.startswith(("/", "."))
        if is_bare and sibling in self.paths and around != "/" and not inside(around + "/x", sibling):
            meant = self._named(sibling, around)
            message = f"as it is written, {node.value!r} means {target}, which does not exist: taken as {meant!r}"
            self.report.lost(node, key, message)
            return node.with_value(meant)
        message = f"{target} is not among the imported apps: Marathon ignores it or has it elsewhere"
        self.report.lost(node, key, message, "import that app too, or see that it runs before")
        return None

    def _named(self, path: str, around: str) -> str:
        up, parent = "", around
        while parent != "/" and not inside(path, parent):
            up, parent = f"{up}../", parent.rpartition("/")[0] or "/"
        return up + relative(path, parent)
