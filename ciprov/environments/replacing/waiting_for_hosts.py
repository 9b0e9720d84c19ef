"""Waiting for hosts that may still hold what a new instance is to get."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from ciprov.environments.replacing.around import Around
from ciprov.environments.replacing.partition import CutOff, cut_off, ways_out
from ciprov.environments.session import SHORTEST_POLL, Session
from ciprov.environments.waiting import ALARM_SECONDS, StillThere


class OutOfReach(StillThere):
    """Tasks of an app cannot be reached, and may still hold its ports or volumes."""


def await_reachable(session: Session, app_ids: Collection[str], grace: float) -> None:
    """Until no task of `app_ids` is cut off from the cluster. Raises `OutOfReach` `ALARM_SECONDS` after the `grace`."""
    started = session.clock.monotonic()
    budget = grace + ALARM_SECONDS
    interval, told = SHORTEST_POLL, False
    while lost := session.steadily(partial(_cut_off, session, app_ids)):
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


def _cut_off(session: Session, app_ids: Collection[str]) -> tuple[CutOff, ...]:
    if not app_ids:
        return ()
    tasks = {app_id: tuple(session.marathon.tasks(app_id)) for app_id in app_ids}
    around = Around(tasks, session.agents.agents(), session.agents.unreachable_tasks())
    return tuple(task for app_id in app_ids for task in cut_off(app_id, around))
