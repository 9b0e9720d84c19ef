"""An `up` that failed: what it leaves, the way back, and what is said of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from ciprov.domain.environment import LockHeld, Phase, RecordChanged
from ciprov.environments.diagnosis import Diagnosis
from ciprov.environments.diagnosis.report import diagnoses_of
from ciprov.environments.journal import Journal
from ciprov.environments.readiness import Limits
from ciprov.environments.results import Interrupted, OnFailure, UpFailed
from ciprov.environments.rollback import remove_all, roll_back, snapshot
from ciprov.environments.session import MarathonGone, Session
from ciprov.environments.tree import apps_of
from ciprov.environments.up_record import counts_to_restore, restored
from ciprov.environments.waiting import OutOfReach
from ciprov.foundation.errors import CiprovError
from ciprov.foundation.json import JsonObject


@dataclass(frozen=True, slots=True)
class Attempt:
    """An `up` under way. `changes`: whether it had anything to write. `limits` are for what comes back.

    `before` is the live group as it was found, where nothing had cut an operation short before; else None, and the way
    back is asked of Marathon.
    """

    name: str
    group_path: str
    journal: Journal
    session: Session
    limits: Limits
    changes: bool = True
    on_failure: OnFailure = OnFailure.ROLLBACK
    before: JsonObject | None = None


class NoWayBack(CiprovError):
    """Marathon has forgotten what was there before."""


def outage(attempt: Attempt, error: MarathonGone) -> UpFailed:
    """Nothing can be rolled back now. The operation stays in the record: the next `up` takes it up."""
    name = attempt.name
    with suppress(CiprovError):  # a store that is away as well must not hide what went wrong
        attempt.journal.note(failure="\n".join(map(str, diagnoses_of(error, attempt.group_path))))
    return UpFailed(
        f"{error.message}\nenvironment {name} is in part as it was, in part as it was to be; once Marathon is back, it "
        "goes on with what it was given",
        diagnoses=diagnoses_of(error, attempt.group_path),
        rolled_back=False,
        way_out=f"`ciprov env resume {name}` takes it up, `ciprov env status {name}` shows where it stands, "
        f"`ciprov env down {name}` removes it",
    )


def failure(attempt: Attempt, error: CiprovError, hooks: Sequence[str] = ()) -> UpFailed:
    """Keep or roll back, record the failure, and give what to raise. `hooks` are those that ran."""
    name = attempt.name
    diagnoses = diagnoses_of(error, attempt.group_path)
    told = "\n".join(map(str, diagnoses))
    out_of_reach = isinstance(error, OutOfReach)  # what cannot be reached cannot be brought back either
    if not attempt.changes or attempt.on_failure is OnFailure.KEEP or out_of_reach:
        attempt.journal.close(phase=Phase.FAILED, failure=told)
        left = "left as it is" if attempt.changes else "nothing was changed"
        return UpFailed(
            f"environment {name} did not become ready, {left}\n{told}",
            diagnoses=diagnoses,
            rolled_back=False,
            way_out=error.way_out
            if out_of_reach
            else f"`ciprov env status {name}` and `ciprov env logs {name}` show more",
        )
    undone = f"; what its hooks did ({', '.join(hooks)}) is not undone" if hooks else ""
    attempt.session.note(f"rolling back to what was there before{undone}")
    try:
        attempt.journal.go_back(told)
        nothing = _go_back(attempt)
    except (LockHeld, RecordChanged):
        raise
    except MarathonGone as second:
        return outage(attempt, second)
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted while rolling back: environment {name} is in part as it was, in part as it was to be\n{told}",
            way_out=f"`ciprov env resume {name}` goes on rolling back, `ciprov env up {name}` with options that worked "
            f"mends it, `ciprov env status {name}` shows where it stands, `ciprov env down {name}` removes it",
        ) from None
    except CiprovError as second:
        return _stranded(attempt, f"environment {name} did not become ready\n{told}", second, diagnoses)
    back = "nothing is left of it" if nothing else "what was there before runs again"
    return UpFailed(
        f"environment {name} did not become ready; rolled back, {back}{undone}\n{told}",
        diagnoses=diagnoses,
        rolled_back=True,
        way_out="`--on-failure keep` leaves what failed running for a closer look",
    )


def finish_going_back(attempt: Attempt) -> bool:
    """Go back where an earlier process was cut short doing so; whether what was there before is nothing.

    Raises `UpFailed`.
    """
    try:
        return _go_back(attempt)
    except (LockHeld, RecordChanged):
        raise
    except MarathonGone as error:
        raise outage(attempt, error) from error
    except CiprovError as error:
        told = f"environment {attempt.name} was being rolled back\n{attempt.journal.record.failure}"
        raise _stranded(attempt, told, error, diagnoses_of(error, attempt.group_path)) from error


def _stranded(attempt: Attempt, told: str, error: CiprovError, diagnoses: tuple[Diagnosis, ...]) -> UpFailed:
    name, journal = attempt.name, attempt.journal
    journal.close(phase=Phase.FAILED, failure=f"{journal.record.failure}\nrolling back failed: {error}")
    return UpFailed(
        f"{told}\nrolling back failed as well\n{error}",
        diagnoses=diagnoses,
        rolled_back=False,
        way_out=f"`ciprov env status {name}` shows what is left; `ciprov env up {name}` tries again, "
        f"`ciprov env down {name}` removes it",
    )


def _go_back(attempt: Attempt) -> bool:
    """Whether what was there before is nothing. Raises `NoWayBack`, and what applying and waiting raise."""
    journal, session = attempt.journal, attempt.session
    operation, told = journal.operation, journal.record.failure
    if not operation.restore:
        remove_all(session)
        nothing: dict[str, Any] = {"app_ids": (), "counts": {}, "pending_counts": {}, "claimed_ports": {}}
        nothing |= {"cpus": 0.0, "mem": 0.0}
        journal.close(phase=Phase.FAILED, failure=told, **nothing)
        return True
    before = attempt.before or _remembered(attempt)
    with session.listening():
        roll_back(session, attempt.name, snapshot(before, counts_to_restore(operation)), attempt.limits)
    app_ids = tuple(sorted(apps_of(before)))
    journal.rewrite(lambda found: replace(restored(found, operation), app_ids=app_ids, operation=None, failure=told))
    return False


def _remembered(attempt: Attempt) -> JsonObject:
    version = attempt.journal.operation.restore
    session = attempt.session
    before = session.steadily(lambda: session.marathon.group_at(attempt.group_path, version))
    if before is None:
        raise NoWayBack(
            f"Marathon has forgotten how {attempt.group_path} was at {version}, before what was cut short",
            place=session.marathon.target,
            way_out=f"`ciprov env up {attempt.name} --blueprint FILE` with what worked before makes it anew",
        )
    return before
