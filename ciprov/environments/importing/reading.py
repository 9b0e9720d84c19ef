"""One file: is it a Compose file or a Marathon definition, and what does it say, as nodes that know their file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from ciprov.environments.blueprint.findings import Finding, Severity
from ciprov.environments.blueprint.header import FIELDS
from ciprov.environments.blueprint.nodes import Node
from ciprov.environments.blueprint.parsing import parse
from ciprov.environments.importing.references import cleaned
from ciprov.environments.importing.sources import Report, located
from ciprov.environments.importing.templates import Masked, mask, restored

_MARATHON = frozenset({"id", "apps", "app", "groups", "cmd", "args", "container", "containers", "pods", "*"})


class Form(StrEnum):
    COMPOSE = "compose"
    MARATHON = "marathon"


@dataclass(frozen=True, slots=True)
class Document:
    """One file as read. `masked` holds the template placeholders whose marks stand in `root`."""

    file: str
    form: Form
    root: Node
    masked: Masked


def read(text: str, file: str, report: Report) -> Document | None:
    """`text` as a document; None where it cannot be imported, with the reasons in `report`."""
    text = cleaned(text)
    masked = mask(text, file)
    if masked.findings:
        as_compose = _parsed(text, file)[0]
        if as_compose is None or not _is_compose(as_compose):
            for finding in masked.findings:
                report.add(finding)
            return None
    root, findings = _parsed(text, file) if masked.findings else _parsed(masked.text, file)
    for finding in findings:
        shown = restored(finding.message, masked)
        if "stands twice" in finding.message:
            report.add(replace(finding, message=f"{shown}; the last one counts", severity=Severity.WARNING))
        else:
            report.add(replace(finding, message=shown))
    if root is None or any("stands twice" not in finding.message for finding in findings):
        return None
    root = located(root, file)
    if _is_compose(root):
        plain = masked if not masked.findings else Masked(text)
        return Document(file, Form.COMPOSE, texts_restored(root, plain), Masked(text))
    reason = _not_marathon(root)
    if reason is not None:
        report.refused(root, "", *reason)
        return None
    _not_strict(text, masked, file, report)
    return Document(file, Form.MARATHON, root, masked)


def _parsed(text: str, file: str) -> tuple[Node | None, list[Finding]]:
    root, findings = parse(text, file)
    return root, [replace(one, message=one.message, way_out=_way_out(one)) for one in findings]


def _way_out(finding: Finding) -> str:
    return "give a file that says something" if finding.message == "the file is empty" else finding.way_out


def _is_compose(root: Node) -> bool:
    services = root.value.get("services") if isinstance(root.value, dict) else None
    return services is not None and (isinstance(services.value, dict) or services.value is None)


def _not_marathon(root: Node) -> tuple[str, str] | None:
    """What to say where this is no Marathon definition either; None where it may be one."""
    names = set(root.value) if isinstance(root.value, dict) else set()
    if isinstance(root.value, list):
        if not root.value or not all(isinstance(item.value, dict) for item in root.value):
            return "a list of Marathon apps is expected here", "give Marathon apps or groups, or a Compose file"
    elif not isinstance(root.value, dict):
        return f"this is {root.shown}, no Marathon definition and no Compose file", "give the right file"
    elif {"blueprint", "group"} <= names <= set(FIELDS):
        return "this is a blueprint already", "check it with `ciprov blueprint check`"
    elif not names & _MARATHON:
        return _stranger(root)
    return None


def _stranger(root: Node) -> tuple[str, str]:
    services = [member for _, member in root.members() if {"image", "build"} & set(dict(member.members()))]
    if services and len(services) == len(root.value):
        return "this is a Compose file of version 1, without `services:`", "put the services under `services:`"
    if set(root.value) & {"volumes", "networks", "secrets", "configs", "version", "include"}:
        return "this Compose file has no services", "give the file with the services"
    return "this is no Marathon definition and no Compose file", "a definition has id, apps or groups; Compose services"


def _not_strict(text: str, masked: Masked, file: str, report: Report) -> None:
    """JSON that only a lenient reader takes, such as a comma before a closing brace."""
    if masked.originals or not file.lower().endswith(".json"):
        return
    try:
        json.loads(text.removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        message = f"this is not strict JSON ({error.msg}); Marathon would refuse it. It is read as YAML"
        report.add(Finding(file, error.lineno, error.colno, "", message, severity=Severity.NOTE))
    except (ValueError, RecursionError):
        return


def texts_restored(node: Node, masked: Masked) -> Node:
    """`node` with the marks of placeholders back as the file has them."""
    return map_all(node, lambda text: restored(text, masked)) if masked.originals else node


def map_all(node: Node, change: Callable[[str], str]) -> Node:
    """`node` with all its texts and keys changed."""
    value = node.value
    if isinstance(value, str):
        return node.with_value(change(value))
    if isinstance(value, dict):
        return node.with_value({change(key): map_all(member, change) for key, member in value.items()})
    if isinstance(value, list):
        return node.with_value([map_all(item, change) for item in value])
    return node
