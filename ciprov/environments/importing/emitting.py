"""Blueprint nodes as YAML that people read: block style, comments above apps, and the source's place of every line."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from ciprov.environments.blueprint.nodes import NOWHERE, Node, Place
from ciprov.environments.importing.references import written
from ciprov.foundation.json import JsonValue

_PLAIN = re.compile(r"(?:[A-Za-z_/]|\$\{)[A-Za-z0-9_./@+$(){}=,%~:\-]*(?: [A-Za-z0-9_./@+$(){}=,%~:\-]+)*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
_ODD = re.compile("[^\\x20-\\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|[\u2028\u2029]")
_LINE = re.compile(r"[^ \t\r\n].*[^ \t\r\n]|[^ \t\r\n]|")


@dataclass
class Page:
    """Lines, and for each the place of the source that it says."""

    declared: Collection[str]
    lines: list[str] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)

    def line(self, text: str, at: Place = NOWHERE) -> None:
        self.lines.append(text)
        self.places.append(at)

    def comment(self, text: str, depth: int = 0) -> None:
        plain = _ODD.sub(" ", " ".join(text.split()))
        self.line(f"{'  ' * depth}# {plain}".rstrip())

    def place(self, line: int) -> Place:
        """Where line `line` (from 1) comes from; the nearest known place above where it has none of its own."""
        for at in reversed(self.places[: max(0, line)]):
            if at.line:
                return at
        return NOWHERE

    def text(self) -> str:
        return "\n".join(self.lines) + "\n"

    def member(self, name: str, node: Node, depth: int, comments: Mapping[int, Sequence[str]] | None = None) -> None:
        """`name: node`, at `depth` levels of two spaces. `comments` are put above the nodes of those ids."""
        self._entry(f"{'  ' * depth}{scalar(name)}:", node, depth + 1, comments or {})

    def _entry(self, head: str, node: Node, depth: int, comments: Mapping[int, Sequence[str]]) -> None:
        value = node.value
        if isinstance(value, dict) and value:
            self.line(head, node.key_at)
            for name, member in value.items():
                self.member(name, member, depth, comments)
        elif isinstance(value, list) and value:
            self.line(head, node.key_at)
            for item in value:
                self._item(item, depth, comments)
        elif isinstance(value, str) and (block := self._block(value, depth)) is not None:
            self.line(f"{head} {block[0]}", node.at)
            for text in block[1:]:
                self.line(text, node.at)
        else:
            self.line(f"{head} {self._scalar(value)}", node.at)

    def _item(self, node: Node, depth: int, comments: Mapping[int, Sequence[str]]) -> None:
        for text in comments.get(id(node), ()):
            self.comment(text, depth)
        start = len(self.lines)
        if isinstance(node.value, dict) and node.value:
            for name, member in node.members():
                self.member(name, member, depth + 1, comments)
        elif isinstance(node.value, list) and node.value:
            for item in node.value:
                self._item(item, depth + 1, comments)
        else:
            self._entry(f"{'  ' * depth}-", node, depth + 1, comments)
            return
        first = self.lines[start]
        self.lines[start] = f"{'  ' * depth}- {first[2 * depth + 2 :]}"

    def _scalar(self, value: JsonValue) -> str:
        if isinstance(value, dict | list):
            return "{}" if isinstance(value, dict) else "[]"
        if isinstance(value, str):
            return scalar(written(value, self.declared))
        if isinstance(value, bool):
            return str(value).lower()
        return "null" if value is None else json.dumps(value)

    def _block(self, value: str, depth: int) -> list[str] | None:
        """A text of several lines as a literal block; None where that cannot hold it unchanged."""
        text = written(value, self.declared)
        body = text.removesuffix("\n").split("\n")
        is_fit = len(body) > 1 and not _ODD.search(text.replace("\n", "")) and body[0].strip() and body[-1].strip()
        if not is_fit or any(line != line.rstrip() for line in body) or body[0] != body[0].lstrip():
            return None
        style = "|" if text.endswith("\n") else "|-"
        return [style, *[f"{'  ' * depth}{line}" if line else "" for line in body]]


def scalar(text: str) -> str:
    """A text as a YAML scalar on one line, quoted where it would be taken for something else."""
    is_plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS and ": " not in text and text[-1] != ":"
    if is_plain and len(text) < 2000:
        return text
    if _ODD.search(text):
        return json.dumps(text).replace("\x7f", "\\x7f")
    return json.dumps(text, ensure_ascii=False)
