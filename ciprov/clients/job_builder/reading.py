"""Files of definitions to jenkins-job-builder's roots, one element at a time, so that all findings come at once."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import jenkins_jobs.loader
import yaml
from jenkins_jobs.config import JJBConfig
from jenkins_jobs.errors import JenkinsJobsException
from jenkins_jobs.expander import YamlObjectsExpander
from jenkins_jobs.roots import Roots, root_adders
from jenkins_jobs.yaml_objects import BaseYamlObject, J2BaseYamlObject
from jinja2.sandbox import SandboxedEnvironment

from ciprov.clients.job_builder.places import did_you_mean, finding_of, place_of
from ciprov.domain.jobs import JobFinding, Place, Severity
from ciprov.foundation.errors import UsageError

_PYTHON = "tag:yaml.org,2002:python/"
_VIEWS = frozenset({"view", "view-template", "view-group"})


class _Loader(jenkins_jobs.loader.Loader):  # type: ignore[misc]
    """Without what lets a file run any Python: some tags, and templates in Jinja outside its sandbox."""

    yaml_constructors: ClassVar = {
        tag: constructor
        for tag, constructor in jenkins_jobs.loader.Loader.yaml_constructors.items()
        if not str(tag).startswith(_PYTHON)
    }
    yaml_multi_constructors: ClassVar[dict[str, Any]] = {}

    def _with_stream(self, stream: Any, source_path: Any, source_dir: Any) -> _Loader:
        return _Loader(stream, self.jjb_config, source_path, source_dir, self.anchors)

    @functools.lru_cache(maxsize=1024)  # noqa: B019 - as the one that it stands for: it lives as long as one run
    def load_path(self, path: Path) -> Any:
        return self.load(path.read_text(encoding="utf-8"), source_path=path, source_dir=path.parent)

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        made = super().construct_object(node, deep)
        if isinstance(made, J2BaseYamlObject):
            _confine(made)
        return made

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: dict[str, Any] = {}
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            first = seen.setdefault(str(key.value), key)
            if first is not key and key.tag != "tag:yaml.org,2002:merge":
                raise JenkinsJobsException(
                    f"the key {key.value!r} stands twice: first in line {first.start_mark.line + 1}",
                    pos=self.pos_from_node(key),
                )
        return super().construct_mapping(node, deep)


def _confine(template: Any) -> None:
    """Puts a template that was made outside into the sandbox; what is in it was not run yet."""
    free = template._jinja2_env
    template._jinja2_env = SandboxedEnvironment(loader=free.loader, undefined=free.undefined)
    template._jinja2_env.filters.update(free.filters)
    if hasattr(template, "_template"):
        template._template = template._jinja2_env.from_string(template._template_text)


def configuration() -> Any:
    """Nothing from the user's home or the working directory; includes are looked for beside the file that has them."""
    config = JJBConfig(config_filename="", config_file_required=False, config_section="jenkins")
    config.yamlparser["include_path"] = []
    config.yamlparser["allow_duplicates"] = False
    config.validate()
    return config


def files_of(paths: Sequence[Path]) -> list[Path]:
    """All files, those of a directory in order. Raises `UsageError` where there is none."""
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if file.suffix in {".yaml", ".yml"} and file.is_file())
            if not inside:
                raise UsageError(f"{path}: no .yaml file is in this directory", way_out="name the files themselves")
            found |= dict.fromkeys(inside)
        elif path.exists():
            found[path] = None
        else:
            raise UsageError(
                f"{path}: there is no such file or directory", way_out="name files with job definitions, or directories"
            )
    return list(found)


def read(files: Sequence[Path], config: Any) -> tuple[Any, list[JobFinding]]:
    """The roots, and what is wrong with the files as such."""
    roots = Roots(config)
    loader = _Loader.empty(config)
    findings: list[JobFinding] = []
    for file in files:
        try:
            data = loader.load_path(file)
        except Exception as error:
            findings.append(_unreadable(error, Place(str(file))))
            continue
        findings += _elements(data, Place(str(file), 1, 1), config, roots)
    return roots, findings


def _elements(data: Any, place: Place, config: Any, roots: Any) -> Iterator[JobFinding]:
    if data is None:
        yield JobFinding(place, "the file is empty", severity=Severity.WARNING)
        return
    if not isinstance(data, list):
        at = place_of(getattr(data, "pos", None), place)
        yield JobFinding(at, "a list of definitions is wanted", "begin each with a dash, such as `- job:`")
        return
    expander = YamlObjectsExpander(config)
    positions: list[Any] = getattr(data, "value_pos", [None] * len(data))
    for item, position in zip(data, positions, strict=True):
        at = place_of(position, place)
        if not isinstance(item, dict) or len(item) != 1:
            keys = ", ".join(map(str, item)) if isinstance(item, dict) else type(item).__name__
            yield JobFinding(at, f"one definition is wanted here, not {keys}", "see to the indentation below its key")
            continue
        kind, contents = next(iter(item.items()))
        if not str(kind).startswith("_"):
            yield from _element(str(kind), contents, (at, getattr(item, "pos", position)), (config, roots, expander))


def _element(kind: str, contents: Any, where: tuple[Place, Any], into: tuple[Any, Any, Any]) -> Iterator[JobFinding]:
    (at, position), (config, roots, expander) = where, into
    adder = root_adders.get(kind)
    if adder is None:
        yield JobFinding(
            at, f"there is no definition of the kind {kind!r}", did_you_mean(kind, root_adders, "there are")
        )
        return
    if kind in _VIEWS:
        yield JobFinding(at, "views are left out: ciprov keeps jobs and folders", severity=Severity.WARNING)
        return
    try:
        if isinstance(contents, BaseYamlObject):
            contents = contents.expand(expander, params={})
        if not isinstance(contents, dict):
            yield JobFinding(at, f"a mapping is wanted below {kind}", "indent its keys further than the kind")
            return
        adder(config, roots, contents, position)
    except JenkinsJobsException as error:
        yield finding_of(error, at)
    except Exception as error:
        yield JobFinding(at, f"this {kind} cannot be understood: {_first_line(error)}")


def _unreadable(error: Exception, place: Place) -> JobFinding:
    if isinstance(error, JenkinsJobsException):
        return finding_of(error, place)
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        at = Place(place.file, mark.line + 1, mark.column + 1) if mark else place
        problem = str(error.problem or error.context)
        if _PYTHON in problem:
            return JobFinding(at, "a tag that makes Python objects is not read", "write plain YAML")
        way_out = "quote values that begin with a brace, a star or a percent sign" if "{" in problem else ""
        return JobFinding(at, f"this is no valid YAML: {problem}", way_out)
    if isinstance(error, UnicodeDecodeError):
        return JobFinding(place, "this is no text in UTF-8")
    if isinstance(error, OSError):
        return JobFinding(place, f"this cannot be read: {error.strerror or error}")
    return JobFinding(place, f"this cannot be read: {_first_line(error)}")


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {(str(error).splitlines() or [''])[0][:160]}"
