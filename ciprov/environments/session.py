"""What one operation under way holds in hand: the cluster's ends, its clock, its lease, and whom it tells."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from ciprov.domain.marathon import MarathonEvent, MarathonUnavailable
from ciprov.environments.context import OUTAGE_SECONDS, Clock
from ciprov.environments.ports import Agents, Marathon
from ciprov.environments.progress import AppProgress, AppState, Note, Progress
from ciprov.environments.tree import is_below
from ciprov.foundation.json import JsonObject

Report = Callable[[Progress], None]
T = TypeVar("T")

SHORTEST_POLL = 0.1
LONGEST_POLL = 1.0
_EVENTS = (
    "status_update_event",
    "instance_changed_event",
    "instance_health_changed_event",
    "health_status_changed_event",
    "deployment_step_success",
    "deployment_success",
    "deployment_failed",
)
_NEVER = threading.Event()


def unrecorded(step: str) -> None:
    """For what has no record."""


class MarathonGone(MarathonUnavailable):
    """Marathon went away while an operation was under way, and did not come back in time."""


@dataclass(frozen=True, slots=True)
class Session:
    """`check` raises `LockHeld` once the lease is lost; it is asked before every write and every poll.

    `patience`: seconds to wait for foreign deployments; `outage`: for a Marathon that does not answer. `secrets` are
    hidden from all that is told, and `told` is what was told last of each app. `before_step` records a step that is
    about to be taken.
    """

    marathon: Marathon
    agents: Agents
    clock: Clock
    group_path: str
    check: Callable[[], None]
    report: Report
    patience: float = 300.0
    outage: float = OUTAGE_SECONDS
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    before_step: Callable[[str], None] = unrecorded
    wake: threading.Event = field(default_factory=threading.Event)
    told: dict[str, AppProgress] = field(default_factory=dict)

    def tell(self, progress: AppProgress) -> None:
        """Report it unless it is what was told last of that app: each change once, whoever notices it."""
        if self.told.get(progress.app) != progress:
            self.told[progress.app] = progress
            self.report(progress)

    def note(self, text: str) -> None:
        self.report(Note(text))

    def owns(self, deployment: JsonObject) -> bool:
        """Whether a running deployment acts on nothing but this environment: then an interrupted operation of it, or a
        hand in its group, left it behind.
        """
        affected = deployment.get("affectedApps") or []
        return bool(affected) and all(is_below(str(app), self.group_path) for app in affected)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """While entered, events of the environment end a pause early. They are hints only."""

        def heard(event: MarathonEvent) -> None:
            app = event.data.get("appId") or event.data.get("runSpecId")
            if app is None or is_below(str(app), self.group_path):
                self.wake.set()

        with self.marathon.events(_EVENTS, heard):
            yield

    def steadily(self, read: Callable[[], T]) -> T:
        """What `read` gives, tried again for `outage` seconds while Marathon does not answer. Only for reading.

        Raises `MarathonGone`.
        """
        since = self.clock.monotonic()
        interval, told = SHORTEST_POLL, False
        while True:
            try:
                return read()
            except MarathonUnavailable as error:
                if self.clock.monotonic() - since > self.outage:
                    raise self.gone("", error) from error
                if not told:
                    self.note(f"Marathon does not answer, trying again ({error.message})")
                    told = True
            interval = self.pause(interval)

    def gone(self, what: str, error: MarathonUnavailable) -> MarathonGone:
        """What to raise once an outage has lasted too long; `what` names the write under way, if it was one."""
        during = f" to {what}" if what else ""
        left = [one for one in self.told.values() if one.state not in (AppState.HEALTHY, AppState.ASLEEP)]
        states = ", ".join(f"{one.app} {one.state}" for one in left)
        return MarathonGone(
            f"Marathon went away: no answer{during} for {self.outage:.0f} s ({error.message})"
            + (f"; last seen: {states}" if states else ""),
            status=error.status,
            place=self.marathon.target,
            way_out="repeat the command once it answers",
        )

    def app(self, app_id: str) -> JsonObject | None:
        """The app with its tasks, read steadily."""
        return self.steadily(lambda: self.marathon.app(app_id))

    def pause(self, interval: float) -> float:
        """Wait `interval` seconds, or less after an event, but never poll more than ten times a second.

        Returns the next interval: longer while nothing happens.
        """
        self.clock.wait(_NEVER, SHORTEST_POLL)
        if interval > SHORTEST_POLL:
            self.clock.wait(self.wake, interval - SHORTEST_POLL)
        self.check()
        if self.wake.is_set():
            self.wake.clear()
            return SHORTEST_POLL
        return min(LONGEST_POLL, interval * 1.5)
