"""The ways in which a changed app is replaced. `replacing.choosing` chooses among them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ciprov.foundation.json import JsonObject


class Strategy(StrEnum):
    """The first two leave it all to the group PUT. The others end the old tasks first, wait until what they held is
    free, and then put the new definition.
    """

    ROLLING = "rolling"
    IN_PLACE = "in-place"
    SCALE_TO_ZERO = "scale-to-zero"
    DELETE_CREATE = "delete-create"

    @property
    def stops_first(self) -> bool:
        return self in (Strategy.SCALE_TO_ZERO, Strategy.DELETE_CREATE)


@dataclass(frozen=True, slots=True)
class Replacement:
    strategy: Strategy
    reason: str


def has_persistent_volume(app: JsonObject) -> bool:
    """Whether deleting `app` would destroy data."""
    return any(volume.get("persistent") for volume in _volumes(app))


def external_volumes(app: JsonObject) -> tuple[str, ...]:
    """The names of its external volumes, sorted: each is attached to one host at a time."""
    names = {_external_name(volume["external"]) for volume in _volumes(app) if volume.get("external")}
    return tuple(sorted(names))


def _external_name(external: object) -> str:
    return str(external.get("name") or "?") if isinstance(external, dict) else "?"


def _volumes(app: JsonObject) -> list[JsonObject]:
    container = app.get("container")
    volumes = container.get("volumes") if isinstance(container, dict) else None
    return [volume for volume in volumes or [] if isinstance(volume, dict)]
