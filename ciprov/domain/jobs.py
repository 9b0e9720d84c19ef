"""Jenkins jobs as definitions give them, and what is wrong in definitions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """ERROR refuses the definitions; WARNING is allowed, and probably not meant."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Line and column count from 1; line 0 means that there is no place within `file`."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True)
class JobFinding:
    """One finding in job definitions."""

    place: Place
    message: str
    way_out: str = ""
    severity: Severity = Severity.ERROR

    @property
    def is_error(self) -> bool:
        return self.severity is Severity.ERROR

    def __str__(self) -> str:
        kind = "" if self.is_error else f"{self.severity.value}: "
        text = f"{self.place}: {kind}{self.message}"
        return f"{text}; {self.way_out}" if self.way_out else text


@dataclass(frozen=True, slots=True)
class PluginNeed:
    """`key` is what needs the plugin, such as `wrapper timestamps`. `plugin` is its short name."""

    plugin: str
    key: str
    place: Place


@dataclass(frozen=True, slots=True)
class JobDefinition:
    """`name` holds folders too: `ciprov/up`. `xml` is the job's config.xml, without any mark of ciprov."""

    name: str
    xml: str
    place: Place
    needs: tuple[PluginNeed, ...] = ()


@dataclass(frozen=True, slots=True)
class Definitions:
    """All jobs that could be made of what was read, and all findings, in the order of the files."""

    jobs: tuple[JobDefinition, ...]
    findings: tuple[JobFinding, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerJob:
    """A job that Jenkins has. `kind` is its Java class; `holds` tells of a folder what stands directly in it."""

    name: str
    kind: str
    description: str = ""
    holds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin of Jenkins that is enabled."""

    name: str
    version: str
    title: str = ""
