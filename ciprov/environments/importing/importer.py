"""`ciprov blueprint import` without the files: texts in, the blueprint's text and everything worth telling out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ciprov.environments.blueprint.findings import Finding, in_order
from ciprov.environments.blueprint.nodes import Node
from ciprov.environments.importing.assembling import Parts, write
from ciprov.environments.importing.compose import ComposeImport
from ciprov.environments.importing.identifiers import blueprint_name, name_of_file
from ciprov.environments.importing.marathon import MarathonImport
from ciprov.environments.importing.marathon_shapes import id_of
from ciprov.environments.importing.parameters import Parameters
from ciprov.environments.importing.reading import Document, Form, read
from ciprov.environments.importing.sources import Report, Unreadable


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import gave.

    `text` is the blueprint, "" where the import was refused. `findings` are by place: an ERROR is what refuses the
    import or is still wrong in the blueprint, a WARNING what could not be carried over, a NOTE what is said in another
    way. `wanted` are files that the definitions name and whose texts were not given: read them and import again.
    """

    name: str
    text: str
    findings: tuple[Finding, ...]
    wanted: tuple[str, ...] = field(default=())


def import_definitions(
    files: Sequence[str], texts: Mapping[str, str | Unreadable], name: str = "", project_dir: str = ""
) -> Imported:
    """Import `files`, in this order. Never raises, whatever the texts are.

    `texts` holds them and all files that they name so far, by path; files that were looked for and cannot be read are
    `Unreadable`. `name` is the blueprint's, "" derives one. `project_dir` is where the files beside a Compose file are,
    as the blueprint may write it; "" means beside the blueprint.
    """
    report, parameters = Report(), Parameters()
    documents = [document for file in files if (document := _document(file, texts, report)) is not None]
    marathon = MarathonImport(parameters, report)
    marathon.read([one for one in documents if one.form is Form.MARATHON])
    compose = ComposeImport(parameters, report, texts, project_dir)
    compose.read([one for one in documents if one.form is Form.COMPOSE])
    own_name = blueprint_name(name) or _name(files, documents, marathon, compose)
    if compose.wanted:
        return Imported(own_name, "", (), tuple(compose.wanted))
    if any(finding.is_error for finding in report.findings):
        return Imported(own_name, "", tuple(in_order(report.findings)))
    group = _together(marathon, compose)
    if any(finding.is_error for finding in report.findings):
        return Imported(own_name, "", tuple(in_order(report.findings)))
    parts = Parts(own_name, group, files, compose.kinds(), compose.default_kind, compose.routes())
    text = write(parts, parameters, report)
    return Imported(own_name, text, tuple(in_order(report.findings)))


def _document(file: str, texts: Mapping[str, str | Unreadable], report: Report) -> Document | None:
    text = texts.get(file, Unreadable("it was not given"))
    if isinstance(text, Unreadable):
        report.add(Finding(file, 0, 0, "", f"the file cannot be read: {text.reason}", way_out="correct the path"))
        return None
    return read(text, file, report)


def _together(marathon: MarathonImport, compose: ComposeImport) -> Node:
    apps = compose.apps()
    if not marathon.members:
        return Node({"apps": Node(apps)})
    if apps:
        marathon.members.apps += [("", app) for app in apps]
    return marathon.group()


def _name(files: Sequence[str], documents: Sequence[Document], marathon: MarathonImport, compose: ComposeImport) -> str:
    if compose.name:
        return compose.name
    only = [node for _, node in [*marathon.members.apps, *marathon.members.groups]]
    if len(only) == 1 and len(documents) == 1:
        return blueprint_name(id_of(only[0])) or "imported"
    return name_of_file(files[0]) if files else "imported"
