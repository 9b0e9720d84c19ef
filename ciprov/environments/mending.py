"""Waits until all is ready, and mends on the way what Marathon leaves undone."""

from __future__ import annotations

from collections.abc import Callable

from ciprov.environments.applying import start_again
from ciprov.environments.diagnosis import Diagnosis
from ciprov.environments.readiness import Limits
from ciprov.environments.session import Session
from ciprov.environments.waiting import NotReady, await_ready

START_AGAIN = 3
"""How often apps are started anew whose update stands still or was cancelled: cancelling one may leave others so."""


def await_mended(session: Session, limits: Limits, again: Callable[[], object]) -> None:
    """Until every app is ready; `again` applies the target once more after apps were stopped. Raises `NotReady`."""
    for _ in range(START_AGAIN):
        stalled = await_ready(session, limits)
        if not stalled:
            return
        session.note(f"starting again what no deployment ends: {', '.join(stalled)}")
        start_again(session, stalled)
        again()
    stalled = await_ready(session, limits)
    if stalled:
        reason = "its tasks are not those of its definition, and Marathon does nothing about it"
        raise NotReady(tuple(Diagnosis(app_id, reason) for app_id in stalled))
