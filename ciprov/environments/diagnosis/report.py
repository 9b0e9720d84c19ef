"""A diagnosis of one app, or of an operation: told to people, given to programs, and read back from a record."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from ciprov.environments.diagnosis.cause import Cause, hidden
from ciprov.environments.diagnosis.ends_of_tasks import current_failure
from ciprov.environments.diagnosis.errors import causes_of
from ciprov.environments.diagnosis.kinds import WAYS_OUT, Kind
from ciprov.environments.diagnosis.written import cause_of_output
from ciprov.environments.ports import Agents
from ciprov.foundation.errors import CiprovError
from ciprov.foundation.json import JsonObject

STDERR_BYTES = 2000
_HEAD = re.compile(r"(?P<app>/[^\s:]*): (?P<text>.*) \[(?P<kind>[a-z-]+)\]")
_WORDS = frozenset(kind.value for kind in Kind)
_EVIDENCE, _ALSO, _WAY_OUT, _STDERR = "  seen: ", "  also: ", "  way out: ", "    | "


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`app_id` may be a group where the whole of it failed. `reason` is what became of it, where the causes do not say.

    `stderr` is the end of what its last task wrote.
    """

    app_id: str
    reason: str
    causes: tuple[Cause, ...] = ()
    stderr: str = ""

    @property
    def main(self) -> Cause:
        return self.causes[0] if self.causes else Cause(Kind.UNKNOWN, self.reason)

    @property
    def kind(self) -> Kind:
        return self.main.kind

    def __str__(self) -> str:
        """`read_back` reads this form."""
        main = self.main
        reason = self.reason.partition("\n")[0]
        head = reason if main.text in reason else f"{reason}: {main.text}" if reason else main.text
        lines = [f"{self.app_id}: {head} [{main.kind}]"]
        lines += [f"{_EVIDENCE}{line}" for line in main.evidence if line not in head]
        lines += [f"{_ALSO}{cause}" for cause in self.causes[1:] if cause.text not in head]
        lines += [f"{_WAY_OUT}{main.way_out}"] if main.way_out else []
        if self.stderr:
            lines.append("  end of its stderr:")
            lines += [f"{_STDERR}{line}" for line in self.stderr.splitlines()]
        return "\n".join(lines)

    def to_json(self) -> JsonObject:
        return {
            "app": self.app_id,
            **self.main.to_json(),
            "reason": self.reason,
            "also": [cause.to_json() for cause in self.causes[1:]],
            "stderr": self.stderr,
            # The names of earlier releases.
            "id": self.app_id,
        }


def diagnose(
    app: JsonObject, found: Sequence[Cause], reason: str, agents: Agents, secrets: Collection[str] = ()
) -> Diagnosis:
    """Why an app is not ready: `found`, and what its last task wrote.

    Reads the end of stderr of the task that failed last, else of one that runs; what cannot be read is left out.
    """
    stderr = _stderr(app, agents)
    told = list(found)
    if not told or told[0].kind in (Kind.TASK_FAILED, Kind.CRASH_LOOP):
        wrote = cause_of_output(stderr, told[0].evidence if told else ())
        told = [wrote, *(cause for cause in told if cause.kind is not wrote.kind)] if wrote else told
    return Diagnosis(
        app_id=str(app.get("id", "")),
        reason=hidden(reason, secrets),
        causes=tuple(cause.without(secrets) for cause in told),
        stderr=hidden(stderr.strip("\n"), secrets),
    )


def diagnoses_of(error: CiprovError, place: str) -> tuple[Diagnosis, ...]:
    """Of a failure that is known as an error: its own where it has any; `place` is what failed, an app or a group."""
    own = getattr(error, "diagnoses", None)
    if isinstance(own, tuple) and own:
        return own
    return (Diagnosis(place, error.message, causes_of(error)),)


def read_back(text: str) -> tuple[Diagnosis, ...]:
    """The diagnoses in a text that was made of them, such as the failure in a record. Of older texts: none."""
    found: list[Diagnosis] = []
    for line in text.splitlines():
        head = _HEAD.fullmatch(line)
        if head and head["kind"] in _WORDS:
            found.append(Diagnosis(head["app"], head["text"], (Cause(Kind(head["kind"]), head["text"]),)))
        elif found:
            found[-1] = _with_line(found[-1], line)
    return tuple(found)


def _with_line(diagnosis: Diagnosis, line: str) -> Diagnosis:
    main, *rest = diagnosis.causes
    if line.startswith(_EVIDENCE):
        main = replace(main, evidence=(*main.evidence, line.removeprefix(_EVIDENCE)))
    elif line.startswith(_WAY_OUT):
        advice = line.removeprefix(_WAY_OUT)
        main = replace(main, advice="" if advice == WAYS_OUT[main.kind] else advice)
    elif line.startswith(_ALSO):
        text, _, kind = line.removeprefix(_ALSO).rpartition(" [")
        if kind.rstrip("]") in _WORDS:
            rest.append(Cause(Kind(kind.rstrip("]")), text))
    elif line.startswith(_STDERR):
        stderr = f"{diagnosis.stderr}\n{line.removeprefix(_STDERR)}" if diagnosis.stderr else line.removeprefix(_STDERR)
        return replace(diagnosis, stderr=stderr)
    return replace(diagnosis, causes=(main, *rest))


def _stderr(app: JsonObject, agents: Agents) -> str:
    failure = current_failure(app) or {}
    task_id, agent_id = failure.get("taskId"), failure.get("slaveId")
    if not task_id:
        running = [task for task in app.get("tasks") or [] if task.get("slaveId")]
        task_id, agent_id = (running[-1].get("id"), running[-1].get("slaveId")) if running else (None, None)
    return (agents.sandbox_tail(agent_id, task_id, "stderr", STDERR_BYTES) or "") if task_id and agent_id else ""
