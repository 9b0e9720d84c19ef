"""A deployment plan: which apps change, and in which steps. Pure.

The order is Marathon's:

1. one step that stops every removed app, in no order among themselves;
2. one step that starts every new app, which by itself does nothing;
3. one step per layer of the dependency graph of the changed apps alone: scale where only the count differs, where the
   app is new, or where the new count is 0; restart for anything else.

Steps without actions vanish. A dependency on something that is absent, or that does not change, orders nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.compare import only_scaled
from ciprov.localcluster.definitions.group import Group
from ciprov.localcluster.deployments.versions import same
from ciprov.localcluster.model import Action, ActionKind, Step
from ciprov.localcluster.tree.dependencies import app_dependencies


@dataclass(frozen=True, slots=True)
class AppChange:
    """One app before and after; None where it is absent."""

    original: App | None
    target: App | None


@dataclass(frozen=True, slots=True)
class GroupChange:
    """One group's own fields before and after, without what is below it; None where it is absent."""

    original: Group | None
    target: Group | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a deployment does. `kills` names, per app, the instances that a scale-down takes first."""

    id: str
    version: str
    steps: tuple[Step, ...]
    apps: Mapping[str, AppChange] = field(default_factory=dict)
    groups: Mapping[str, GroupChange] = field(default_factory=dict)
    kills: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def affected_apps(self) -> tuple[str, ...]:
        return tuple(self.apps)

    def target(self, app_id: str) -> App | None:
        change = self.apps.get(app_id)
        return change.target if change else None

    def __str__(self) -> str:
        lines = [
            f"  {number}. " + ", ".join(f"{action.kind} {action.app_id}" for action in step.actions)
            for number, step in enumerate(self.steps, start=1)
        ]
        return "\n".join([f"deployment {self.id} of {self.version}" + ("" if lines else ": nothing to do"), *lines])


def plan(
    original: Group,
    target: Group,
    version: str,
    plan_id: str,
    restart: Collection[str] = (),
    kills: Mapping[str, frozenset[str]] | None = None,
) -> Plan:
    """The plan from one tree to another; `restart` names apps to restart though they did not change.

    Raises ValueError where dependencies form a cycle.
    """
    before = {app.id: app for app in original.all_apps()}
    after = {app.id: app for app in target.all_apps()}
    removed = [app_id for app_id in before if app_id not in after]
    new = [app_id for app_id in after if app_id not in before]
    changed = [
        app_id
        for app_id, app in after.items()
        if app_id in before and (app_id in restart or not same(before[app_id], app))
    ]
    apps = {app_id: AppChange(before.get(app_id), after.get(app_id)) for app_id in (*removed, *new, *changed)}
    steps = [
        Step(tuple(Action(ActionKind.STOP, app_id) for app_id in removed)),
        Step(tuple(Action(ActionKind.START, app_id) for app_id in new)),
        *(
            Step(tuple(Action(_kind(apps[app_id], app_id in restart), app_id) for app_id in layer))
            for layer in dependency_layers([*new, *changed], target)
        ),
    ]
    return Plan(
        id=plan_id,
        version=version,
        steps=tuple(step for step in steps if step.actions),
        apps=apps,
        groups=_group_changes(original, target),
        kills=dict(kills or {}),
    )


def _kind(change: AppChange, restart: bool) -> ActionKind:
    assert change.target is not None
    if change.original is None or change.target.instances == 0:
        return ActionKind.SCALE
    if not restart and only_scaled(change.original, change.target):
        return ActionKind.SCALE
    return ActionKind.RESTART


def dependency_layers(app_ids: Collection[str], root: Group) -> list[list[str]]:
    """The given apps in layers: each app lies above all of the given ones that it depends on.

    Raises ValueError naming the apps of a cycle.
    """
    graph = app_dependencies(root) if app_ids else {}
    known = frozenset(app_ids)
    dependencies = {app_id: (graph.get(app_id, frozenset()) & known) - {app_id} for app_id in app_ids}
    depth: dict[str, int] = {}
    for app_id in app_ids:
        _measure(app_id, dependencies, depth)
    layers: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for app_id in app_ids:
        layers[depth[app_id]].append(app_id)
    return layers


def _measure(app_id: str, dependencies: Mapping[str, Collection[str]], depth: dict[str, int]) -> None:
    """Fill `depth` with the longest path below `app_id`, without recursion: chains may be long."""
    stack: list[tuple[str, bool]] = [(app_id, False)]
    open_apps: set[str] = set()
    while stack:
        current, left = stack.pop()
        if left:
            open_apps.discard(current)
            depth[current] = 1 + max((depth[below] for below in dependencies[current]), default=-1)
        elif current in open_apps:
            raise ValueError(f"cyclic dependencies: {', '.join(sorted(open_apps))} depend on each other")
        elif current not in depth:
            open_apps.add(current)
            stack.append((current, True))
            stack.extend((below, False) for below in dependencies[current] if below not in depth)


def _group_changes(original: Group, target: Group) -> dict[str, GroupChange]:
    before: dict[str, Group] = {}
    after: dict[str, Group] = {}
    _differing(original, target, before, after)
    return {
        group_id: GroupChange(_bare(before.get(group_id)), _bare(after.get(group_id)))
        for group_id in {**before, **after}
        if _own_fields(before.get(group_id)) != _own_fields(after.get(group_id))
    }


def _differing(original: Group | None, target: Group | None, before: dict[str, Group], after: dict[str, Group]) -> None:
    """Collect the groups of both trees, leaving out subtrees that are one and the same object."""
    if original is target:
        return
    if original is not None:
        before[original.id] = original
    if target is not None:
        after[target.id] = target
    originals = original.groups if original else {}
    targets = target.groups if target else {}
    for group_id in {**originals, **targets}:
        _differing(originals.get(group_id), targets.get(group_id), before, after)


def _own_fields(group: Group | None) -> tuple[tuple[str, ...], bool] | None:
    return (group.dependencies, group.enforce_role) if group else None


def _bare(group: Group | None) -> Group | None:
    return Group(group.id, group.version, {}, {}, group.dependencies, group.enforce_role) if group else None
