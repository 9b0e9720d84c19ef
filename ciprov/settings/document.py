"""A YAML text as values that know their line and column, and findings that name them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from ciprov.foundation.errors import CiprovError

_PLACE = re.compile(r"[^\n]*?:(\d+):(\d+): ")


class SettingsError(CiprovError):
    """The settings cannot be used. All that is wrong is told at once."""

    def __init__(self, findings: Sequence[str], *, way_out: str = "") -> None:
        super().__init__("\n".join(findings), way_out=way_out)
        self.findings = tuple(findings)


@dataclass(frozen=True, slots=True)
class Entry:
    """A value: a scalar, a list of entries, or a dict of entries by key. `place` is `file:line:column`."""

    value: Any
    place: str
    key_place: str = ""

    @property
    def plain(self) -> Any:
        if isinstance(self.value, dict):
            return {key: entry.plain for key, entry in self.value.items()}
        if isinstance(self.value, list):
            return [entry.plain for entry in self.value]
        return self.value


def read(text: str, file: str) -> Entry:
    """The document; an empty one is an empty mapping. Raises `SettingsError`."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = False  # the warning quotes the lines, which may hold a secret
    try:
        node = yaml.compose(text)
        return Entry({}, f"{file}:1:1") if node is None else _entry(node, yaml.constructor, file)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{file}:{mark.line + 1}:{mark.column + 1}" if mark else file
        raise SettingsError([f"{place}: no valid YAML: {_problem(error)}"]) from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise SettingsError([f"{file}: no valid YAML: {str(error).partition(chr(10))[0]}"]) from error


def unknown_keys(entry: Entry, known: Sequence[str], path: str) -> Iterator[str]:
    """A finding for each key of a mapping that is none of `known`."""
    for key, member in entry.value.items():
        if key not in known:
            near = get_close_matches(_as_keys_are_written(str(key)), known, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"\n  There are: {', '.join(sorted(known))}."
            yield f"{member.key_place}: {path}{key}: unknown key{hint}"


def _as_keys_are_written(key: str) -> str:
    """`jvmOptions` and `jvm-options` mean `jvm_options`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).replace("-", "_").lower()


def in_order(findings: Iterable[str]) -> tuple[str, ...]:
    """As they stand in the file, by line and column; those of no place in it last."""
    return tuple(sorted(findings, key=_standing))


def _standing(finding: str) -> tuple[float, float]:
    found = _PLACE.match(finding)
    return (int(found[1]), int(found[2])) if found else (math.inf, math.inf)


def _problem(error: Any) -> str:
    """Without the name of an alias or an anchor: a password that stands without quotes may begin with * or &."""
    return re.sub(
        r"(alias|anchor) ['\"].*",
        r"\1 (put a text that begins with * or & into quotes)",
        str(error.problem or error.context),
    )


def _entry(node: Any, constructor: Any, file: str, key_place: str = "") -> Entry:
    from ruamel.yaml.nodes import MappingNode, SequenceNode

    place = _place(node, file)
    if isinstance(node, MappingNode):
        members: dict[str, Entry] = {}
        for key_node, value_node in node.value:
            key = str(_constructed(key_node, constructor, file))
            at = _place(key_node, file)
            if key in members:
                raise SettingsError([f"{at}: {key}: the key stands there twice, first at {members[key].key_place}"])
            members[key] = _entry(value_node, constructor, file, at)
        return Entry(members, place, key_place)
    if isinstance(node, SequenceNode):
        return Entry([_entry(item, constructor, file) for item in node.value], place, key_place)
    return Entry(_constructed(node, constructor, file), place, key_place)


def _constructed(node: Any, constructor: Any, file: str) -> Any:
    from ruamel.yaml.error import YAMLError

    try:
        return constructor.construct_object(node, deep=True)
    except (YAMLError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError):
        # What was said of it would hold the value, which may be a secret: no cause is kept.
        text = "the value cannot be read as what YAML takes it for; put a text into quotes"
        raise SettingsError([f"{_place(node, file)}: no valid YAML: {text}"]) from None


def _place(node: Any, file: str) -> str:
    return f"{file}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"
