"""Compose files put together: `extends`, override files in their order, lists and mappings of one thing made alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ciprov.environments.blueprint.nodes import Node
from ciprov.environments.importing.compose_interpolation import Interpolation
from ciprov.environments.importing.reading import Form, read
from ciprov.environments.importing.references import names_in
from ciprov.environments.importing.sources import Report, Unreadable, beside, file_of, text_of

_PAIRS = ("environment", "labels", "annotations", "sysctls", "extra_hosts")
_NAMED = ("depends_on", "networks")
_WHOLE = frozenset({"command", "entrypoint", "image", "profiles"})
_SECTIONS = ("volumes", "networks", "secrets", "configs")
_HEADS = frozenset({"version", "name", "services", "include", *_SECTIONS})


@dataclass
class Files:
    """Reads and merges. `wanted` are files that are named and whose texts are not at hand."""

    texts: Mapping[str, str | Unreadable]
    interpolation: Interpolation
    report: Report
    services: dict[str, Node] = field(default_factory=dict)
    sections: dict[str, dict[str, Node]] = field(default_factory=lambda: {name: {} for name in _SECTIONS})
    wanted: list[str] = field(default_factory=list)
    name: str = ""
    first: str = ""
    aliases: dict[str, set[str]] = field(default_factory=dict)
    links: dict[str, list[tuple[str, Node]]] = field(default_factory=dict)
    _others: dict[str, Node | None] = field(default_factory=dict)

    def add(self, root: Node) -> None:
        """One file of the command line, over those before it."""
        self._others[file_of(root)] = root
        for name, member in root.members():
            if name not in _HEADS and member.value is not None:
                if name.startswith("x-"):
                    self.report.translated(
                        member, name, "an extension: carried where the file refers to it by an anchor"
                    )
                else:
                    self.report.lost_field(member, name, "this field of Compose is not known")
        if (include := root.get("include")) is not None:
            self.report.lost_field(include, "include", "included files are not read", "name them on the command line")
        name_node = root.get("name")
        if name_node is not None and isinstance(name_node.value, str):
            self.name = name_node.value
        for section in _SECTIONS:
            listed = root.get(section)
            if listed is not None and not isinstance(listed.value, dict):
                self.report.lost(listed, section, f"{listed.shown} does not fit here", "write a mapping by name")
            for name, member in listed.members() if listed else ():
                filled = self.interpolation.filled(member, f"{section}.{name}")
                self.sections[section][name] = merged(self.sections[section].get(name), filled)
        services = root.get("services")
        for name, node in services.members() if services else ():
            own = self.service(root, name, ())
            if own is None:
                self.report.lost(node, f"services.{name}", f"{node.shown} is no service")
            else:
                self.services[name] = merged(self.services.get(name), own)

    def service(self, root: Node, name: str, trail: tuple[tuple[str, str], ...]) -> Node | None:
        """Service `name` of the file `root`, with what it extends."""
        services = root.get("services")
        node = services.get(name) if services else None
        if node is None or not isinstance(node.value, dict):
            return None
        key = f"services.{name}"
        own = alike(self.interpolation.filled(node, key), key, self.report)
        extends = own.get("extends")
        if extends is None:
            return own
        own = own.with_value({field_name: member for field_name, member in own.members() if field_name != "extends"})
        here = (file_of(root), name)
        if here in trail:
            self.report.refused(extends, f"{key}.extends", "services extend each other in a circle", "break it")
            return own
        base = self._base(extends, root, key, (*trail, here))
        return merged(base, own) if base is not None else own

    def _base(self, extends: Node, root: Node, key: str, trail: tuple[tuple[str, str], ...]) -> Node | None:
        file, service = extends.get("file"), extends.get("service")
        name = extends.value if isinstance(extends.value, str) else service.value if service else None
        if not isinstance(name, str):
            self.report.lost(extends, f"{key}.extends", "it does not say which service", "add service")
            return None
        other: Node | None = root
        if file is not None and isinstance(file.value, str):
            other = self._file(file, beside(file_of(root), file.value), f"{key}.extends.file")
        if other is None:
            return None
        found = self.service(other, name, trail)
        if found is None:
            message = f"there is no service {name!r} in {file_of(other)}"
            self.report.refused(service or extends, f"{key}.extends", message, "correct the name")
        return found

    def _file(self, node: Node, path: str, key: str) -> Node | None:
        if path in self._others:
            return self._others[path]
        text = self.text(path)
        if isinstance(text, Unreadable):
            self.report.refused(node, key, f"{path} cannot be read: {text.reason}", "correct the path")
        elif text is not None:
            document = read(text, path, self.report)
            is_fit = document is not None and document.form is Form.COMPOSE
            self._others[path] = document.root if document is not None and is_fit else None
            if not is_fit:
                self.report.refused(node, key, f"{path} is no usable Compose file", "correct the path")
            return self._others[path]
        return None

    def text(self, path: str) -> str | Unreadable | None:
        """The text of a file that is named; None, and it is wanted, where it is not at hand yet."""
        if any(True for _ in names_in(path)):
            return Unreadable("its name depends on a variable")
        if path not in self.texts:
            if path not in self.wanted:
                self.wanted.append(path)
            return None
        return self.texts[path]


def alike(service: Node, key: str, report: Report) -> Node:
    """`service` with lists of `A=b` as mappings, and single values of lists as lists."""
    changes: dict[str, Node] = {}
    for name in _PAIRS:
        member = service.get(name)
        if member is not None and isinstance(member.value, list):
            changes[name] = member.with_value(_pairs(member, "=:" if name == "extra_hosts" else "="))
    for name in _NAMED:
        member = service.get(name)
        if member is not None and isinstance(member.value, list):
            named: dict[str, Node] = {}
            for index, item in enumerate(member.value):
                text = text_of(item)
                if text is None:
                    report.lost(item, f"{key}.{name}[{index}]", f"{item.shown} is no name")
                else:
                    named[text] = Node({}, item.at, item.key_at)
            changes[name] = member.with_value(named)
    for name in ("env_file", "tmpfs", "dns", "dns_search", "dns_opt", "profiles"):
        member = service.get(name)
        if member is not None and not isinstance(member.value, list):
            changes[name] = member.with_value([member])
    return service.with_members(changes) if changes else service


def _pairs(node: Node, signs: str) -> dict[str, Node]:
    pairs: dict[str, Node] = {}
    for item in node.items():
        text = text_of(item)
        if text is None:
            continue
        positions = [at for sign in signs if (at := text.find(sign)) > 0]
        if not positions:
            pairs[text] = Node(None, item.at, item.key_at)
        else:
            cut = min(positions)
            pairs[text[:cut]] = Node(text[cut + 1 :], item.at, item.key_at)
    return pairs


def merged(base: Node | None, over: Node, name: str = "") -> Node:
    """`over` laid on `base` as Compose does it: mappings by key, lists one after the other, the rest replaced."""
    if base is None or base.value is None:
        return over
    if over.value is None:
        return base
    if isinstance(base.value, dict) and isinstance(over.value, dict):
        members: dict[str, Node] = dict(base.members())
        for key, member in over.members():
            below = members.get(key)
            members[key] = member if below is None or name == "environment" else merged(below, member, key)
        return over.with_value(members)
    if isinstance(base.value, list) and isinstance(over.value, list) and name not in _WHOLE and name != "test":
        return over.with_value(_joined(base.value, over.value, name))
    return over


def _joined(base: Sequence[Node], over: Sequence[Node], name: str) -> list[Node]:
    """Both lists, what `over` says of the same target or in the same words instead of what `base` says."""
    replaced = {_target(item, name) for item in over}
    return [*[item for item in base if _target(item, name) not in replaced], *over]


def _target(item: Node, name: str) -> str:
    if isinstance(item.value, dict):
        of_it = item.get("target") or item.get("source") or item.get("path")
        more = text_of(item.get("published") or item) if name == "ports" else ""
        return f"{text_of(of_it) if of_it else ''}/{more}"
    text = text_of(item) or ""
    if name == "volumes":
        parts = text.split(":")
        return parts[1] if len(parts) > 1 else text
    return text
