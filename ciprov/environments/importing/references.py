"""Placeholders within texts while they are taken apart, and how they are written in the blueprint at last.

A placeholder is kept between two characters that no text may hold (Unicode noncharacters), so that splitting a text at
colons or commas cannot hurt it, and a literal `${` can be told from it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

OPEN, CLOSE = "\ufdd0", "\ufdd1"
DOLLAR = "dollar"
"""The parameter that stands for a `$` right before a placeholder, where a plain one would escape it."""

_REF = re.compile(f"{OPEN}([^{OPEN}{CLOSE}]*){CLOSE}")
_LITERAL = re.compile(r"\$\{(?P<shell>[A-Z_][A-Z0-9_]*(?![A-Za-z0-9_.]))?")
_RESERVED = re.compile("[\ufdd0-\ufdef]")


def cleaned(text: str) -> str:
    """`text` without the characters that are used as marks here."""
    return _RESERVED.sub("\ufffd", text)


def ref(name: str) -> str:
    """A placeholder for `name` within a text."""
    return f"{OPEN}{name}{CLOSE}"


def names_in(text: str) -> Iterator[str]:
    """The names of all placeholders in `text`."""
    for match in _REF.finditer(text):
        yield match[1]


def whole(text: object) -> str | None:
    """The name, where `text` is one placeholder and nothing else."""
    match = _REF.fullmatch(text) if isinstance(text, str) else None
    return match[1] if match else None


def shown(text: str) -> str:
    """`text` for messages, placeholders as `${name}`."""
    return _REF.sub(r"${\1}", text)


def written(text: str, declared: Collection[str]) -> str:
    """`text` as the blueprint has it: placeholders as `${name}`, a literal `${` escaped where need be.

    `declared` are the names of all parameters.
    """
    parts: list[str] = []
    end = 0
    for match in _REF.finditer(text):
        parts += [_escaped(text[end : match.start()], declared, before_ref=True), f"${{{match[1]}}}"]
        end = match.end()
    return "".join([*parts, _escaped(text[end:], declared)])


def _escaped(text: str, declared: Collection[str], *, before_ref: bool = False) -> str:
    def escaped(match: re.Match[str]) -> str:
        is_doubled = match.start() > 0 and text[match.start() - 1] == "$"
        passes = match["shell"] is not None and match["shell"] not in declared and not is_doubled
        return match.group() if passes else f"${match.group()}"

    result = _LITERAL.sub(escaped, text)
    if not before_ref:
        return result
    bare = result.rstrip("$")
    return bare + f"${{{DOLLAR}}}" * (len(result) - len(bare))
