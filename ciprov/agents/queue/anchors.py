"""Nodes that stay offline, so that Jenkins always tells which label is asked for: it does where two nodes fit.

Two carry the labels of all templates. A third carries none, for what is asked not to be there, as by `!windows`: it
fits, as Jenkins's built-in node does. Their names follow from the labels: others make other nodes, and the old ones are
swept away.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection

from ciprov.agents.template import Rules
from ciprov.domain.jenkins import NewNode, Node


def anchors(rules: Rules) -> tuple[NewNode, ...]:
    """Empty where the settings want none."""
    labels = tuple(sorted({label for template in rules.templates for label in template.labels}))
    if not rules.service.anchors or not labels:
        return ()
    which = hashlib.sha256("\0".join(labels).encode()).hexdigest()[:8]
    description = "stays offline: with it Jenkins tells which label a pipeline asks for"
    return tuple(
        NewNode(f"{_prefix(rules.service.name)}{which}-{number}", carried, "agent", description=description)
        for number, carried in ((1, labels), (2, labels), (3, ()))
    )


def missing(rules: Rules, nodes: Collection[Node]) -> tuple[NewNode, ...]:
    there = {node.name for node in nodes}
    return tuple(anchor for anchor in anchors(rules) if anchor.name not in there)


def was_anchor(name: str, service: str) -> bool:
    """Whether it is called as an anchor of that service is, of whichever settings."""
    return re.fullmatch(rf"{re.escape(_prefix(service))}[0-9a-f]{{8}}-[1-3]", name) is not None


def _prefix(service: str) -> str:
    return f"{service}-anchor-"
