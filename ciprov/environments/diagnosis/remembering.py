"""What is remembered between two looks at an app: between two tries there is nothing to see."""

from __future__ import annotations

from ciprov.environments.current import current_tasks
from ciprov.environments.diagnosis.cause import Cause
from ciprov.environments.diagnosis.causes import back_off_left, in_back_off
from ciprov.environments.diagnosis.health_checks import health_of
from ciprov.environments.diagnosis.kinds import PLACEMENT, Kind
from ciprov.environments.diagnosis.placement import Surroundings, has_rejections, placement_causes
from ciprov.foundation.json import JsonObject

_SAYS_LITTLE = frozenset(
    {Kind.HEALTH_SILENT, Kind.NO_OFFERS, Kind.BACK_OFF, Kind.TASK_FAILED, Kind.CRASH_LOOP, Kind.COMMAND_ENDED}
)


def worth_remembering(app: JsonObject, queued: JsonObject | None, around: Surroundings) -> Cause | None:
    """What this look saw that explains something, besides failures, which Marathon keeps itself."""
    health = health_of(app)
    if health is not None and health.kind is not Kind.HEALTH_SILENT:
        return health
    if queued is None or in_back_off(queued) or not has_rejections(queued):
        return None
    return placement_causes(app, queued, around)[0]


def still_holds(cause: Cause | None, app: JsonObject) -> Cause | None:
    """What kept an app from being started explains nothing once it runs."""
    return None if cause is not None and cause.kind in PLACEMENT and current_tasks(app) else cause


def best_first(found: tuple[Cause, ...], remembered: Cause | None) -> tuple[Cause, ...]:
    """`found` by the last look, after what is `remembered` where that says more."""
    if remembered is None or (found and found[0].kind not in _SAYS_LITTLE):
        return found
    return (remembered, *(cause for cause in found if cause.kind is not remembered.kind))


def in_one_line(found: tuple[Cause, ...], queued: JsonObject | None) -> str:
    """The first cause, for a line of progress; empty where there is none."""
    if not found or found[0].kind is Kind.HEALTH_SILENT:
        return found[0].text if found else ""
    told = str(found[0])
    if in_back_off(queued) and found[0].kind is not Kind.BACK_OFF:
        told += f"; back-off, next try in {back_off_left(queued):.0f} s"
    return told
