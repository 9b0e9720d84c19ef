"""Keys of what a kind brought in: a finding on it names the kind's field, not the app's that it became."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from ciprov.environments.blueprint.findings import Finding
from ciprov.environments.blueprint.nodes import Node, Place
from ciprov.environments.blueprint.records import Blueprint

_APP_KEY = re.compile(r"group(?:\.groups\[\d+\])*\.apps\[\d+\]")


def with_kind_keys(findings: Iterable[Finding], blueprint: Blueprint, kind: str) -> list[Finding]:
    """`findings` on the apps of `kind`, each at a place within the kind's patches with a key below that patch."""
    patches = blueprint.kinds.get(kind)
    if patches is None:
        return list(findings)
    elsewhere = set(_places(blueprint.group))  # an alias may bring one place to both
    keys = {
        place: f"kinds.{kind}.{app_id}"
        for app_id, patch in patches.members()
        for place in _places(patch)
        if place not in elsewhere
    }
    return [_told(finding, keys) for finding in findings]


def _told(finding: Finding, keys: Mapping[Place, str]) -> Finding:
    patch = keys.get(Place(finding.line, finding.column))
    return replace(finding, key=_APP_KEY.sub(patch, finding.key, count=1)) if patch else finding


def _places(node: Node) -> Iterator[Place]:
    yield node.at
    yield node.key_at
    for _, member in node.members():
        yield from _places(member)
    for item in node.items():
        yield from _places(item)
