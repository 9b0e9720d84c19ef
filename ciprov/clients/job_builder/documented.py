"""What jenkins-job-builder's own modules say of a component: the keys that it takes, and the plugin that it needs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from types import CodeType
from typing import Any

_ARGUMENT = re.compile(r":arg\s+[^:]*?([\w-]+)\s*:")
_MEMBER = re.compile(r"\*\*([\w-]+)\*\*")
_PLUGIN = re.compile(
    r"[Rr]equires?(?:\s+the)?(?:\s+Jenkins:?)?\s+:jenkins-(?:plugins|wiki):[`'][^`]*?<([\w.-]+)>`\.?(?P<after>.{0,40})",
    re.DOTALL,
)
_WORD = re.compile(r"[A-Za-z][\w.-]*")
_RENAMED = {
    "ghprb-plugin": "ghprb",
    "git-plugin": "git",
    "matrix": "matrix-project",
    "slack-plugin": "slack",
    "workflow-aggregator": "workflow-job",  # that one is empty, and asks for all the others
}
"""Pages of the documentation that are called otherwise than the plugin."""
_IN_CORE = {("jenkins_jobs.modules.publishers", "fingerprint")}
"""What needs no plugin, whatever is said of it."""


@cache
def documented_keys(component: Any) -> frozenset[str]:
    text = component.__doc__ or ""
    return frozenset([*_ARGUMENT.findall(text), *_MEMBER.findall(text)])


@cache
def mentioned_words(component: Any) -> frozenset[str]:
    """All words that its code holds: what is not among them cannot be a key of its."""
    words: set[str] = set()
    _collect(component, words, 3, set())
    return frozenset(words)


@cache
def plugin_of(component: Any) -> str:
    """The short name of the plugin that it needs, empty where it names none, or where Jenkins may do without it."""
    if (component.__module__, component.__name__) in _IN_CORE:
        return ""
    match = _PLUGIN.search(component.__doc__ or "")
    if match is None or match["after"].lstrip().startswith((" or", "or ", "(optional", ", or")):
        return ""
    return _RENAMED.get(match[1], match[1])


def _collect(function: Any, words: set[str], depth: int, seen: set[int]) -> None:
    code = getattr(function, "__code__", None)
    if code is None or depth == 0 or id(code) in seen:
        return
    seen.add(id(code))
    scope = getattr(function, "__globals__", {})
    for each in _codes(code):
        for constant in each.co_consts:
            words.update(_texts(constant))
        for name in each.co_names:
            found = scope.get(name)
            module = getattr(found, "__module__", "") or ""
            if callable(found) and str(module).startswith("jenkins_jobs.modules"):
                _collect(found, words, depth - 1, seen)
        helpers = scope.get("helpers")
        for name in each.co_names if helpers is not None else ():
            _collect(getattr(helpers, name, None), words, depth - 1, seen)


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _texts(constant: Any) -> Iterator[str]:
    if isinstance(constant, str) and _WORD.fullmatch(constant):
        yield constant
    elif isinstance(constant, tuple | frozenset):
        for each in constant:
            yield from _texts(each)
