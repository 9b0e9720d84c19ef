"""Placeholders of template languages in definitions: found before parsing, so that even bare ones can be read.

`{{x}}` and `%{x}` become marks of the same length, so that all places stay true; once the text is parsed, the marks
become parameters. What steers a template (`{{#x}}`, `{% if %}`) cannot be imported; the template must be rendered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ciprov.environments.blueprint.findings import Finding

_MARK, _FILL = "\ufdd2", "\ufdd3"
_FIRST = 0xE000
_MOST = 6000
_NAME = r"[A-Za-z_][A-Za-z0-9_.\-]*"
_STEERING = re.compile(r"\{\{[#^/>&][^{}]*\}\}|\{%.*?%\}|<%(?!=).*?%>", re.DOTALL)
_REMARK = re.compile(r"\{\{!.*?\}\}|\{#.*?#\}", re.DOTALL)
_VALUE = re.compile(
    r"\{\{\{[^{}\n]+\}\}\}|\{\{[^{}\n]+\}\}|<%=[^%\n]+%>|(?<![A-Za-z0-9}])%\{"
    + _NAME
    + r"\}|\[\[ ?"
    + _NAME
    + r" ?\]\]"
)
_MARKED = re.compile(f"{_MARK}(.){_FILL}+")
_BARE = re.compile(
    rf"(?<![$\w{{%}}\\])\{{{_NAME}\}}(?![\w}}])|\?\?\?+|(?<![\w@.]){'@'}{_NAME}@(?![\w@])|(?<!\w)__[A-Z][A-Z0-9_]*__(?!\w)"
    r"|<[A-Z][A-Z0-9_-]{2,}>"
)


@dataclass(frozen=True, slots=True)
class Masked:
    """`text` with placeholders as marks; `originals` are the placeholders by mark."""

    text: str
    originals: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = field(default=())


def mask(text: str, file: str) -> Masked:
    """Put marks in place of placeholders; steering marks become findings."""
    findings: list[Finding] = []
    for match in _STEERING.finditer(text):
        line, column = place_of(text, match.start())
        shown = match.group() if len(match.group()) <= 40 else f"{match.group()[:37]}…"
        message = f"{shown!r} steers a template: what the file says depends on it"
        findings.append(Finding(file, line, column, "", message, way_out="render the template, then import the result"))
    if findings:
        return Masked(text, (), tuple(findings))
    originals: list[str] = []

    def marked(match: re.Match[str]) -> str:
        original = match.group()
        if len(originals) >= _MOST and original not in originals[-200:]:
            return original
        originals.append(original)
        return _MARK + chr(_FIRST + len(originals) - 1) + _FILL * (len(original) - 2)

    text = _REMARK.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)
    return Masked(_VALUE.sub(marked, text), tuple(originals), ())


def place_of(text: str, position: int) -> tuple[int, int]:
    """Line and column, both from 1."""
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)


def split(text: str, masked: Masked) -> Iterator[tuple[str, str]]:
    """`text` in pieces: `(literal, "")` and `("", original placeholder)`."""
    end = 0
    for match in _MARKED.finditer(text):
        if match.start() > end:
            yield text[end : match.start()], ""
        index = ord(match[1]) - _FIRST
        yield "", masked.originals[index] if 0 <= index < len(masked.originals) else match.group()
        end = match.end()
    if end < len(text):
        yield text[end:], ""


def restored(text: str, masked: Masked) -> str:
    """`text` as the file has it."""
    return "".join(literal or original for literal, original in split(text, masked))


def name_in(original: str) -> str:
    """What a placeholder names: `{{ app.image }}` → `app.image`; an expression comes as it is written."""
    return re.sub(r"^(\{\{\{?|<%=|%\{|\[\[)|(\}\}\}?|%>|\}|\]\])$", "", original.strip()).strip()


def is_for_later(original: str) -> bool:
    """Whether a placeholder is meant for a program that reads the value at run time (Go templates of Docker)."""
    return re.match(r"\{\{-? *(\.|range|if|end|with|json|printf|key|service|env )", original) is not None


def bare_marks(text: str) -> list[str]:
    """What looks like a placeholder of further dialects, and could as well be meant as it stands."""
    return [match.group() for match in _BARE.finditer(text)]
