"""From a blueprint to the apps of one environment, step by step, still as nodes with places.

kind ──▶ placeholders ──▶ types ──▶ rules ──▶ conflicts ──▶ made the environment's own ──▶ service ports
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from ciprov.environments.blueprint.app_ports import PORT_FIELDS, AppPort, needs_of, ports_of, with_service_ports
from ciprov.environments.blueprint.checking import Checker
from ciprov.environments.blueprint.collisions import Copy, adapt
from ciprov.environments.blueprint.conflicts import port_conflicts
from ciprov.environments.blueprint.fields import APP
from ciprov.environments.blueprint.findings import Finding
from ciprov.environments.blueprint.hooks import made
from ciprov.environments.blueprint.merge_patch import merge
from ciprov.environments.blueprint.nodes import Node
from ciprov.environments.blueprint.parameters import Values, answer_from
from ciprov.environments.blueprint.records import Blueprint, HookEntry
from ciprov.environments.blueprint.rules import rule_findings
from ciprov.environments.blueprint.services import PREFIX, Services
from ciprov.environments.blueprint.substitution import Answer, Unknown, fill, names
from ciprov.environments.blueprint.tree import (
    AppEntry,
    GroupEntry,
    Tree,
    dependency_findings,
    map_apps,
    read_tree,
)
from ciprov.environments.hooks.records import Hook
from ciprov.environments.service_ports import PortNeed, PortRange, allocate


@dataclass(frozen=True, slots=True)
class Scene:
    """What one environment brings along. `constants` are the placeholders besides parameters: `env.name`, …

    `recorded_ports` are this environment's service ports of before, `taken_ports` those of everybody else.
    """

    copy: Copy
    values: Values
    constants: Mapping[str, str]
    service_address: str
    recorded_ports: Mapping[str, int]
    taken_ports: Collection[int]
    port_range: PortRange


@dataclass(frozen=True, slots=True)
class Assembly:
    """The filled-in tree: apps with service ports, ids as the blueprint has them. `ports` are by app id, `hooks` those
    of the blueprint as it was handed in.
    """

    file: str
    tree: Tree
    apps: tuple[AppEntry, ...]
    ports: Mapping[str, list[AppPort]]
    service_ports: Mapping[str, int]
    hooks: tuple[Hook, ...]
    findings: tuple[Finding, ...]


def with_kind(blueprint: Blueprint, kind: str) -> Tree:
    """The blueprint's tree with the patches of `kind` applied; a patch of null leaves the app out."""
    tree = read_tree(blueprint.group, blueprint.file)
    patches = dict(blueprint.kinds[kind].members()) if kind in blueprint.kinds else {}
    if not patches:
        return tree

    def patched(app: AppEntry) -> Node | None:
        patch = patches.get(app.id)
        if patch is None or not (patch.value is None or isinstance(patch.value, dict)):
            return app.node
        return None if patch.value is None else merge(app.node, patch)

    return read_tree(map_apps(tree, patched), blueprint.file)


def assemble(blueprint: Blueprint, tree: Tree, scene: Scene) -> Assembly:
    """All steps on `tree`. Parameters without a value stay open: what they stand in is not judged."""
    return _Steps(blueprint, tree, scene).run()


@dataclass
class _Steps:
    blueprint: Blueprint
    tree: Tree
    scene: Scene
    findings: list[Finding] = field(default_factory=list)

    def run(self) -> Assembly:
        scene, file = self.scene, self.blueprint.file
        by_app: dict[str, list[AppPort]] = {}
        needs: list[PortNeed] = []
        for app in self.tree.apps:
            ported = self._with_ports(app.node)
            by_app[app.id] = ports_of(ported)
            needs += needs_of(app.id, ported)
        allocated = allocate(needs, recorded=scene.recorded_ports, taken=scene.taken_ports, within=scene.port_range)
        services = Services(scene.service_address, by_app, allocated)
        apps = [self._filled(app, services) for app in self.tree.apps]
        groups = tuple(self._group(group, services) for group in self.tree.groups)
        tree = replace(self.tree, groups=groups, apps=tuple(apps))
        self.findings += [*tree.findings, *dependency_findings(tree, file), *port_conflicts(apps, file)]
        apps, collisions = adapt(tree, apps, scene.copy)
        apps = [replace(app, node=with_service_ports(app.id, app.node, allocated)) for app in apps]
        hooks = tuple(self._hook(entry, services, by_app) for entry in self.blueprint.hooks)
        return Assembly(file, tree, tuple(apps), by_app, allocated, hooks, (*self.findings, *collisions))

    def _with_ports(self, app: Node) -> Node:
        """The app's port fields filled in as far as they can be before the service ports are known."""
        fields = {name: member for name, member in app.members() if name in PORT_FIELDS}
        return fill(app.with_value(fields), self._lookup, _ignore, "")

    def _filled(self, app: AppEntry, services: Services) -> AppEntry:
        node = fill(app.node, lambda name: self._answer(name, services), self._report, app.key)
        checker = Checker(self.blueprint.file, self._is_open, app.key)
        node = checker.check(node, APP, app.key)
        self.findings += [*checker.findings, *rule_findings(node, app.key, self.blueprint.file)]
        return replace(app, node=node)

    def _hook(self, entry: HookEntry, services: Services, apps: Collection[str]) -> Hook:
        node = fill(entry.node, lambda name: self._answer(name, services), self._report, entry.key)
        hook, findings = made(replace(entry, node=node), self.blueprint.file, apps, self._open_in)
        self.findings += findings
        return hook

    def _group(self, group: GroupEntry, services: Services) -> GroupEntry:
        dependencies = group.node.get("dependencies")
        if dependencies is None:
            return group
        key = f"{group.key}.dependencies"
        filled = fill(dependencies, lambda name: self._answer(name, services), self._report, key)
        return replace(group, node=group.node.with_members({"dependencies": filled}))

    def _answer(self, name: str, services: Services) -> Answer:
        if name.startswith(PREFIX) and name not in self.blueprint.parameters:
            return services.answer(name)
        return self._lookup(name)

    def _lookup(self, name: str) -> Answer:
        return answer_from(name, self.scene.values.by_name, self.scene.constants, self._open_names())

    def _open_names(self) -> set[str]:
        return self.blueprint.parameters.keys() - self.scene.values.by_name.keys()

    def _is_open(self, text: str) -> bool:
        return bool(self._open_in(text))

    def _open_in(self, text: str) -> tuple[str, ...]:
        still_open = self._open_names()
        return (
            tuple(name for name in names(text, self.blueprint.parameters) if name in still_open) if still_open else ()
        )

    def _report(self, node: Node, key: str, unknown: Unknown) -> None:
        at = node.at
        place = (self.blueprint.file, at.line, at.column, key)
        self.findings.append(Finding(*place, unknown.message, unknown.allowed, unknown.way_out))


def _ignore(_node: Node, _key: str, _unknown: Unknown) -> None:
    """What cannot be filled in here is reported when the whole app is filled in."""
