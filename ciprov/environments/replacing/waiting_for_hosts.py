"""Waiting for hosts that may still hold what a new instance is to get."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from ciprov.environments.replacing.partition import CutOff, in_the_way, ways_out
from ciprov.environments.replacing.surveying import survey_of
from ciprov.environments.session import SHORTEST_POLL, Session
from ciprov.environments.waiting import ALARM_SECONDS, OutOfReach
from ciprov.foundation.json import JsonObject


def await_reachable(session: Session, apps: Collection[JsonObject], grace: float) -> None:
    """Until no task is in the way of `apps`, as they shall be.

    Raises `OutOfReach` `ALARM_SECONDS` after the `grace`.
    """
    started = session.clock.monotonic()
    budget = grace + ALARM_SECONDS
    interval, told = SHORTEST_POLL, False
    while lost := session.steadily(partial(_in_the_way, session, apps)):
        what = "; ".join(map(str, lost))
        if session.clock.monotonic() - started > budget:
            raise OutOfReach(
                f"{what}: another instance must not be started while it may, and it did not answer within "
                f"{budget:.0f} s",
                place=session.marathon.target,
                way_out=ways_out(lost),
            )
        if not told:
            session.note(f"{what}: waits up to {budget:.0f} s for it")
            told = True
        interval = session.pause(interval)


def _in_the_way(session: Session, apps: Collection[JsonObject]) -> tuple[CutOff, ...]:
    if not apps:
        return ()
    around = survey_of(session.marathon, session.agents, [str(app["id"]) for app in apps])
    return tuple(task for app in apps for task in in_the_way(app, around))
