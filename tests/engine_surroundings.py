"""What the engine runs among in memory: its database, its clock, and what nothing is listened to."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.group import Group
from ciprov.localcluster.engine.database import Database, Unsaved
from ciprov.localcluster.engine.records import Absences
from ciprov.localcluster.model import Instance

START = datetime(2030, 1, 1, tzinfo=UTC)


class Broken(BaseException):
    """Something happened that must never happen; no `except Exception` swallows it."""


class Killed(BaseException):
    """ciprov was killed at this call."""


class MemoryDatabase(Database):
    """What the engine writes down, kept as long as the engine."""

    def __init__(self) -> None:
        self._apps: dict[tuple[str, str], App] = {}
        self._groups: dict[tuple[str, str], Group] = {}

    def root(self) -> Group | None:
        return None

    def app(self, app_id: str, version: str) -> App:
        return self._apps[app_id, version]

    def app_versions(self, app_id: str) -> Sequence[str]:
        return sorted((version for name, version in self._apps if name == app_id), reverse=True)

    def group(self, group_id: str, version: str) -> Group:
        return self._groups[group_id, version]

    def group_versions(self, group_id: str) -> Sequence[str]:
        return sorted((version for name, version in self._groups if name == group_id), reverse=True)

    def instances(self) -> list[Instance]:
        return []

    def deployments(self) -> list[Any]:
        return []

    def failures(self) -> dict[str, Any]:
        return {}

    def absences(self) -> Absences:
        return Absences()

    def mesos(self) -> dict[tuple[str, str], str]:
        return {}

    def write(self, unsaved: Unsaved) -> None:
        self._apps.update(unsaved.apps)
        self._groups.update(unsaved.groups)


class Timers:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._line: list[tuple[float, int, Timer]] = []
        self._numbers = itertools.count()

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)

    def call_later(self, seconds: float, function: Callable[[], None]) -> Timer:
        timer = Timer(function)
        heapq.heappush(self._line, (self.seconds + seconds, next(self._numbers), timer))
        return timer

    def advance(self, seconds: float) -> None:
        end = self.seconds + seconds
        while self._line and self._line[0][0] <= end:
            due, _, timer = heapq.heappop(self._line)
            self.seconds = max(self.seconds, due)
            if not timer.cancelled:
                timer.function()
        self.seconds = end


@dataclass
class Timer:
    function: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class Nowhere:
    """No hook of these environments runs on this machine."""

    def variables(self) -> Mapping[str, str]:
        return {}

    def command(self, text: str, directory: str, variables: Mapping[str, str], tell: Callable[[str], None]) -> Any:
        raise NotImplementedError

    def page(self, url: str, seconds: float, *, follow: bool = True) -> Any:
        raise NotImplementedError


class Routes:
    def update(self, routes: Mapping[int, Sequence[tuple[str, int]]]) -> None:
        pass


class Bus:
    def publish(self, event_type: str, fields: Mapping[str, Any]) -> None:
        pass

    def published(self, event_type: str, condition: str = "") -> int:
        return 0


def finish(coroutine: Any) -> None:
    """Run what never really waits."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise Broken("the engine waits for something that does not exist here")
