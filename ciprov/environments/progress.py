"""What an operation tells while it runs: frozen records that print themselves, for the command line to render."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ciprov.environments.plan import Plan


class AppState(StrEnum):
    """How one app stands, as a user sees it."""

    BLOCKED = "blocked"  # waits for its dependencies
    WAITING = "waiting"  # waits for resources or for its back-off to end
    STARTING = "starting"  # tasks are staging, or run without being healthy yet
    HEALTHY = "healthy"  # as many healthy instances as asked for; without health checks: running for a moment
    ASLEEP = "asleep"  # zero instances are asked for
    STOPPING = "stopping"
    GONE = "gone"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Planned:
    """Comes once, before any write."""

    plan: Plan

    def __str__(self) -> str:
        return str(self.plan)


@dataclass(frozen=True, slots=True)
class AppProgress:
    """`app` is the id relative to the environment's group; comes only when something changed."""

    app: str
    state: AppState
    ready: int = 0
    wanted: int = 0
    detail: str = ""

    def __str__(self) -> str:
        counts = f" {self.ready}/{self.wanted}" if self.wanted else ""
        return f"{self.app}: {self.state}{counts}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True, slots=True)
class Note:
    """One line about the operation as a whole: a step that begins, a lock that is waited for."""

    text: str

    def __str__(self) -> str:
        return self.text


Progress = Planned | AppProgress | Note
