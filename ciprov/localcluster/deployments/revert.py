"""The tree after undoing one deployment. Pure.

Only what that deployment changed is undone: what other deployments did in the meantime stays. An app that it created
is removed; a group that it created is removed if nothing else is in it now.
"""

from __future__ import annotations

from dataclasses import replace

from ciprov.localcluster.definitions.compare import same_definition
from ciprov.localcluster.definitions.group import Group
from ciprov.localcluster.deployments.plan import Plan
from ciprov.localcluster.model import ActionKind
from ciprov.localcluster.tree.edit import with_app, with_group, without_app, without_group
from ciprov.localcluster.tree.lookup import find_group


def revert(plan: Plan, root: Group) -> Group:
    """The current `root` with this plan undone; versions are stamped by the change that it becomes."""
    for group_id, group_change in plan.groups.items():
        before = group_change.original
        if before is not None:
            group = find_group(root, group_id) or Group(id=group_id)
            root = with_group(root, replace(group, dependencies=before.dependencies, enforce_role=before.enforce_role))
    for app_id, app_change in plan.apps.items():
        root = with_app(root, app_change.original) if app_change.original else without_app(root, app_id)
    created = [group_id for group_id, change in plan.groups.items() if change.original is None]
    for group_id in sorted(created, key=lambda path: path.count("/"), reverse=True):
        created_group = find_group(root, group_id)
        if created_group is not None and not created_group.apps and not created_group.groups:
            root = without_group(root, group_id)
    return root


def restarted(plan: Plan) -> frozenset[str]:
    """The apps that the plan restarts without a change of definition: undoing that is a restart once more."""
    return frozenset(
        action.app_id
        for step in plan.steps
        for action in step.actions
        if action.kind is ActionKind.RESTART
        and (change := plan.apps[action.app_id]).original is not None
        and change.target is not None
        and same_definition(change.original, change.target)
    )
