"""What is wrong, or worth knowing, in a blueprint: always with the place and, where there is one, the way out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ciprov.foundation.errors import CiprovError


class Severity(StrEnum):
    """ERROR refuses the blueprint; WARNING goes on as written; NOTE tells what ciprov adapts by itself."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. `line` and `column` count from 1; line 0 means that it has no place within `file`.

    `key` is the dotted path of the field (`group.apps[0].instances`); `allowed` says what may stand there,
    `way_out` what to do instead. Never holds the value of a secret.
    """

    file: str
    line: int
    column: int
    key: str
    message: str
    allowed: str = ""
    way_out: str = ""
    severity: Severity = Severity.ERROR

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    def __str__(self) -> str:
        parts = [part for part in (self.place, "" if self.is_error else self.severity.value, self.key) if part]
        text = ": ".join([*parts, self.message])
        if self.allowed:
            text += f" (allowed: {self.allowed})"
        return f"{text}; {self.way_out}" if self.way_out else text

    @property
    def is_error(self) -> bool:
        return self.severity is Severity.ERROR


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """By place in the file, then by key and text; what is said twice of one place is told once, with its way out."""
    told: dict[tuple[object, ...], Finding] = {}
    for finding in sorted(findings, key=lambda f: (not f.way_out, f.key, f.allowed)):
        of_the_call = "" if finding.line else finding.key
        told.setdefault((finding.file, finding.line, finding.column, finding.message, of_the_call), finding)
    return sorted(told.values(), key=lambda f: (f.file, f.line, f.column, f.key, f.message))


def errors(findings: Iterable[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.is_error]


class BlueprintError(CiprovError):
    """The blueprint, or what was asked of it, cannot be used. `findings` holds all of them, warnings included."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(in_order(findings))
        super().__init__("\n".join(str(finding) for finding in errors(self.findings)))


def refuse_errors(findings: Sequence[Finding]) -> None:
    """Raise `BlueprintError` if any of `findings` is an error."""
    if errors(findings):
        raise BlueprintError(findings)
