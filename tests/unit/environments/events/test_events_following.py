"""Following: events as they come, operations at each look, and what is away is told once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ciprov.domain.environment import HistoryEntry
from ciprov.domain.marathon import MarathonDenied, MarathonEvent, MarathonUnavailable
from ciprov.environments.context import Clock, Context
from ciprov.environments.events.following import LOOK_SECONDS, Followed, follow
from ciprov.environments.outside import Outside
from ciprov.foundation.errors import CiprovError

START = datetime(2030, 1, 1, tzinfo=UTC)


class Enough(Exception):
    pass


class Scene:
    """Store and Marathon in one; `script` is what happens, by the second."""

    def __init__(self, script: dict[float, Callable[[Scene], None]]) -> None:
        self.now = 0.0
        self.script = dict(sorted(script.items()))
        self.entries: list[HistoryEntry] = []
        self.away = False
        self.looks: list[float] = []
        self.hear: Any = None
        self.refusal: Exception | None = None

    def deployments(self) -> Any:
        if self.refusal:
            raise self.refusal
        return []

    @contextmanager
    def events(self, types: Any, wake: Any) -> Iterator[None]:
        self.hear = wake
        yield
        self.hear = None

    def list(self, cluster: str) -> Any:
        self.looks.append(self.now)
        if self.away:
            raise CiprovError("no connection")
        return []

    def operations(self, cluster: str, limit: int = 50) -> Any:
        return self.entries[::-1][:limit]

    def history(self, cluster: str, name: str, limit: int = 50) -> Any:
        return [entry for entry in self.operations(cluster, limit) if entry.name == name]

    def wait(self, wake: threading.Event, seconds: float) -> None:
        until = self.now + seconds
        for at in [at for at in self.script if at <= until]:
            self.now = at
            self.script.pop(at)(self)
            if wake.is_set():
                return
        self.now = until

    def follow(self, name: str = "") -> list[str]:
        clock = Clock(lambda: START + timedelta(seconds=self.now), lambda: self.now, self.wait)
        anything: Any = self
        outside = Outside(anything, anything, anything, Context("c", "me", "", clock), anything)
        told: list[str] = []

        def idle() -> None:
            if not self.script and self.now > 20:
                raise Enough

        with suppress(Enough):
            follow(outside, Followed(name, "/ciprov", {}, idle), lambda one: told.append(str(one)[26:]))
        return told


def task(app: str) -> Callable[[Scene], None]:
    data = {"appId": app, "taskStatus": "TASK_RUNNING"}
    return lambda scene: scene.hear(MarathonEvent("status_update_event", data))


def begin(name: str) -> Callable[[Scene], None]:
    def play(scene: Scene) -> None:
        at = START + timedelta(seconds=scene.now)
        scene.entries.append(HistoryEntry("c", name, "up", at, "ann", id=len(scene.entries) + 1))

    return play


def set_away(away: bool) -> Callable[[Scene], None]:
    return lambda scene: setattr(scene, "away", away)


def test_an_event_is_told_at_once_and_an_operation_at_the_next_look():
    scene = Scene({0.5: task("/ciprov/x/api"), 3.0: begin("x")})
    assert scene.follow() == ["x  task api: running", "x  up: began (by ann)"]
    assert scene.looks[:4] == [0.0, LOOK_SECONDS, 2 * LOOK_SECONDS, 3 * LOOK_SECONDS]


def test_events_that_come_all_the_time_do_not_keep_from_looking():
    scene = Scene({number / 4: task("/ciprov/x/api") for number in range(1, 80)})
    scene.follow()
    assert len(scene.looks) >= 10


def test_another_environment_is_not_told():
    scene = Scene({0.5: task("/ciprov/y/api"), 1.0: begin("y"), 3.0: begin("x")})
    assert scene.follow("x") == ["x  up: began (by ann)"]


def test_a_marathon_that_is_away_is_waited_for_and_one_that_refuses_us_is_not():
    scene = Scene({0.5: task("/ciprov/x/api")})
    scene.refusal = MarathonUnavailable("no answer")
    assert scene.follow() == ["x  task api: running"]
    scene.refusal = MarathonDenied("401")
    with pytest.raises(MarathonDenied):
        scene.follow()


def test_a_store_that_is_away_is_told_once_and_what_was_missed_afterwards():
    scene = Scene({1.0: set_away(True), 5.0: begin("x"), 9.0: set_away(False)})
    assert scene.follow() == [
        "-  stream: the records cannot be read: no connection",
        "-  stream: the records are read again",
        "x  up: began (by ann)",
    ]
