"""Finding apps and groups in the tree."""

from __future__ import annotations

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.group import Group
from ciprov.localcluster.definitions.ids import ROOT, ancestors, parent


def find_group(root: Group, group_id: str) -> Group | None:
    """The group of this absolute id."""
    group: Group | None = root
    if group_id != ROOT:
        for step in [*reversed(list(ancestors(group_id))), group_id][1:]:
            group = group.groups.get(step) if group is not None else None
    return group


def find_app(root: Group, app_id: str) -> App | None:
    """The app of this absolute id."""
    group = find_group(root, parent(app_id))
    return None if group is None else group.apps.get(app_id)
