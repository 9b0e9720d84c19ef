"""Text to nodes: YAML 1.2, of which JSON is a part. Trouble becomes findings with a place, never an exception."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StringMark, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.nodes import Node as YamlNode

from ciprov.environments.blueprint.findings import Finding
from ciprov.environments.blueprint.nodes import Node, Place, joined
from ciprov.foundation.json import JsonValue

MAX_CHARACTERS = 4_000_000
MAX_NODES = 200_000
"""Values after aliases are followed: some ten thousand apps. Bounds what a bomb of aliases can cost."""
MAX_DEPTH = 60

_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = frozenset({f"{_TAG}str", f"{_TAG}timestamp", f"{_TAG}value"})
_INTEGER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|[0-9]+)")


_TRIPS = (ValueError, TypeError, AttributeError, LookupError, AssertionError, NotImplementedError)
"""What the YAML library itself raises over some malformed directives, escapes and tags."""


class _Stop(Exception):
    """Reading on makes no sense."""


def parse(text: str, file: str) -> tuple[Node | None, list[Finding]]:
    """The one document in `text` as a node, and what is wrong with it. None where there is nothing to look at."""
    if len(text) > MAX_CHARACTERS:
        allowed = f"at most {MAX_CHARACTERS:,} characters"
        return None, [Finding(file, 1, 1, "", f"the file is too large: {len(text):,} characters", allowed)]
    text = text.removeprefix("\ufeff")
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = MAX_DEPTH + 1  # the root is its level 1
    yaml.composer.warn_double_anchors = False  # YAML allows them: an alias means the last one
    try:
        root = yaml.compose(_without_tabs(text))
    except (YAMLError, RecursionError, *_TRIPS) as error:
        return None, [_trouble(error, text, file)]
    if root is None or (isinstance(root, ScalarNode) and root.value == ""):
        return None, [
            Finding(file, 1, 1, "", "the file is empty", way_out="a blueprint needs `blueprint:` and `group:`")
        ]
    reading = _Reading(file)
    try:
        reading.bounded(root)
        return reading.node(root, "", 0), reading.findings
    except _Stop:
        return None, reading.findings


def _without_tabs(text: str) -> str:
    """JSON may be indented by tabs, which YAML forbids; strict JSON has no raw tab within a string."""
    if "\t" in text and text.lstrip()[:1] in {"{", "["}:
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            return text
        return text.replace("\t", " ")
    return text


def _trouble(error: Exception, text: str, file: str) -> Finding:
    if isinstance(error, MarkedYAMLError):
        return _syntax(error, file)
    if isinstance(error, YAMLError):
        return _unreadable(error, text, file)
    if isinstance(error, RecursionError):
        return Finding(file, 1, 1, "", "the file nests too deeply", f"at most {MAX_DEPTH} levels")
    return Finding(file, 1, 1, "", "this is not readable as YAML or JSON")


def _syntax(error: MarkedYAMLError, file: str) -> Finding:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    problem = (error.problem or "it cannot be read").strip()
    if problem.startswith("maximum depth"):
        return Finding(file, line, column, "", "the file nests too deeply", f"at most {MAX_DEPTH} levels")
    context = f" {error.context.strip()}" if error.context else ""
    if "another document" in problem:
        return Finding(file, line, column, "", "there is a second document in the file", "one document per file")
    if "'\\t'" in problem:
        return Finding(file, line, column, "", "a tab is not allowed here", "spaces for indentation")
    way_out = ""
    if "'%'" in problem or "{" in problem:
        way_out = "quote values that hold template marks such as {{…}}"
    return Finding(file, line, column, "", f"not valid YAML or JSON: {problem}{context}", way_out=way_out)


def _unreadable(error: YAMLError, text: str, file: str) -> Finding:
    position = getattr(error, "position", 0)
    before = text[: position if isinstance(position, int) else 0]
    line, column = before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
    character = text[len(before) : len(before) + 1]
    what = f"the character U+{ord(character):04X} is not allowed" if character else "this is not readable as YAML"
    return Finding(file, line, column, "", what, "printable text in UTF-8")


def _place(mark: StringMark) -> Place:
    return Place(mark.line + 1, mark.column + 1)


def _size(node: YamlNode, sizes: dict[int, int]) -> int:
    """How many values `node` holds once aliases are followed, itself included; a circle counts once here."""
    if id(node) not in sizes:
        sizes[id(node)] = 1
        sizes[id(node)] += sum(_size(below, sizes) for below in _below(node))
    return sizes[id(node)]


def _below(node: YamlNode) -> list[YamlNode]:
    if isinstance(node, MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, SequenceNode) else []


@dataclass
class _Reading:
    """One pass over the YAML library's nodes, which are shared where aliases point to them."""

    file: str
    findings: list[Finding] = field(default_factory=list)
    open: set[int] = field(default_factory=set)

    def bounded(self, root: YamlNode) -> None:
        """Stop where the values are too many, at the smallest part of which that is true. Each node is counted once,
        however many aliases lead to it.
        """
        sizes: dict[int, int] = {}
        if _size(root, sizes) <= MAX_NODES:
            return
        smallest = root
        while larger := [below for below in _below(smallest) if sizes[id(below)] > MAX_NODES]:
            smallest = larger[0]
        message = "this holds too many values once its aliases are followed"
        self.stop(_place(smallest.start_mark), "", message, f"at most {MAX_NODES:,}")

    def node(self, raw: YamlNode, key: str, depth: int, key_at: Place | None = None) -> Node:
        at = _place(raw.start_mark)
        if depth > MAX_DEPTH:
            self.stop(at, key, "the file nests too deeply", f"at most {MAX_DEPTH} levels")
        if id(raw) in self.open:
            self.stop(at, key, f"the alias *{raw.anchor} contains itself", "")
        if isinstance(raw, ScalarNode):
            scalar = self.scalar(raw, key, at)
            written = "" if isinstance(scalar, str) or scalar is None else str(raw.value)
            return Node(scalar, at, key_at or at, written)
        self.open.add(id(raw))
        value: JsonValue
        if isinstance(raw, MappingNode) and self.known_tag(raw, "map", key, at):
            value = self.mapping(raw, key, depth)
        elif isinstance(raw, SequenceNode) and self.known_tag(raw, "seq", key, at):
            value = [self.node(item, f"{key}[{index}]", depth + 1) for index, item in enumerate(raw.value)]
        else:
            value = None
        self.open.discard(id(raw))
        return Node(value, at, key_at or at)

    def mapping(self, raw: MappingNode, key: str, depth: int) -> dict[str, Node]:
        members: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for raw_key, raw_value in raw.value:
            at = _place(raw_key.start_mark)
            if not isinstance(raw_key, ScalarNode):
                message = "a key must be plain text, not a list or mapping"
                self.add(at, key, message, way_out="quote values that hold template marks such as {{…}}")
            elif raw_key.tag == f"{_TAG}merge":
                for name, member in self.merged(raw_value, key, depth).items():
                    merged.setdefault(name, member)
            else:
                name = self.text(raw_key.value, joined(key, "?"), at)
                if name in members:
                    first = members[name].key_at.line
                    self.add(at, joined(key, name), f"this key stands twice: first in line {first}")
                members[name] = self.node(raw_value, joined(key, name), depth + 1, at)
        return {**{name: member for name, member in merged.items() if name not in members}, **members}

    def merged(self, raw: YamlNode, key: str, depth: int) -> dict[str, Node]:
        """What `<<:` brings in: a mapping, or a list of mappings of which earlier ones win."""
        source = self.node(raw, joined(key, "<<"), depth + 1)
        result: dict[str, Node] = {}
        for part in source.items() or [source]:
            if not isinstance(part.value, dict):
                self.add(
                    part.at, joined(key, "<<"), f"{part.shown} cannot be merged", "an alias of a mapping, or a list"
                )
            for name, member in part.members():
                result.setdefault(name, member)
        return result

    def scalar(self, raw: ScalarNode, key: str, at: Place) -> JsonValue:
        tag, text = str(raw.tag), str(raw.value)
        if tag in _TEXT_TAGS or (raw.style in {"'", '"', "|", ">"} and tag == f"{_TAG}str"):
            return self.text(text, key, at)
        if tag == f"{_TAG}null":
            return None
        if tag == f"{_TAG}bool":
            return text.lower() in {"true", "yes", "on", "y"}
        if tag == f"{_TAG}int":
            return self.integer(text, key, at)
        if tag == f"{_TAG}float":
            return self.decimal(text, key, at)
        self.add(at, key, f"the tag {tag.replace(_TAG, '!!')} is not supported", "plain YAML without tags")
        return self.text(text, key, at)

    def integer(self, text: str, key: str, at: Place) -> JsonValue:
        digits = text.replace("_", "")
        if len(digits) > 30 or not _INTEGER.fullmatch(digits):
            self.add(at, key, f"{text[:30]} is not a usable whole number")
            return None
        sign, bare = (digits[0], digits[1:]) if digits[0] in "+-" else ("", digits)
        base = {"0x": 16, "0o": 8, "0b": 2}.get(bare[:2].lower(), 10)
        return int(sign + bare, base)

    def decimal(self, text: str, key: str, at: Place) -> JsonValue:
        try:
            number = float(text.replace("_", ""))
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self.add(at, key, f"{text[:30]} is not a usable number", "a finite number")
            return None
        return number

    def text(self, text: str, key: str, at: Place) -> str:
        """JSON escapes characters beyond U+FFFF in two halves; one half alone is no text."""
        if not any("\ud800" <= character <= "\udfff" for character in text):
            return text
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self.add(at, key, "the text holds half a character (a lone surrogate)")
            return text.encode("utf-8", "replace").decode("utf-8")

    def known_tag(self, raw: YamlNode, kind: str, key: str, at: Place) -> bool:
        if raw.tag == f"{_TAG}{kind}":
            return True
        self.add(at, key, f"the tag {str(raw.tag).replace(_TAG, '!!')} is not supported", "plain YAML without tags")
        return False

    def add(self, at: Place, key: str, message: str, allowed: str = "", way_out: str = "") -> None:
        self.findings.append(Finding(self.file, at.line, at.column, key, message, allowed, way_out))

    def stop(self, at: Place, key: str, message: str, allowed: str) -> None:
        self.add(at, key, message, allowed)
        raise _Stop
