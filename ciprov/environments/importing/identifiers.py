"""Names of services, groups and files as legal ids of Marathon and names of blueprints."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection

_LABEL = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
_ELEMENT = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_RESERVED = frozenset({"restart", "tasks", "versions"})
_NAMES_NOTHING = re.compile(r"(docker-)?compose([.-]\w+)*|marathon([.-]\w+)*|apps?|group|stack", re.I)


def legal_element(text: str) -> str:
    """`text` as one element of an id: lower-case letters, digits, dots and inner dashes; at least `app`."""
    if _ELEMENT.fullmatch(text):
        return text
    labels = [re.sub(r"[^a-z0-9]+", "-", label).strip("-") for label in text.lower().split(".")]
    return ".".join(label for label in labels if label) or "app"


def legal_path(path: str, *, is_app: bool) -> str:
    """`path` with every element legal; `.`, `..` and a leading slash stay."""
    parts = [part if part in {"", ".", ".."} else legal_element(part) for part in path.split("/")]
    if is_app and parts and parts[-1] in _RESERVED:
        parts[-1] += "-app"
    return "/".join(parts)


def free_id(wanted: str, taken: Collection[str]) -> str:
    """`wanted`, or where that is taken, with a number behind it."""
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}-{number}", number + 1
    return name


def blueprint_name(text: str) -> str:
    """`text` as the name of a blueprint, "" where nothing is left of it."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63].strip("-")


def name_of_file(path: str) -> str:
    """A blueprint's name from a file's: that of its directory where the file's own says nothing."""
    stem = posixpath.basename(path).split(".")[0]
    parent = posixpath.basename(posixpath.dirname(path))
    usual = _NAMES_NOTHING.fullmatch(stem)
    return blueprint_name(parent if usual and parent else stem) or "imported"
