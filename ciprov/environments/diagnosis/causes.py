"""What was seen of an app, and the causes that follow from it: the one that explains most comes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ciprov.environments.current import current_tasks
from ciprov.environments.diagnosis.cause import Cause
from ciprov.environments.diagnosis.ends_of_tasks import cause_of_failure, current_failure
from ciprov.environments.diagnosis.health_checks import health_of
from ciprov.environments.diagnosis.kinds import AT_ONCE, HEALTH, Kind
from ciprov.environments.diagnosis.lost_agents import unreachable_cause
from ciprov.environments.diagnosis.placement import Surroundings, has_rejections, placement_causes
from ciprov.foundation.json import JsonObject

LONG_BACK_OFF = 10.0
"""Seconds until the next try from which the waiting itself is the news."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of one app that is not ready.

    `app` as Marathon answers it with its tasks, `queued` its entry in the queue, `failures` how often tasks of it
    failed in a row and `ended` how often they ended with status 0, as far as somebody watched. `waits_for` names what
    it depends on and is not ready, each with why.
    """

    app: JsonObject
    queued: JsonObject | None = None
    failures: int = 0
    ended: int = 0
    waits_for: Sequence[tuple[str, Cause | None]] = ()
    around: Surroundings = field(default_factory=Surroundings)


def causes(seen: Evidence) -> tuple[Cause, ...]:
    """Each kind once. Nothing where the evidence shows nothing."""
    found: list[Cause | None] = [unreachable_cause(seen.app, seen.around.slaves)]
    runs = bool(current_tasks(seen.app))
    if seen.waits_for and not runs and not seen.queued:
        found.append(_waits(seen.waits_for))
    failure = _failure(seen)
    health = health_of(seen.app)
    waits = seen.queued is not None and not in_back_off(seen.queued)
    placement = placement_causes(seen.app, seen.queued, seen.around) if seen.queued is not None and waits else ()
    refused = waits and seen.queued is not None and has_rejections(seen.queued)
    telling = failure is not None and failure.kind in AT_ONCE | HEALTH | {Kind.OUT_OF_MEMORY, Kind.VOLUME_ATTACHED}
    if health is not None and health.kind is not Kind.HEALTH_SILENT:
        found.append(health)
    if telling or not refused:
        found.append(failure)
    if refused or (placement and placement[0].kind is not Kind.NO_OFFERS):
        found += placement
    found += [failure, _ended(seen), health, *placement]
    if seen.waits_for and not runs:
        found.append(_waits(seen.waits_for))
    if back_off_left(seen.queued) > LONG_BACK_OFF or not any(found):
        found.append(_held_back(seen))
    told: dict[Kind, Cause] = {}
    for cause in found:
        if cause is not None:
            told.setdefault(cause.kind, cause)
    return tuple(told.values())


def in_back_off(queued: JsonObject | None) -> bool:
    """Whether launches of an app are held back because its tasks ended by themselves."""
    return ((queued or {}).get("delay") or {}).get("overdue") is False


def back_off_left(queued: JsonObject | None) -> float:
    """Seconds."""
    return float(((queued or {}).get("delay") or {}).get("timeLeftSeconds") or 0)


def _failure(seen: Evidence) -> Cause | None:
    """What ended its tasks; told as a loop where they end again and again for no better reason."""
    cause = cause_of_failure(seen.app)
    if cause is None or (cause.kind is Kind.UNREACHABLE_AGENT and current_tasks(seen.app)):
        return None
    if cause.kind is not Kind.TASK_FAILED:
        return cause
    evidence = cause.evidence
    left = back_off_left(seen.queued) if in_back_off(seen.queued) else 0.0
    again = seen.failures > 1 or left > float(seen.app.get("backoffSeconds") or 1)
    if left > LONG_BACK_OFF and not again:
        return Cause(Kind.BACK_OFF, f"no task is started for {left:.0f} s (back-off): {cause.text}", evidence)
    if again:
        times = f"{seen.failures} times in a row" if seen.failures > 1 else "again and again"
        return Cause(Kind.CRASH_LOOP, f"{cause.text}, {times}", evidence, cause.advice)
    return cause


def _ended(seen: Evidence) -> Cause | None:
    # Marathon keeps no failure of a command that ends with status 0.
    unexplained = in_back_off(seen.queued) and "tasks" in seen.app and current_failure(seen.app) is None
    if not seen.ended and not unexplained:
        return None
    text = "its command ended by itself with status 0"
    return Cause(Kind.COMMAND_ENDED, f"{text}, {seen.ended} times in a row" if seen.ended > 1 else text)


def _held_back(seen: Evidence) -> Cause | None:
    if not in_back_off(seen.queued):
        return None
    return Cause(Kind.BACK_OFF, f"no task is started for {back_off_left(seen.queued):.0f} s: back-off")


def _waits(waits_for: Sequence[tuple[str, Cause | None]]) -> Cause:
    """What another app only waits for itself is told by the cause at the root."""
    names = ", ".join(name for name, _ in waits_for)
    evidence = tuple(
        dict.fromkeys(
            line
            for name, cause in waits_for
            if cause is not None
            for line in (cause.evidence if cause.kind is Kind.DEPENDENCY_SICK else (f"{name}: {cause}",))
        )
    )
    roots = (cause for _, cause in waits_for if cause is not None and cause.kind is not Kind.DEPENDENCY_SICK)
    why = next((f": {cause.text}" for cause in roots), "")
    return Cause(Kind.DEPENDENCY_SICK, f"it waits for {names}, which {_is(waits_for)} not ready{why}", evidence)


def _is(waits_for: Sequence[object]) -> str:
    return "is" if len(waits_for) == 1 else "are"
