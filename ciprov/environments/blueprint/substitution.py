"""Fills in placeholders: `${parameter}`, `${env.name}`, `${blueprint.dir}`, `${blueprint.url}`,
`${service.<app>.<port>}`.

`$${` stands for a literal `${`. A `${NAME}` in upper case that is no declared parameter belongs to the shell or to
Marathon (`${PORT0}`) and stays. Filled-in values are not looked at again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from ciprov.environments.blueprint.nodes import Node, map_texts
from ciprov.environments.blueprint.suggestions import did_you_mean, listed, nearest
from ciprov.foundation.json import JsonValue

_TOKEN = re.compile(r"\$\$\{|\$\{(?P<name>[^{}$]*)\}|\$\{")
_SHELL = re.compile(r"[A-Z_][A-Z0-9_]*(?![A-Za-z0-9_.])")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-/]*")
_FAMILIES = ("env", "blueprint", "service")
_LITERAL = "for a literal ${ write $${"


@dataclass(frozen=True, slots=True)
class Filling:
    """What a placeholder stands for. `per_environment` tells that another environment may have another value."""

    value: JsonValue
    secret: bool = False
    per_environment: bool = True


@dataclass(frozen=True, slots=True)
class Unknown:
    """A placeholder that stands for nothing, told as `message`, with what exists and the way out."""

    message: str
    allowed: str = ""
    way_out: str = ""


class Open:
    """A placeholder whose value is not known yet: it stays as it is."""


Answer = Filling | Unknown | Open
Lookup = Callable[[str], Answer]
Report = Callable[[Node, str, Unknown], None]


def names(text: str, declared: Mapping[str, object]) -> Iterator[str]:
    """The placeholders in `text`, without those of the shell and without escaped ones."""
    for token in _TOKEN.finditer(text):
        name = token.group("name")
        if name is not None and (name in declared or not _SHELL.match(name)):
            yield name


def fill(node: Node, lookup: Lookup, report: Report, key: str) -> Node:
    """`node` with all placeholders below it filled in. A value that is one placeholder takes over its type."""
    return map_texts(node, lambda text, at_key: _fill_text(text, lookup, report, at_key), key)


def _fill_text(node: Node, lookup: Lookup, report: Report, key: str) -> Node:
    text: str = node.value
    if "${" not in text:
        return node
    parts: list[str] = []
    fillings: list[Filling] = []
    end = 0
    for token in _TOKEN.finditer(text):
        parts.append(text[end : token.start()])
        end = token.end()
        answer = _answer(token, text, lookup)
        if isinstance(answer, Filling):
            if token.group() == text:
                return _filled(node, answer.value, [answer])
            fillings.append(answer)
            parts.append(as_text(answer.value))
        elif isinstance(answer, Unknown):
            report(node, key, answer)
            parts.append(token.group())
        else:
            parts.append(answer if isinstance(answer, str) else token.group())
    return _filled(node, "".join([*parts, text[end:]]), fillings)


def _answer(token: re.Match[str], text: str, lookup: Lookup) -> Answer | str:
    if token.group() == "$${":
        return "${"
    name = token.group("name")
    if name is None:
        if _SHELL.match(text, token.end()):
            return token.group()
        return Unknown("a ${ is not closed", "${name}", _LITERAL)
    answer = lookup(name)
    if isinstance(answer, Unknown):
        if _SHELL.match(name):
            return token.group()
        if not _NAME.fullmatch(name):
            return Unknown(f"${{{name}}} is no placeholder", "${name}", _LITERAL)
    return answer


def _filled(node: Node, value: JsonValue, fillings: list[Filling]) -> Node:
    return replace(
        node,
        value=value,
        filled=node.filled or any(filling.per_environment for filling in fillings),
        secret=node.secret or any(filling.secret for filling in fillings),
    )


def as_text(value: JsonValue) -> str:
    """A value within a longer text: true and false as in JSON."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def unknown_name(name: str, known: Collection[str]) -> Unknown:
    """The answer for a name that nothing is known of."""
    head = name.partition(".")[0]
    family = nearest(head, _FAMILIES) if "." in name and head not in _FAMILIES else None
    suggestion = did_you_mean(name, known) or (f"did you mean ${{{family}.…}}?" if family else _LITERAL)
    return Unknown(f"${{{name}}} stands for nothing", listed({*known, "service.<app>.<port>"}), suggestion)
