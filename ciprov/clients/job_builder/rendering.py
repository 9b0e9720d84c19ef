"""Jobs from definitions: the whole way from files to config.xml, with all findings."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pkg_resources
from jenkins.plugins import PluginVersion
from jenkins_jobs.constants import MAGIC_MANAGE_STRING
from jenkins_jobs.errors import JenkinsJobsException
from jenkins_jobs.loc_loader import LocDict, LocList, LocString
from jenkins_jobs.xml_config import XmlJobGenerator

from ciprov.clients.job_builder.git_scm import keep_as_extensions
from ciprov.clients.job_builder.names import unfit
from ciprov.clients.job_builder.notices import heard
from ciprov.clients.job_builder.parameters import unknown_keys
from ciprov.clients.job_builder.places import BRACES, did_you_mean, finding_of, place_of
from ciprov.clients.job_builder.plugins import plugins_in
from ciprov.clients.job_builder.reading import configuration, files_of, read
from ciprov.clients.job_builder.tracking import tracked
from ciprov.clients.job_builder.watching import WatchingRegistry, unread
from ciprov.domain.jobs import Definitions, JobDefinition, JobFinding, Place, Plugin, PluginNeed, Severity


def render(paths: Sequence[Path], plugins: Sequence[Plugin] | None = None) -> Definitions:
    """`plugins` are those of the Jenkins that the jobs are for: some XML depends on their versions. Without them it is
    made for the newest. Raises `UsageError` where there is no file.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names of tags that jenkins-job-builder would rather call otherwise
        return _render(paths, plugins)


def _render(paths: Sequence[Path], plugins: Sequence[Plugin] | None) -> Definitions:
    config = configuration()
    files = files_of(paths)
    roots, findings = read(files, config)
    findings += unknown_keys(roots)
    registry = WatchingRegistry(config, None if plugins is None else [_info(plugin) for plugin in plugins])
    registry.set_macros(roots.macros)
    defaults = _keys_of_defaults(roots)
    jobs: dict[str, JobDefinition] = {}
    for made in _expanded(roots, findings, Place(str(files[0]) if files else "")):
        job, told = _rendered(made, registry, defaults)
        findings += told
        if job is None or made.incomplete:
            continue
        first = jobs.setdefault(job.name.casefold(), job)
        if first is not job:
            alike = "" if first.name == job.name else ", and Jenkins does not tell capitals apart"
            message = f"there is a job {first.name!r} already{alike}: first at {first.place}"
            findings.append(JobFinding(job.place, message, "rename one of them"))
    return Definitions(tuple(jobs.values()), tuple(_in_order(findings)))


@dataclass(frozen=True, slots=True)
class _Made:
    """A job with its parameters filled in, and where it was asked for. `incomplete`: some are not there."""

    data: Any
    place: Place
    incomplete: bool = False


def _expanded(roots: Any, findings: list[JobFinding], otherwise: Place) -> Iterator[_Made]:
    gather = _Gathering(roots, findings)
    for job in roots.jobs.values():
        yield from gather.made(job.top_level_generate_items, place_of(job.pos, otherwise))
    for project in roots.projects.values():
        place = place_of(project.pos, otherwise)
        known = [project._jobs, project._job_templates, project._job_groups]
        for spec in project.job_specs:
            at = place_of(spec.pos, place)
            if any(spec.name in each for each in known):
                yield from gather.made(partial(_of_spec, project, known, spec), at)
                continue
            names = [name for each in known for name in each]
            way_out = did_you_mean(str(spec.name), names) or "define it, or name its file too"
            findings.append(JobFinding(at, f"there is no job or template {str(spec.name)!r}", way_out))


def _of_spec(project: Any, known: list[Any], spec: Any) -> Iterator[Any]:
    made: Iterator[Any] = project._generate_items(known, [spec], project.defaults_name, params={})
    return made


@dataclass(frozen=True, slots=True)
class _Gathering:
    """What fails is gone through once more, with empty text for missing parameters, to find what else is wrong."""

    roots: Any
    findings: list[JobFinding]

    def made(self, generate: Callable[[], Iterator[Any]], place: Place) -> list[_Made]:
        error, made = self._tried(generate, place)
        if error is None:
            return made
        self.findings.append(error)
        self._allow_empty(True)
        try:
            return [replace(each, incomplete=True) for each in self._tried(generate, place)[1]]
        finally:
            self._allow_empty(False)

    def _tried(self, generate: Callable[[], Iterator[Any]], place: Place) -> tuple[JobFinding | None, list[_Made]]:
        try:
            return None, [_Made(each.data, place) for each in generate()]
        except JenkinsJobsException as error:
            return finding_of(error, place), []
        except (ValueError, IndexError) as error:
            return JobFinding(place, f"there are braces here that are no parameter ({str(error)[:160]})", BRACES), []
        except Exception as error:
            return JobFinding(place, f"this cannot be expanded: {type(error).__name__}: {str(error)[:160]}"), []

    def _allow_empty(self, allow: bool) -> None:
        for item in [*self.roots.jobs.values(), *self.roots.job_templates.values()]:
            for kind in (str, LocString):
                item._expander.expanders[kind]._formatter.allow_empty = allow


def _rendered(
    made: _Made, registry: WatchingRegistry, defaults: set[Place]
) -> tuple[JobDefinition | None, list[JobFinding]]:
    name = str(made.data.get("name"))
    registry.begin(made.place)
    kind = str(made.data.get("project-type") or XmlJobGenerator.kind_default)
    kinds = {point.name: point for point in pkg_resources.iter_entry_points(group=XmlJobGenerator.entry_point_group)}
    if kind not in kinds:
        at = place_of(made.data.value_pos.get("project-type"), made.place)
        return None, [JobFinding(at, f"there is no job type {kind!r}", did_you_mean(kind, kinds, "there are"))]
    no_lists = list(_no_lists(made))
    if no_lists:
        return None, no_lists
    try:
        with heard() as notices:
            registry.amend_job_dicts([made])
            data = tracked(made.data)
            xml = XmlJobGenerator(registry).generateXML([_Data(data)])[0]
    except JenkinsJobsException as error:
        return None, [*registry.findings, finding_of(error, made.place)]
    except Exception as error:
        told = f"the job {name} cannot be made of what is given: {type(error).__name__}: {str(error)[:160]}"
        return None, [*registry.findings, JobFinding(made.place, told)]
    wrong = [*_no_texts(xml.xml, made), *_no_name(str(xml.name), made)]
    if wrong:
        return None, [*registry.findings, *wrong]
    keep_as_extensions(xml.xml)
    module = kinds[kind].load()
    findings = [*registry.findings, *_without_effect(data, module, kind, defaults)]
    findings += [JobFinding(made.place, notice, severity=Severity.WARNING) for notice in notices]
    description = xml.xml.find("description")
    if description is not None:
        description.text = (description.text or "").replace(MAGIC_MANAGE_STRING, "").rstrip() or None
    needs = [*registry.needs, *(PluginNeed(plugin, key, made.place) for plugin, key in plugins_in(xml.xml))]
    unique = {need.plugin: need for need in reversed(needs)}
    return JobDefinition(str(xml.name), xml.output().decode(), made.place, tuple(unique.values())), findings


def _no_lists(made: _Made) -> Iterator[JobFinding]:
    for key in _COMPONENTS:
        if isinstance(made.data.get(key), dict):
            at = place_of(made.data.value_pos.get(key), made.place)
            yield JobFinding(at, f"a list is wanted below {key}", "begin each item with a dash")


_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _no_texts(root: Any, made: _Made) -> Iterator[JobFinding]:
    """What went into the XML as it is and which jenkins-job-builder does not survive: numbers and the like, and
    characters that no XML can hold.
    """
    for element in root.iter():
        for value in (element.text, *element.attrib.values()):
            if value is None or (isinstance(value, str) and not _NO_XML.search(value)):
                continue
            at = place_of(_position(made.data, value), made.place)
            if isinstance(value, str):
                told = f"the character U+{ord(_NO_XML.findall(value)[0]):04X} in {element.tag} cannot stand in a job"
                yield JobFinding(at, told, "write it as an escape of its own language")
            else:
                kind = type(value).__name__.removeprefix("Loc").lower()
                shown = str(value)[:60]
                yield JobFinding(at, f"a text is wanted for {element.tag}, not {shown} ({kind})", "put it into quotes")


def _no_name(name: str, made: _Made) -> Iterator[JobFinding]:
    why = "" if made.incomplete else unfit(name)
    if why:
        at = place_of(made.data.value_pos.get("name"), made.place)
        yield JobFinding(at, f"{name!r} is no name for a job: {why}", "rename it")


def _position(data: Any, value: Any) -> Any:
    """Where a value of a job stands; None where it is not found."""
    if not isinstance(data, LocDict | LocList):
        return None
    pairs = data.items() if isinstance(data, LocDict) else enumerate(data)
    positions = data.value_pos
    for key, each in pairs:
        if type(each) is type(value) and each == value:
            return positions.get(key) if isinstance(positions, dict) else positions[key]
        found = _position(each, value)
        if found is not None:
            return found
    return None


_COMPONENTS = (
    *("builders", "prebuilders", "postbuilders", "publishers", "wrappers", "triggers"),
    *("parameters", "properties", "scm", "reporters", "notifications"),
)


@dataclass(frozen=True, slots=True)
class _Data:
    """As jenkins-job-builder hands a job to its generator."""

    data: Any
    context: tuple[Any, ...] = ()


_ALWAYS_READ = ("name", "folder", "project-type", "id")


def _without_effect(data: Any, module: Any, kind: str, defaults: set[Place]) -> Iterator[JobFinding]:
    """Keys of a job that its type does not read; those that defaults give to all types are nobody's mistake."""
    sources = tuple(each for each in vars(module).values() if callable(each) and hasattr(each, "__code__"))
    scope = vars(__import__(module.__module__, fromlist=["*"]))
    functions = tuple(each for each in scope.values() if getattr(each, "__module__", "") == module.__module__)
    sources += tuple(each for each in functions if hasattr(each, "__code__"))
    data.asked.keys.update(_ALWAYS_READ)
    known_at_top = set(dict.keys(data)) - data.asked.keys
    for finding in unread(data, sources, f"a job of the type {kind}"):
        if finding.place not in defaults:
            top = any(f"{key!r}" in finding.message for key in known_at_top)
            yield _softened(finding) if top else finding


def _softened(finding: JobFinding) -> JobFinding:
    """What is a key of some type of job is no slip, but has no effect on this one."""
    if "did you mean" in finding.way_out:
        return finding
    message = finding.message.replace("has no key", "does not read the key")
    return JobFinding(finding.place, message, severity=Severity.WARNING)


def _keys_of_defaults(roots: Any) -> set[Place]:
    nowhere = Place("")
    return {
        place_of(position, nowhere) for each in roots.defaults.values() for position in each.contents.key_pos.values()
    }


def _info(plugin: Plugin) -> dict[str, Any]:
    return {"shortName": plugin.name, "longName": plugin.title, "version": PluginVersion(plugin.version)}


def _in_order(findings: Sequence[JobFinding]) -> list[JobFinding]:
    """Once each, by their places."""
    once = dict.fromkeys(findings)
    return sorted(once, key=lambda finding: (finding.place, finding.message))
