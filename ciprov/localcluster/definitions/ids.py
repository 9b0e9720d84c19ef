"""Ids of apps and groups: paths such as `/prod/shop/api`."""

from __future__ import annotations

import re
from collections.abc import Iterator

ROOT = "/"
RESERVED = ("restart", "tasks", "versions", ".", "..")
DEEPEST = 100
"""Marathon has no such bound; here it keeps every walk through the tree within Python's stack."""
LONGEST = 1024
"""Characters. Marathon has no such bound either, but ids stand in URLs and headers, which have."""

_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_ELEMENT = re.compile(rf"{_LABEL}(?:\.{_LABEL})*|\.|\.\.")


def elements(path: str) -> list[str]:
    """The path's elements; doubled, leading and trailing slashes do not count."""
    return [part for part in path.split("/") if part]


def canonical(path: str, base: str = ROOT) -> str:
    """The absolute form of a path: relative ones below `base`, with `.` and `..` resolved."""
    result: list[str] = []
    for part in elements(path) if path.startswith("/") else elements(base) + elements(path):
        if part == "..":
            if result:
                result.pop()
        elif part != ".":
            result.append(part)
    return "/" + "/".join(result)


def parent(path: str) -> str:
    """The enclosing group's id; the root is its own parent."""
    return "/" + "/".join(elements(path)[:-1])


def ancestors(path: str) -> Iterator[str]:
    """The enclosing groups, the nearest first, the root last."""
    while path != ROOT:
        path = parent(path)
        yield path


def within(path: str, base: str) -> bool:
    """Whether `path` is `base` or lies below it."""
    return base in (ROOT, path) or path.startswith(base + "/")


def top_level(path: str) -> str:
    """The first element, or an empty text for the root."""
    return next(iter(elements(path)), "")


def is_spelled_well(path: str) -> bool:
    """Whether every element consists of lower-case letters, digits, inner dashes, and dots between labels."""
    return all(_ELEMENT.fullmatch(part) for part in elements(path))


def faults(path: str) -> Iterator[str]:
    """What is wrong with an id."""
    parts = elements(path)
    if len(parts) > DEEPEST:
        yield f"must not have more than {DEEPEST} path elements"
    if len(path) > LONGEST:
        yield f"must not have more than {LONGEST} characters"
    if not is_spelled_well(path):
        yield f"must fully match regular expression '^{_ELEMENT.pattern}$' in each path element"
    if parts and parts[-1] in RESERVED:
        yield f"must not end with any of the following reserved keywords: {', '.join(RESERVED)}"
