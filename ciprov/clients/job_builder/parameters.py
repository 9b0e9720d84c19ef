"""Keys of jobs, templates and projects that jenkins-job-builder takes for parameters, and that nothing uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from jenkins_jobs.defaults import job_contents_keys
from jenkins_jobs.errors import JenkinsJobsException
from jenkins_jobs.expander import enum_required_params
from jenkins_jobs.yaml_objects import IncludeJinja2, IncludeRawExpand, YamlInclude

from ciprov.clients.job_builder.places import nearest, place_of
from ciprov.domain.jobs import JobFinding, Place, Severity

_OWN = frozenset({"name", "id", "defaults", "exclude", "template-name"})
_OF_JOBS = frozenset({*job_contents_keys, *_OWN})
_INCLUDES = (IncludeJinja2, IncludeRawExpand, YamlInclude)
"""What brings the text of a file, which may use any parameter."""


def unknown_keys(roots: Any) -> Iterator[JobFinding]:
    for job in roots.jobs.values():
        yield from _of_job(job, "a job")
    for template in roots.job_templates.values():
        yield from _of_job(template, "a template")
    for project in roots.projects.values():
        yield from _of_project(project, roots)


def _of_job(job: Any, what: str) -> Iterator[JobFinding]:
    used, unknown = _used_by(job), _includes(job._contents)
    for key in _unused(job.params, used):
        at = place_of(job.params.key_pos.get(key), place_of(job.pos, Place("")))
        meant = nearest(key, _OF_JOBS - {str(each) for each in job._contents})
        if meant:
            yield JobFinding(at, f"{what} has no key {key!r}", f"did you mean {meant}?")
        elif unknown:
            continue
        elif what == "a job":
            yield JobFinding(at, f"{what} has no key {key!r}, and nothing in it uses it as a parameter")
        else:
            yield JobFinding(at, f"nothing in the template uses the parameter {key!r}", severity=Severity.WARNING)


def _of_project(project: Any, roots: Any) -> Iterator[JobFinding]:
    wanted: set[str] = set()
    templates = [*_named(project.job_specs, roots, set())]
    if not templates:
        return
    for template in templates:
        wanted |= _used_by(template)
    for spec in project.job_specs:
        wanted |= _required(spec.params)
    for key in _unused(project.params, wanted | _required(project.params)):
        at = place_of(project.params.key_pos.get(key), place_of(project.pos, Place("")))
        meant = nearest(key, wanted - {str(each) for each in project.params})
        if not meant and any(_includes(template._contents) for template in templates):
            continue
        way_out = f"did you mean {meant}?" if meant else ""
        message = f"no job or template of the project uses the parameter {key!r}"
        yield JobFinding(at, message, way_out, severity=Severity.WARNING)


def _named(specs: Iterable[Any], roots: Any, seen: set[str]) -> Iterator[Any]:
    for spec in specs:
        name = str(spec.name)
        if name in seen:
            continue
        seen.add(name)
        if name in roots.job_templates:
            yield roots.job_templates[name]
        elif name in roots.job_groups:
            group = roots.job_groups[name]
            yield from _named(group.specs, roots, seen)


def _used_by(job: Any) -> set[str]:
    """Parameters that its text, its own parameters and its defaults ask for."""
    used = _required(job._contents) | _required(job.params) | {"name"}
    for text in (job.name, job.description, job._id, job.folder, job.project_type):
        used |= _required(text) if text else set()
    try:
        defaults = job._pick_defaults(job.defaults_name)
    except JenkinsJobsException:
        return used
    return used | _required(defaults.contents) | _required(defaults.params)


def _includes(value: Any) -> bool:
    if isinstance(value, _INCLUDES):
        return True
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return any(map(_includes, inner))


def _unused(params: Any, used: set[str]) -> list[str]:
    return [str(key) for key in params if str(key) not in used and str(key) not in _OWN]


def _required(value: Any) -> set[str]:
    try:
        return {str(name) for name in enum_required_params(value, None)}
    except (JenkinsJobsException, ValueError):  # of braces that are no parameter: told when the job is made
        return set()
