"""What operations on environments take and give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from ciprov.domain.environment import Endpoint, EnvironmentRecord
from ciprov.environments.deed import OWN_NAME, Deed
from ciprov.environments.diagnosis import Diagnosis
from ciprov.environments.diagnosis.errors import conflict_cause
from ciprov.environments.hooks.records import DUE_HOOKS, HookChoice
from ciprov.environments.plan import Plan
from ciprov.foundation.errors import INTERRUPTED, CiprovError


class OnFailure(StrEnum):
    """What `up` does where an app does not become healthy."""

    ROLLBACK = "rollback"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Origin:
    """What the record keeps of the request: the file's name and its text as used, the owner, the name as given, and the
    branch and repository that the environment is made for, as far as they were said (without credentials). `user` is
    who calls, and the owner of a new environment where no other is said.
    """

    blueprint_file: str
    blueprint_source: str
    owner: str = ""
    given_name: str = ""
    branch: str = ""
    git_remote: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True)
class UpOptions:
    """`wait`: until every app is healthy. `lock_wait_seconds`: for another operation on the same environment. `deed`:
    what the history calls it.
    """

    origin: Origin
    wait: bool = True
    on_failure: OnFailure = OnFailure.ROLLBACK
    lock_wait_seconds: float = 600.0
    hooks: HookChoice = DUE_HOOKS
    deed: Deed = OWN_NAME


def unasked(record: EnvironmentRecord | None) -> None:
    """Who says `down` means it."""


@dataclass(frozen=True, slots=True)
class DownOptions:
    """`agreed` is asked of the record (None: there is none) before anything is done, and raises to stop that."""

    lock_wait_seconds: float = 600.0
    hooks: HookChoice = DUE_HOOKS
    agreed: Callable[[EnvironmentRecord | None], None] = unasked


@dataclass(frozen=True, slots=True)
class UpResult:
    """`outcome`: `unchanged` (nothing was written), `ready`, or `started` where nobody waited for health. `hooks` are
    the names of those that ran.
    """

    outcome: Literal["unchanged", "ready", "started"]
    plan: Plan
    record: EnvironmentRecord
    endpoints: tuple[Endpoint, ...] = ()
    front_url: str = ""
    hooks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DownResult:
    """`removed` are the ids of the apps that were taken away, relative to the group; `nothing` if none was left.
    `hooks` are the names of those that ran.
    """

    name: str
    removed: tuple[str, ...] = ()
    nothing: bool = False
    hooks: tuple[str, ...] = ()


class UpFailed(CiprovError):
    """An app did not become healthy. `rolled_back` tells whether what was there before runs again."""

    def __init__(self, message: str, *, diagnoses: tuple[Diagnosis, ...], rolled_back: bool, way_out: str) -> None:
        super().__init__(message, way_out=way_out)
        self.diagnoses = diagnoses
        self.rolled_back = rolled_back


class PlanConflict(CiprovError):
    """The plan cannot work; nothing was written. The plan carries the conflicts."""

    def __init__(self, plan: Plan) -> None:
        lines = "\n".join(f"  {conflict}" for conflict in plan.conflicts)
        super().__init__(f"environment {plan.environment} cannot be brought up; nothing was written\n{lines}")
        self.plan = plan
        self.diagnoses = tuple(Diagnosis(one.app, "", (conflict_cause(one),)) for one in plan.conflicts)


class Interrupted(CiprovError):
    """The user stopped waiting. Everything was left as it is."""

    exit_code = INTERRUPTED
