"""YAML and JSON values that remember where they stood in the file, through merging and substitution."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from ciprov.foundation.json import JsonValue

type_names: Mapping[type, str] = {
    str: "text",
    bool: "true/false",
    int: "a whole number",
    float: "a number",
    dict: "a mapping",
    list: "a list",
    type(None): "nothing (null)",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A line and a column, both from 1; (0, 0) is nowhere in the file."""

    line: int = 0
    column: int = 0


NOWHERE = Place()


@dataclass(frozen=True, slots=True)
class Node:
    """One value: None, bool, int, float, str, a dict of nodes or a list of nodes.

    `at` is its place, `key_at` its key's (for an item of a list: its own). `written` is how the file writes a number
    or a truth value. `filled` tells that placeholders were filled in, so each environment may have its own value;
    `secret` that a secret went in, so the value must not be shown.
    """

    value: JsonValue
    at: Place = NOWHERE
    key_at: Place = NOWHERE
    written: str = ""
    filled: bool = False
    secret: bool = False

    def get(self, key: str) -> Node | None:
        """The member `key` of a mapping; None where there is none, or it is null, or this is no mapping."""
        member = self.value.get(key) if isinstance(self.value, dict) else None
        return member if member is not None and member.value is not None else None

    def members(self) -> Iterator[tuple[str, Node]]:
        """The pairs of a mapping; nothing for anything else."""
        if isinstance(self.value, dict):
            yield from self.value.items()

    def items(self) -> list[Node]:
        """The items of a list; nothing for anything else."""
        return self.value if isinstance(self.value, list) else []

    def texts(self) -> Iterator[str]:
        """All texts in it, at any depth; keys are none."""
        if isinstance(self.value, str):
            yield self.value
        for _, member in self.members():
            yield from member.texts()
        for item in self.items():
            yield from item.texts()

    def with_value(self, value: JsonValue) -> Node:
        return replace(self, value=value)

    def with_members(self, changes: Mapping[str, Node]) -> Node:
        """This mapping with members set."""
        return replace(self, value={**dict(self.members()), **changes})

    @property
    def shown(self) -> str:
        """The value as a message may show it: short, and never a secret."""
        if self.secret:
            return "(hidden: it comes from a secret)"
        if isinstance(self.value, dict | list) or self.value is None:
            return type_names[type(self.value)]
        text = repr(self.value) if isinstance(self.value, str) else str(plain(self)).lower()
        return text if len(text) <= 60 else f"{text[:57]}…"


EMPTY = Node({})


def plain(node: Node) -> JsonValue:
    """The value without places, as JSON can hold it."""
    if isinstance(node.value, dict):
        return {key: plain(member) for key, member in node.value.items()}
    if isinstance(node.value, list):
        return [plain(item) for item in node.value]
    return node.value


def node_of(value: JsonValue, at: Place) -> Node:
    """A value made by ciprov, all of it at one place."""
    if isinstance(value, dict):
        return Node({key: node_of(member, at) for key, member in value.items()}, at, at)
    if isinstance(value, list):
        return Node([node_of(item, at) for item in value], at, at)
    return Node(value, at, at)


def map_texts(node: Node, change: Callable[[Node, str], Node], key: str) -> Node:
    """`node` with every text below it (and itself) replaced by `change(text node, its dotted key)`."""
    if isinstance(node.value, str):
        return change(node, key)
    if isinstance(node.value, dict):
        return node.with_value({name: map_texts(m, change, joined(key, name)) for name, m in node.value.items()})
    if isinstance(node.value, list):
        return node.with_value([map_texts(m, change, f"{key}[{i}]") for i, m in enumerate(node.value)])
    return node


def joined(key: str, name: str) -> str:
    """The dotted key of member `name` of the mapping at `key`."""
    return f"{key}.{name}" if key else name
