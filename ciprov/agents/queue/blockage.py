"""What Jenkins tells in `why`, the one place where the label of a pipeline stands.

Jenkins words these texts after the language that is asked for; the client asks for English.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Blockage(StrEnum):
    """NAMED: the text names a label, or the only node that carries it. ANYWHERE: it speaks of no label at all."""

    NAMED = "named"
    ANYWHERE = "anywhere"
    SHUTDOWN = "shutdown"
    THROTTLED = "throttled"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Told:
    """`label` is certain. `name` may be a label or the name of a node. `reserved` are nodes that take only jobs with a
    label.
    """

    blockage: Blockage
    label: str = ""
    name: str = ""
    reserved: frozenset[str] = frozenset()


_NAME = "‘(?P<name>[^’]*)’"
_LABEL = (
    re.compile(f"There are no nodes with the label {_NAME}"),
    re.compile(f"All nodes of label {_NAME} are offline"),
    re.compile(f"‘[^’]*’ doesn[’'‘]t have label {_NAME}"),
)
_LABEL_OR_NODE = re.compile(f"Waiting for next available executor on {_NAME}")
_NODE = re.compile(f"{_NAME} (?P<what>is offline|is reserved for jobs with matching label expression)")
_PLAIN = {
    Blockage.ANYWHERE: re.compile("Waiting for next available executor$"),
    Blockage.SHUTDOWN: re.compile("Jenkins is about to shut down"),
    Blockage.THROTTLED: re.compile(r"Already running \d+ builds? across all nodes|.*is already in progress"),
}


def read(why: str) -> Told:
    """What the text says, as far as it can be known from it alone."""
    for pattern in _LABEL:
        if (match := pattern.search(why)) is not None:
            return Told(Blockage.NAMED, label=match["name"])
    if (match := _LABEL_OR_NODE.fullmatch(why)) is not None:
        return Told(Blockage.NAMED, name=match["name"])
    for blockage, pattern in _PLAIN.items():
        if pattern.match(why):
            return Told(blockage)
    return _nodes_told(why)


def _nodes_told(why: str) -> Told:
    nodes = [_NODE.fullmatch(part) for part in why.split("; ")]
    known = [node for node in nodes if node is not None]
    if len(known) < len(nodes):
        return Told(Blockage.UNKNOWN)
    if len(known) == 1 and known[0]["what"] == "is offline":
        return Told(Blockage.NAMED, name=known[0]["name"])
    # Jenkins goes through all nodes only where there is no label that would choose among them.
    reserved = frozenset(node["name"] for node in known if node["what"].startswith("is reserved"))
    return Told(Blockage.ANYWHERE, reserved=reserved)
