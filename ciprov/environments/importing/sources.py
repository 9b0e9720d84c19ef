"""Where imported values come from, and the list of what became of them: carried, translated, lost, refused."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from ciprov.environments.blueprint.findings import Finding, Severity
from ciprov.environments.blueprint.nodes import NOWHERE, Node, Place
from ciprov.environments.importing.references import shown


@dataclass(frozen=True, slots=True)
class FilePlace(Place):
    """A place together with its file, so that values of several files can be mixed."""

    file: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that a definition names and that cannot be read; `reason` says why."""

    reason: str


def located(node: Node, file: str) -> Node:
    """`node` and all below it with `file` in their places."""
    value = node.value
    if isinstance(value, dict):
        value = {key: located(member, file) for key, member in value.items()}
    elif isinstance(value, list):
        value = [located(item, file) for item in value]
    at = FilePlace(node.at.line, node.at.column, file)
    return replace(node, value=value, at=at, key_at=FilePlace(node.key_at.line, node.key_at.column, file))


def file_of(node: Node) -> str:
    """The file in which `node` stands; "" where ciprov made it."""
    return node.at.file if isinstance(node.at, FilePlace) else ""


def beside(file: str, path: str) -> str:
    """`path` as it is meant in `file`: relative to the directory of it."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), path))


def text_of(node: Node) -> str | None:
    """A scalar as text, numbers and truth values as they are written; None for null, mappings and lists."""
    if isinstance(node.value, str):
        return node.value
    if isinstance(node.value, bool):
        return str(node.value).lower()
    return (node.written or str(node.value)) if isinstance(node.value, int | float) else None


@dataclass
class Report:
    """Collects findings. `owner` is the place of the app that is being looked at, NOWHERE outside of apps."""

    findings: list[Finding] = field(default_factory=list)
    by_owner: dict[Place, list[Finding]] = field(default_factory=dict)
    owner: Place = NOWHERE

    def lost(self, node: Node, key: str, message: str, way_out: str = "") -> None:
        """Something that the blueprint does not say although the source does."""
        self._add(node.at, key, message, way_out, Severity.WARNING)

    def lost_field(self, node: Node, key: str, message: str, way_out: str = "") -> None:
        """The same of a whole field: told at its key."""
        self._add(node.key_at, key, message, way_out, Severity.WARNING)

    def translated(self, node: Node, key: str, message: str, way_out: str = "") -> None:
        """Something that the blueprint says in another way."""
        self._add(node.key_at, key, message, way_out, Severity.NOTE)

    def refused(self, node: Node, key: str, message: str, way_out: str = "") -> None:
        self._add(node.at, key, message, way_out, Severity.ERROR)

    def add(self, finding: Finding) -> None:
        self.findings.append(finding)
        self.by_owner.setdefault(self.owner, []).append(finding)

    def _add(self, at: Place, key: str, message: str, way_out: str, severity: Severity) -> None:
        file = at.file if isinstance(at, FilePlace) else ""
        self.add(Finding(file, at.line, at.column, shown(key), shown(message), "", shown(way_out), severity))


class Fields:
    """The members of one mapping. What nobody takes is left in `rest`, so that nothing can be dropped silently."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._left = {name: member for name, member in node.members() if member.value is not None}

    def take(self, name: str) -> Node | None:
        """The member `name`, which is dealt with thereby; None where it is missing or null."""
        return self._left.pop(name, None)

    def rest(self) -> Iterator[tuple[str, Node]]:
        yield from self._left.items()
