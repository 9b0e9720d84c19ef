"""The blueprint's text from its parts, checked as `ciprov blueprint check` would, with errors at their source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ciprov.environments import desired
from ciprov.environments.blueprint.findings import Finding, Severity, in_order
from ciprov.environments.blueprint.load import load
from ciprov.environments.blueprint.nodes import NOWHERE, Node, Place
from ciprov.environments.importing.emitting import Page
from ciprov.environments.importing.parameters import Parameters
from ciprov.environments.importing.sources import FilePlace, Report

_MOST_COMMENTS = 12


@dataclass(frozen=True, slots=True)
class Parts:
    """What makes up the blueprint. `sources` are the files as they were named."""

    name: str
    group: Node
    sources: Sequence[str]
    kinds: Node | None = None
    default_kind: str = ""
    routes: Sequence[Node] = field(default=())


def write(parts: Parts, parameters: Parameters, report: Report) -> str:
    """The blueprint as YAML. Errors that remain in it are added to `report`, at the places they come from."""
    body = [parts.group, *([parts.kinds] if parts.kinds else []), *parts.routes]
    used = parameters.used_in([text for node in body for text in node.texts()])
    page = Page(used.keys() | {"env.name"})
    losses = sum(not one.is_error and one.severity is Severity.WARNING for one in in_order(report.findings))
    page.comment(f"Imported by `ciprov blueprint import` from {', '.join(parts.sources)}.")
    if losses:
        page.comment(f"Not all could be carried over: {losses} thing{'' if losses == 1 else 's'}, told below.")
    for text in _comments(report.by_owner.get(NOWHERE, [])):
        page.comment(text)
    page.member("blueprint", Node(parts.name), 0)
    if used:
        page.line("")
        page.member("parameters", Node({name: one.as_node() for name, one in used.items()}), 0)
    if parts.kinds is not None:
        page.line("")
        page.member("kinds", parts.kinds, 0)
        page.member("default_kind", Node(parts.default_kind), 0)
    if parts.routes:
        page.line("")
        page.member("routes", Node(list(parts.routes)), 0)
    page.line("")
    page.member("group", parts.group, 0, dict(_app_comments(parts.group, report.by_owner)))
    text = page.text()
    _add_remaining(text, page, report)
    return text


def _comments(findings: Sequence[Finding]) -> list[str]:
    told = [one for one in in_order(findings) if one.severity is not Severity.NOTE]
    lines = [f"{one.place}: {one.key + ': ' if one.key else ''}{one.message}" for one in told[:_MOST_COMMENTS]]
    more = len(told) - _MOST_COMMENTS
    return [*lines, f"… and {more} more, which the import told"] if more > 0 else lines


def _app_comments(group: Node, by_owner: Mapping[Place, list[Finding]]) -> Iterator[tuple[int, list[str]]]:
    apps, groups = group.get("apps"), group.get("groups")
    for app in apps.items() if apps else []:
        if app.at in by_owner and app.at != NOWHERE:
            yield id(app), _comments(by_owner[app.at])
    for inner in groups.items() if groups else []:
        yield from _app_comments(inner, by_owner)


def _add_remaining(text: str, page: Page, report: Report) -> None:
    blueprint, findings = load(text, "")
    for finding in in_order([*findings, *desired.check(blueprint)]):
        if finding.is_error:
            at = page.place(finding.line)
            file = at.file if isinstance(at, FilePlace) else ""
            report.add(replace(finding, file=file, line=at.line, column=at.column))
