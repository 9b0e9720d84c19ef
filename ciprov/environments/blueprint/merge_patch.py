"""JSON merge patches (RFC 7386) over nodes, so that every value keeps the place it was written at."""

from __future__ import annotations

from dataclasses import replace

from ciprov.environments.blueprint.nodes import Node


def merge(target: Node | None, patch: Node) -> Node:
    """`target` with `patch` applied: mappings are merged member by member, null removes, all else replaces."""
    if not isinstance(patch.value, dict):
        return patch
    base = target if target is not None and isinstance(target.value, dict) else replace(patch, value={})
    members = dict(base.members())
    for name, change in patch.members():
        if change.value is None:
            members.pop(name, None)
        else:
            members[name] = merge(members.get(name), change)
    return base.with_value(members)
