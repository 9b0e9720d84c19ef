"""Whether a rolling update comes to its end where every new instance needs a place that only some agents have. Pure.

The arithmetic is Marathon's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ciprov.foundation.json import JsonObject


@dataclass(frozen=True, slots=True)
class Capacities:
    """An app's `upgradeStrategy`."""

    minimum_health: float
    maximum_over: float

    def __str__(self) -> str:
        return f"{self.minimum_health:g}/{self.maximum_over:g}"

    def keep(self, instances: int) -> int:
        return math.ceil(instances * self.minimum_health)


IN_PLACE = Capacities(0, 0)
"""All old instances end at once, and each new one starts when an old one is gone."""

DEFAULT = Capacities(1, 1)
DEFAULT_WITH_VOLUMES = Capacities(0.5, 0)


@dataclass(frozen=True, slots=True)
class Room:
    """`free` agents could take a new instance at once; `reused`: one more can for each old instance that ends."""

    free: int
    reused: bool


ANYWHERE = Room(1_000_000, reused=True)


@dataclass(frozen=True, slots=True)
class Old:
    """The instances that are to go, as Marathon counts them."""

    healthy: int
    sick: int = 0


def capacities(app: JsonObject) -> Capacities | None:
    """What the app itself says; None where it says nothing, or nothing that is understood."""
    given = app.get("upgradeStrategy")
    if not isinstance(given, dict):
        return None
    least, over = given.get("minimumHealthCapacity", 1), given.get("maximumOverCapacity", 1)
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (least, over))
    return Capacities(float(least), float(over)) if numbers else None


def comes_to_its_end(instances: int, given: Capacities, there: Old, room: Room, *, resident: bool = False) -> bool:
    """Whether all that is `there` is replaced by `instances` new ones, none of which fails.

    Sick ones are not killed at once, and take up capacity until a new one serves. A `resident` app never has more
    instances than asked for: a new one takes over the volumes of an old one.
    """
    keep, most = given.keep(instances), int(instances * (1 + given.maximum_over))
    if keep == most <= there.healthy:
        keep, most = (keep - 1, most) if resident else (keep, most + 1)
    old = there.healthy + there.sick
    kills = min(old, max(0, there.healthy - keep, old - instances))
    new, places = 0, 0 if resident else room.free
    while True:
        old -= kills
        places += kills if room.reused else 0
        started = min(instances - new, most - old - new, places)
        if started <= 0:
            return new >= instances and old == 0
        new += started
        places -= started
        kills = min(old, started)
