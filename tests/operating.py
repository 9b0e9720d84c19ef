"""`up` and `down` of one environment in a model of Marathon, in few words."""

from __future__ import annotations

from typing import Any

from marathon_model import GROUP, World, app

from ciprov.domain.environment import EnvironmentRecord
from ciprov.environments.desired import Desired
from ciprov.environments.outlook import Build
from ciprov.environments.results import (
    DownOptions,
    OnFailure,
    Origin,
    UpOptions,
    UpResult,
)
from ciprov.environments.resuming import Resumed

ORIGIN = Origin("courseware.yaml", "blueprint: courseware", "me")

KEEP = UpOptions(ORIGIN, on_failure=OnFailure.KEEP)


def up(world: World, shall: Desired, options: UpOptions | None = None, told: list[Any] | None = None) -> UpResult:
    report = (told if told is not None else []).append
    return world.service().up("x", lambda record, taken: shall, options or UpOptions(ORIGIN), report)


def down(world: World, told: list[Any] | None = None) -> Any:
    return world.service().down("x", GROUP, DownOptions(), (told if told is not None else []).append)


def resume(world: World, shall: Desired | None) -> Resumed:
    """`shall` is what the record says, for an `up` that goes on."""

    def rebuild(record: EnvironmentRecord) -> Build:
        assert shall is not None, "nothing was to be built"
        wanted = shall
        return lambda current, taken: wanted

    return world.service().resume("x", rebuild, 600.0, lambda _: None)


CHAIN = (app("db", fixed=31500), app("api", dependencies=["db"]), app("web", dependencies=["api"]))
