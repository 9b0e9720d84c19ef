"""Marathon's fields as people write them: what stands elsewhere is moved, what Marathon would ignore is told."""

from __future__ import annotations

import re
from dataclasses import dataclass

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
from ciprov.environments.blueprint.nodes import Node, joined
from ciprov.environments.blueprint.suggestions import nearest
from ciprov.environments.importing.marathon_texts import Texts
from ciprov.environments.importing.references import names_in, whole
from ciprov.environments.importing.sources import Report
from ciprov.foundation.json import JsonValue

_HOMES = homes()
_NUMBER = re.compile(r"\s*[-+]?\d{1,15}(\.\d{1,15})?\s*")
_COMMANDS = ("cmd", "args", "command.value")


@dataclass
class Cleaner:
    """Brings one app after the other into the form that a blueprint wants."""

    texts: Texts
    report: Report

    def app(self, node: Node, key: str) -> Node:
        """`node`, an app at `key` of its file, without its id and dependencies being looked at."""
        return self._clean(self._relocated(node, key), APP, key, "")

    def _relocated(self, app: Node, key: str) -> Node:
        moves: list[tuple[str, Node, str]] = []
        app = self._without_misplaced(app, APP, key, "", moves)
        for home, member, where in moves:
            app = self._placed(app, home.split("."), member, where, home)
        return app

    def _without_misplaced(
        self, node: Node, spec: Record, key: str, path: str, moves: list[tuple[str, Node, str]]
    ) -> Node:
        kept: dict[str, Node] = {}
        for name, member in node.members():
            known = spec.members.get(name)
            home = _HOMES.get(name)
            if known is None and name not in spec.answered and home and home != joined(path, name):
                if member.value is not None:
                    moves.append((home, member, joined(key, name)))
            elif isinstance(known, Record) and isinstance(member.value, dict):
                inner = self._without_misplaced(member, known, joined(key, name), joined(path, name), moves)
                kept[name] = inner
            else:
                kept[name] = member
        return node.with_value(kept) if isinstance(node.value, dict) else node

    def _placed(self, node: Node, steps: list[str], member: Node, key: str, home: str) -> Node:
        """`node` with the misplaced `member` where it belongs, unless something stands there."""
        there = node.get(steps[0])
        if len(steps) > 1:
            inner = there if there is not None and isinstance(there.value, dict) else Node({}, member.at, member.key_at)
            return node.with_members({steps[0]: self._placed(inner, steps[1:], member, key, home)})
        if there is None or there.value in ([], {}):
            self.report.translated(member, key, f"this field is misplaced; it is taken as {home}")
            return node.with_members({steps[0]: member})
        if isinstance(there.value, dict) and isinstance(member.value, dict):
            self.report.translated(member, key, f"this field is misplaced; what is new in it is taken over into {home}")
            return node.with_members({steps[0]: there.with_value({**member.value, **there.value})})
        self.report.lost_field(member, key, f"this field is misplaced, and {home} says something already")
        return node

    def _clean(self, node: Node, spec: Spec, key: str, path: str) -> Node:
        if isinstance(node.value, str):
            return self._text(node, spec, key, path)
        if isinstance(node.value, bool | int | float):
            return node
        if isinstance(spec, OneOf):
            spec = next((one for one in spec.choices if isinstance(one, Record)), Anything())
        if isinstance(node.value, list):
            item_spec = spec.item if isinstance(spec, ListOf) else Anything()
            return node.with_value(self._items(node, item_spec, key, path))
        if isinstance(node.value, dict):
            return node.with_value(self._members(node, spec, key, path))
        return node

    def _items(self, node: Node, spec: Spec, key: str, path: str) -> list[Node]:
        kept: list[Node] = []
        for index, item in enumerate(node.items()):
            if item.value is None:
                self.report.lost(item, f"{key}[{index}]", "an item of null says nothing")
            else:
                kept.append(self._clean(item, spec, f"{key}[{index}]", f"{path}[]"))
        return kept

    def _members(self, node: Node, spec: Spec, key: str, path: str) -> dict[str, Node]:
        kept: dict[str, Node] = {}
        for name, member in node.members():
            where = joined(key, self.texts.shown(name, node))
            if self.texts.has_marks(name, node) or "${" in name:
                self.report.lost_field(member, where, "a placeholder cannot stand in a key", "write the key out")
            elif isinstance(spec, Record):
                self._member(name, member, spec, (where, path), kept)
            elif member.value is None and isinstance(spec, MapOf):
                self.report.lost_field(member, where, "null says nothing here", 'for an empty text write ""')
            elif member.value is not None:
                inner = spec.value if isinstance(spec, MapOf) else Anything()
                kept[name] = self._clean(member, inner, where, joined(path, name))
        return kept

    def _member(self, name: str, member: Node, spec: Record, where: tuple[str, str], kept: dict[str, Node]) -> None:
        key, path = where
        if name in spec.answered:
            self.report.translated(member, key, "Marathon answers this field, a definition has none; it is left out")
        elif member.value is None:
            return
        elif name in spec.members:
            kept[name] = self._clean(member, spec.members[name], key, joined(path, name))
        elif (meant := nearest(name, spec.members)) is not None:
            self.report.lost_field(member, key, "Marathon ignores this unknown field", f"if {meant} is meant, write it")
        elif name in _HOMES:
            self.report.lost_field(member, key, f"this field is misplaced here; it belongs to {_HOMES[name]}")
        else:
            kept[name] = self._clean(member, Anything(), key, joined(path, name))

    def _text(self, node: Node, spec: Spec, key: str, path: str) -> Node:
        bare = re.sub(r"\[\]$", "", path)
        is_command = bare in _COMMANDS or bare.endswith("command.value")
        filled = self.texts.filled(node, key, is_command=is_command, is_env=path.startswith("env."))
        name = whole(filled.value)
        kind = _kind(spec)
        if name is not None and kind:
            self.texts.parameters.use_as(name, kind)
        if any(True for _ in names_in(filled.value)) or not kind:
            return filled
        return self._converted(filled, kind, key)

    def _converted(self, node: Node, kind: str, key: str) -> Node:
        """Numbers and truth values that are written as texts."""
        text = node.value.strip()
        value: JsonValue = None
        if kind == "boolean":
            value = {"true": True, "false": False}.get(text.lower())
        elif _NUMBER.fullmatch(text):
            value = float(text) if "." in text else int(text)
        if value is None:
            return node
        self.report.translated(node, key, f"the text {node.shown} is taken as {text}")
        return node.with_value(value)


def _kind(spec: Spec) -> str:
    """The type of parameter that fits where `spec` holds; "" where it is text."""
    if isinstance(spec, Flag):
        return "boolean"
    if isinstance(spec, Number):
        return "integer" if spec.integer else "number"
    if isinstance(spec, OneOf):
        numbers = [one for one in spec.choices if isinstance(one, Number)]
        return _kind(numbers[0]) if numbers and not any(isinstance(one, Text) for one in spec.choices) else ""
    return ""
