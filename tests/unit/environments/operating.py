"""`up` and `down` of one environment in a model of Marathon, in few words."""

from __future__ import annotations

from typing import Any

from marathon_model import GROUP, World, app

from ciprov.environments.desired import Desired
from ciprov.environments.results import (
    DownOptions,
    OnFailure,
    Origin,
    UpOptions,
    UpResult,
)

ORIGIN = Origin("courseware.yaml", "blueprint: courseware", "me")

KEEP = UpOptions(ORIGIN, on_failure=OnFailure.KEEP)


def up(world: World, shall: Desired, options: UpOptions | None = None, told: list[Any] | None = None) -> UpResult:
    report = (told if told is not None else []).append
    return world.service().up("x", lambda record, taken: shall, options or UpOptions(ORIGIN), report)


def down(world: World, told: list[Any] | None = None) -> Any:
    return world.service().down("x", GROUP, DownOptions(), (told if told is not None else []).append)


CHAIN = (app("db", fixed=31500), app("api", dependencies=["db"]), app("web", dependencies=["api"]))
