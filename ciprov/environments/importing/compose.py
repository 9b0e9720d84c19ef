"""Compose files as apps for a blueprint's group: services, their order of starting, profiles as kinds."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ciprov.environments.blueprint.nodes import NOWHERE, Node, node_of
from ciprov.environments.importing.compose_draft import Draft
from ciprov.environments.importing.compose_files import Files
from ciprov.environments.importing.compose_interpolation import Interpolation, variables_of
from ciprov.environments.importing.compose_links import Links
from ciprov.environments.importing.compose_service import Services
from ciprov.environments.importing.compose_volumes import Volumes
from ciprov.environments.importing.identifiers import blueprint_name, free_id, legal_path
from ciprov.environments.importing.parameters import Parameters
from ciprov.environments.importing.reading import Document
from ciprov.environments.importing.references import names_in
from ciprov.environments.importing.sources import Fields, Report, Unreadable, beside, text_of

DEFAULT_KIND = "default"
_USED = {"volumes": ("driver", "driver_opts", "external", "name"), "secrets": ("file", "external", "environment")}


@dataclass
class ComposeImport:
    """Reads all Compose files, as `docker compose -f A -f B` would. `wanted` are files to be read first."""

    parameters: Parameters
    report: Report
    texts: Mapping[str, str | Unreadable]
    project_dir: str = ""
    wanted: list[str] = field(default_factory=list)
    name: str = ""
    default_kind: str = ""
    drafts: list[Draft] = field(default_factory=list)

    def read(self, documents: Sequence[Document]) -> None:
        if not documents:
            return
        first = documents[0].file
        dotenv = beside(first, ".env")
        interpolation = Interpolation(self.parameters, self.report)
        files = Files(self.texts, interpolation, self.report, first=first)
        interpolation.variables = self._variables(files, dotenv)
        for document in documents:
            files.add(document.root)
        self.name = blueprint_name(files.name) if not any(True for _ in names_in(files.name)) else ""
        if not files.services:
            self.report.refused(documents[0].root, "services", "there is no service", "give a file with services")
        volumes = Volumes(
            self.parameters,
            self.report,
            files.sections,
            posixpath.dirname(first),
            frozenset(document.file for document in documents),
            self.project_dir,
        )
        services = Services(self.parameters, self.report, files, volumes)
        for service, node in files.services.items():
            self.report.owner = node.at
            app_id = free_id(legal_path(service.replace("/", "-"), is_app=True), {draft.id for draft in self.drafts})
            if app_id != service:
                self.report.translated(node, f"services.{service}", f"as an id of Marathon it becomes {app_id}")
            self.drafts.append(services.draft(service, app_id, node))
        for draft in self.drafts:
            draft.names |= files.aliases.get(draft.service, set())
        Links(self.drafts, self.report).resolve()
        for draft in self.drafts:
            self.report.owner = draft.node.at
            self._dependencies(draft, files)
        self.report.owner = NOWHERE
        self._sections(files)
        self.wanted = files.wanted

    def apps(self) -> list[Node]:
        return [draft.as_app() for draft in self.drafts]

    def kinds(self) -> Node | None:
        """Profiles as kinds: what a profile does not start has no instances in its kind."""
        profiles = sorted({profile for draft in self.drafts for profile in draft.profiles})
        if not profiles:
            return None
        self.default_kind = DEFAULT_KIND
        kinds: dict[str, dict[str, dict[str, int]]] = {}
        for kind in (DEFAULT_KIND, *[profile for profile in profiles if profile != DEFAULT_KIND]):
            asleep = [one for one in self.drafts if one.profiles and kind not in one.profiles]
            kinds[kind] = {draft.id: {"instances": 0} for draft in asleep}
        return node_of(kinds, NOWHERE)

    def routes(self) -> list[Node]:
        """A way in for every app whose ports Compose publishes, by its first TCP port."""
        made: list[Node] = []
        for draft in self.drafts:
            published = draft.node.get("ports")
            port = next((one for one in draft.ports if one.protocol == "tcp"), None)
            if published is None or not published.items() or port is None or draft.is_on_host_network:
                continue
            route = {"name": draft.id, "app": draft.id, "port": port.name, "path": "/"}
            made.append(node_of(route, draft.node.at))
        return made

    def _variables(self, files: Files, path: str) -> dict[str, str]:
        text = files.text(path)
        return {name: value or "" for _, name, value in variables_of(text)} if isinstance(text, str) else {}

    def _dependencies(self, draft: Draft, files: Files) -> None:
        listed = draft.node.get("depends_on")
        by_service = {one.service: one for one in self.drafts}
        kept: dict[str, Node] = {}
        for name, node in listed.members() if listed is not None else ():
            key = f"{draft.key}.depends_on.{name}"
            target = by_service.get(name)
            if target is None:
                self.report.lost_field(node, key, "there is no such service in the given files")
                continue
            self._condition(target, node, key)
            kept[target.id] = Node(target.id, node.key_at, node.key_at)
        for name, node in files.links.get(draft.service, []):
            if name in by_service and name != draft.service:
                kept.setdefault(by_service[name].id, Node(by_service[name].id, node.at, node.key_at))
        if kept:
            at = listed or draft.node
            draft.app["dependencies"] = Node(list(kept.values()), at.at, at.key_at)

    def _condition(self, target: Draft, node: Node, key: str) -> None:
        fields = Fields(node)
        condition = fields.take("condition")
        text = text_of(condition) if condition is not None else "service_started"
        required = fields.take("required")
        if condition is not None and text == "service_completed_successfully":
            message = f"Marathon waits until {target.service} runs, not until it has ended well"
            self.report.lost(condition, f"{key}.condition", message, "run what ends by itself before `env up`")
        elif condition is not None and text == "service_healthy" and target.check is None:
            message = f"{target.service} has no health check here: Marathon waits only until it runs"
            self.report.lost(condition, f"{key}.condition", message, f"add healthChecks to {target.id}")
        elif condition is not None and text not in {"service_started", "service_healthy"}:
            self.report.lost(condition, f"{key}.condition", f"{condition.shown} is not known")
        elif text == "service_started" and target.check is not None:
            message = f"Marathon waits until {target.service} is healthy, not only until it has started"
            self.report.translated(node, key, message)
        if required is not None and required.value is False:
            self.report.lost(required, f"{key}.required", "Marathon waits for every dependency")
        for name, member in fields.rest():
            self.report.lost_field(member, f"{key}.{name}", "there is no counterpart")

    def _sections(self, files: Files) -> None:
        for name, node in files.sections["networks"].items():
            for option, member in Fields(node).rest():
                key = f"networks.{name}.{option}"
                if member.value is False:
                    continue
                self.report.lost_field(member, key, "networks of Compose are not made: apps are on the agents' bridge")
        used = {name for draft in self.drafts for name in _named(draft)}
        for section in ("volumes", "secrets", "configs"):
            known = _USED.get(section, ("file", "external", "content", "environment"))
            for name, node in files.sections[section].items():
                key = f"{section}.{name}"
                if name not in used:
                    self.report.translated(node, key, "no service uses it; it is left out")
                    continue
                for option, member in Fields(node).rest():
                    if option not in known or (option == "driver_opts" and not _is_tmpfs(member)):
                        self.report.lost_field(member, f"{key}.{option}", "there is no counterpart")


def _is_tmpfs(options: Node) -> bool:
    kind = options.get("type")
    return kind is not None and kind.value == "tmpfs"


def _named(draft: Draft) -> set[str]:
    """The names of volumes, secrets and configs that a service speaks of."""
    found: set[str] = set()
    for section in ("volumes", "secrets", "configs"):
        listed = draft.node.get(section)
        for item in listed.items() if listed is not None else []:
            source = item.get("source") if isinstance(item.value, dict) else item
            text = text_of(source) if source is not None else None
            found.add((text or "").partition(":")[0])
    return found
