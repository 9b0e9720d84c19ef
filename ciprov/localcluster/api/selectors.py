"""Label selectors of `GET /v2/apps`: `k`, `k==v`, `k!=v`, `k in (a,b)`, `k notin (a)`; a comma means and.

Terms consist of letters, digits, `-`, `_` and `.`; anything else stands behind a backslash.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ciprov.localcluster.definitions.errors import Unprocessable

Selector = Callable[[Mapping[str, str]], bool]

_TERM = r"(?:\\.|[-A-Za-z0-9_.])+"
_SET = re.compile(
    rf"\s*(?P<label>{_TERM})\s+(?P<how>in|notin)\s*\(\s*(?P<values>(?:\s*{_TERM}\s*(?:,\s*{_TERM}\s*)*)?)\)\s*"
)
_EQUAL = re.compile(rf"\s*(?P<label>{_TERM})\s*(?P<how>==|!=)\s*(?P<value>{_TERM})\s*")
_EXISTS = re.compile(rf"\s*(?P<label>{_TERM})\s*")


def parse_selector(text: str) -> Selector:
    """All of the given conditions; each of them wants the label to be there. Raises `Unprocessable`."""
    conditions: list[Selector] = []
    position = 0
    while True:
        condition, position = _condition(text, position)
        conditions.append(condition)
        if position == len(text):
            return lambda labels: all(holds(labels) for holds in conditions)
        if text[position] != ",":
            raise _fault(text, position)
        position += 1


def _condition(text: str, position: int) -> tuple[Selector, int]:
    if found := _SET.match(text, position):
        values = frozenset(_plain(value) for value in re.findall(_TERM, found["values"]))
        return _compared(_plain(found["label"]), values, found["how"] == "in"), found.end()
    if found := _EQUAL.match(text, position):
        values = frozenset((_plain(found["value"]),))
        return _compared(_plain(found["label"]), values, found["how"] == "=="), found.end()
    if found := _EXISTS.match(text, position):
        label = _plain(found["label"])
        return (lambda labels: label in labels), found.end()
    raise _fault(text, position)


def _compared(label: str, values: frozenset[str], wanted: bool) -> Selector:
    return lambda labels: label in labels and (labels[label] in values) is wanted


def _plain(term: str) -> str:
    return re.sub(r"\\(.)", r"\1", term)


def _fault(text: str, position: int) -> Unprocessable:
    return Unprocessable(f"Can not parse label selector {text}. Reason: not understood from character {position + 1}")
