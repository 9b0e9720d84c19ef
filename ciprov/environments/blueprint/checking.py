"""Checks values against the field tables, and brings scalars into the type that Marathon wants."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from ciprov.environments.blueprint.fields import (
    APP,
    Anything,
    Flag,
    ListOf,
    MapOf,
    Number,
    OneOf,
    Record,
    Spec,
    Text,
    homes,
)
from ciprov.environments.blueprint.findings import Finding, Severity
from ciprov.environments.blueprint.nodes import Node, joined, plain
from ciprov.environments.blueprint.suggestions import nearest

_HOMES = homes()


@dataclass
class Checker:
    """Collects findings over one or more values of `file`.

    `is_open` tells whether a text still holds placeholders, so that its value cannot be judged yet. `root` is the
    key of the app that is checked. `partial` is for merge patches: null, which removes, is kept. Unless `complete`,
    required members may be missing.
    """

    file: str
    is_open: Callable[[str], bool]
    root: str = ""
    partial: bool = False
    complete: bool = True
    findings: list[Finding] = field(default_factory=list)

    def check(self, node: Node, spec: Spec, key: str) -> Node:
        """`node` as `spec` wants it; where it does not fit, a finding is added and it comes back as it was."""
        if isinstance(spec, Anything) or node.value is None:
            return node
        if isinstance(node.value, str) and not node.secret and self.is_open(node.value):
            return node
        checked = node
        match spec:
            case Text():
                checked = self._text(node, spec, key)
            case Number():
                checked = self._number(node, spec, key)
            case Flag():
                if not isinstance(node.value, bool):
                    self._wrong(node, key, "true or false")
            case ListOf():
                checked = self._list(node, spec, key)
            case MapOf():
                checked = self._map(node, spec, key)
            case Record():
                checked = self._record(node, spec, key)
            case OneOf():
                checked = self._one_of(node, spec, key)
        return checked

    def _text(self, node: Node, spec: Text, key: str) -> Node:
        if spec.from_scalar and isinstance(node.value, bool | int | float):
            node = node.with_value(node.written or str(plain(node)).lower())
        allowed = ", ".join(spec.enum) if spec.enum else spec.described
        if not isinstance(node.value, str):
            way_out = "put it in quotes" if isinstance(node.value, bool | int | float) else ""
            self._wrong(node, key, allowed, way_out)
        elif spec.enum and node.value not in spec.enum:
            meant = nearest(node.value, spec.enum)
            self._wrong(node, key, allowed, f"did you mean {meant}?" if meant and not node.secret else "")
        elif spec.pattern and not re.fullmatch(spec.pattern, node.value):
            self._wrong(node, key, allowed)
        return node

    def _number(self, node: Node, spec: Number, key: str) -> Node:
        allowed = _range(spec)
        value = node.value
        if isinstance(value, str) and re.fullmatch(r"\s*[-+]?\d+(\.\d+)?\s*", value):
            self._wrong(node, key, allowed, "write the number without quotes" if not node.filled else "")
        elif isinstance(value, bool) or not isinstance(value, int | float) or (spec.integer and value != int(value)):
            self._wrong(node, key, allowed)
        elif not _within(value, spec):
            self._add(node, key, f"{node.shown} is out of range", allowed)
        elif spec.integer:
            return node.with_value(int(value))
        return node

    def _list(self, node: Node, spec: ListOf, key: str) -> Node:
        if not isinstance(node.value, list):
            self._wrong(node, key, "a list")
            return node
        if len(node.value) < spec.shortest:
            self._add(node, key, f"this list has {len(node.value)} items", f"at least {spec.shortest}")
        items: list[Node] = []
        for index, item in enumerate(node.value):
            if item.value is None:
                self._wrong(item, f"{key}[{index}]", "an item, not null")
            items.append(self.check(item, spec.item, f"{key}[{index}]"))
        return node.with_value(items)

    def _map(self, node: Node, spec: MapOf, key: str) -> Node:
        if not isinstance(node.value, dict):
            self._wrong(node, key, "a mapping")
            return node
        members: dict[str, Node] = {}
        for name, member in node.members():
            if member.value is None and not self.partial:
                self._wrong(member, joined(key, name), 'a value; for an empty text write ""')
            members[name] = self.check(member, spec.value, joined(key, name))
        return node.with_value(members)

    def _record(self, node: Node, spec: Record, key: str) -> Node:
        if not isinstance(node.value, dict):
            self._wrong(node, key, "a mapping")
            return node
        kept: dict[str, Node] = {}
        for name, member in node.members():
            where = joined(key, name)
            known = spec.members.get(name)
            if known is not None:
                if member.value is not None or self.partial:
                    kept[name] = self.check(member, known, where)
            elif name in spec.answered:
                self._key(member, where, "Marathon answers this field, a definition has none; it is left out")
            else:
                self.unknown(name, member, spec, key)
                kept[name] = member
        for name in spec.required if self.complete else ():
            if name not in kept:
                self._add(node, joined(key, name), "this field is missing", "")
        return node.with_value(kept)

    def unknown(self, name: str, member: Node, spec: Record, key: str) -> None:
        """A near miss or a misplaced field is an error with the suggestion; anything else a warning."""
        where = joined(key, name)
        meant = nearest(name, spec.members)
        home = _HOMES.get(name) if spec is not APP or "." in _HOMES.get(name, "") else None
        if home and self._level(key) != home.rpartition(".")[0]:
            level = home.rpartition(".")[0]
            belongs = f"it belongs under {level}" if level else "it belongs to the app itself"
            self._key(member, where, "this field is misplaced", belongs, Severity.ERROR)
        elif meant:
            self._key(member, where, "unknown field", f"did you mean {meant}?", Severity.ERROR)
        else:
            self._key(member, where, "unknown field, passed on to Marathon as it is")

    def _level(self, key: str) -> str:
        """The dotted path within the app: `group.apps[0].container.docker` → `container.docker`."""
        return re.sub(r"\[\d+\]", "", key.removeprefix(self.root)).strip(".")

    def _one_of(self, node: Node, spec: OneOf, key: str) -> Node:
        wants_mapping = isinstance(node.value, dict)
        for choice in spec.choices:
            if isinstance(choice, Record) == wants_mapping and _may_be(node, choice):
                return self.check(node, choice, key)
        self._wrong(node, key, " or ".join(_described(choice) for choice in spec.choices))
        return node

    def _wrong(self, node: Node, key: str, allowed: str, way_out: str = "") -> None:
        self._add(node, key, f"{node.shown} does not fit here", allowed, way_out)

    def _add(self, node: Node, key: str, message: str, allowed: str, way_out: str = "") -> None:
        self.findings.append(Finding(self.file, node.at.line, node.at.column, key, message, allowed, way_out))

    def _key(
        self, member: Node, key: str, message: str, way_out: str = "", severity: Severity = Severity.WARNING
    ) -> None:
        at = member.key_at
        self.findings.append(Finding(self.file, at.line, at.column, key, message, "", way_out, severity))


def _within(value: float, spec: Number) -> bool:
    return (spec.minimum is None or value >= spec.minimum) and (spec.maximum is None or value <= spec.maximum)


def _range(spec: Number) -> str:
    what = "a whole number" if spec.integer else "a number"
    if spec.minimum is not None and spec.maximum is not None:
        return f"{what} from {spec.minimum:g} to {spec.maximum:g}"
    return f"{what}, at least {spec.minimum:g}" if spec.minimum is not None else what


def _may_be(node: Node, spec: Spec) -> bool:
    if isinstance(spec, Number):
        return isinstance(node.value, int | float) and not isinstance(node.value, bool)
    if isinstance(spec, Text):
        return isinstance(node.value, str) or (spec.from_scalar and isinstance(node.value, bool | int | float))
    return isinstance(node.value, dict)


def _described(spec: Spec) -> str:
    match spec:
        case Text():
            return ", ".join(spec.enum) if spec.enum else spec.described
        case Number():
            return _range(spec)
        case Record():
            return f"a mapping with {', '.join(spec.members)}"
        case _:
            return "a value"
