"""One thing that happened to an environment: an operation on it, or an event of Marathon. Prints itself as one line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ciprov.domain.environment import HistoryEntry
from ciprov.foundation.clock import timestamp
from ciprov.foundation.json import JsonObject

DID_NOT_END = "has not ended"


class Sort(StrEnum):
    OPERATION = "operation"
    TASK = "task"
    HEALTH = "health"
    DEPLOYMENT = "deployment"
    STREAM = "stream"


@dataclass(frozen=True, slots=True)
class Happening:
    """`at` is ISO-8601 in UTC. `subject` is the operation's name, the app relative to the environment's group, or the
    deployment's id; `state` what it came to. `environment` is empty where it concerns all of them. `facts` are more of
    it for programs.
    """

    at: str
    sort: Sort
    environment: str
    subject: str
    state: str
    detail: str = ""
    facts: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        about = f"{self.sort} {self.subject}".rstrip() if self.sort is not Sort.OPERATION else self.subject
        detail = f" ({first_line(self.detail)})" if self.detail else ""
        return f"{self.at}  {self.environment or '-'}  {about}: {first_line(self.state)}{detail}"

    def to_json(self) -> JsonObject:
        return {
            "at": self.at,
            "sort": self.sort.value,
            "environment": self.environment,
            "subject": self.subject,
            "state": self.state,
            "detail": self.detail,
            **self.facts,
        }


def recorded(entry: HistoryEntry) -> Happening:
    """An operation as a whole, at the time when it began."""
    detail = f"after {_took(entry)}, {_by(entry)}" if entry.ended_at else _by(entry)
    return _of(entry, entry.outcome or DID_NOT_END, timestamp(entry.at), detail)


def began(entry: HistoryEntry) -> Happening:
    return _of(entry, "began", timestamp(entry.at), _by(entry))


def ended(entry: HistoryEntry) -> Happening:
    """`entry` has its end."""
    at = timestamp(entry.ended_at or entry.at)
    return _of(entry, entry.outcome, at, f"after {_took(entry)}, {_by(entry)}")


def seconds_taken(entry: HistoryEntry) -> float | None:
    return round((entry.ended_at - entry.at).total_seconds(), 3) if entry.ended_at else None


def first_line(text: str) -> str:
    line, more, _ = text.partition("\n")
    return f"{line} …" if more else line


def _of(entry: HistoryEntry, state: str, at: str, detail: str) -> Happening:
    facts = {
        "id": entry.id,
        "operation": entry.operation,
        "began_at": timestamp(entry.at),
        "ended_at": timestamp(entry.ended_at) if entry.ended_at else None,
        "seconds": seconds_taken(entry),
        "who": entry.who,
        "summary": entry.summary,
        "outcome": entry.outcome,
    }
    return Happening(at, Sort.OPERATION, entry.name, entry.operation, state, detail, facts)


def _took(entry: HistoryEntry) -> str:
    return f"{seconds_taken(entry) or 0.0:.1f} s"


def _by(entry: HistoryEntry) -> str:
    return f"by {entry.who}; {first_line(entry.summary)}" if entry.summary else f"by {entry.who}"
