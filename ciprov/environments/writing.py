"""One write to Marathon, through locks and outages: force what is ours, wait for what is not, read before repeating."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ciprov.domain.marathon import (
    DeploymentRef,
    MarathonConflict,
    MarathonError,
    MarathonInvalid,
    MarathonUnavailable,
)
from ciprov.environments.diagnosis.cause import hidden
from ciprov.environments.diagnosis.kinds import Kind
from ciprov.environments.session import SHORTEST_POLL, Session
from ciprov.foundation.json import JsonObject


class ForeignDeployment(MarathonError):
    """Deployments that are not this environment's held its apps locked for too long."""


def write(session: Session, what: str, attempt: Callable[[bool], DeploymentRef | None]) -> DeploymentRef | None:
    """Call `attempt(force)` until it went through. `what` names the write for people.

    `attempt` reads before it writes and returns None where nothing is left to do, so that it can be repeated after an
    answer was lost. Raises `ForeignDeployment`, `MarathonGone`, and every refusal that is neither a lock nor an outage.
    """
    started = session.clock.monotonic()
    force = False
    silent_since: float | None = None
    told: set[str] = set()
    interval = SHORTEST_POLL
    while True:
        session.check()
        late = session.clock.monotonic() - started > session.patience
        try:
            return _attempted(session, attempt, force)
        except MarathonUnavailable as error:
            now = session.clock.monotonic()
            if silent_since is not None and now - silent_since > session.outage:
                raise session.gone(what, error) from error
            force = False  # other deployments may hold the lock by the time of the next attempt
            if silent_since is None:
                silent_since = now
                session.note(f"{what}: no answer, trying again ({error.message})")
        except MarathonConflict as conflict:
            silent_since = None
            if force or not conflict.deployment_ids:  # no lock
                raise
            locking = _locking(session, conflict)
            foreign = [one for one in locking if not session.owns(one)]
            if late and foreign:
                raise _too_late(session, what, foreign) from conflict
            if late and not locking:
                raise
            if new := {str(one.get("id")) for one in foreign} - told:
                told |= new
                session.note(f"{what}: waits for deployment {_names(foreign)} [{Kind.LOCKED}]")
            # Where they have ended meanwhile, force would only hit whoever comes next.
            force = bool(locking) and not foreign
            if force:
                continue
        interval = session.pause(interval)


def _attempted(session: Session, attempt: Callable[[bool], DeploymentRef | None], force: bool) -> DeploymentRef | None:
    """A refusal may repeat what was sent, secrets included: from here on it does not."""
    try:
        return attempt(force)
    except MarathonError as error:
        error.message = hidden(error.message, session.secrets)
        error.args = (error.message,)
        if isinstance(error, MarathonInvalid):
            error.details = tuple((path, hidden(text, session.secrets)) for path, text in error.details)
        raise


def _locking(session: Session, conflict: MarathonConflict) -> list[JsonObject]:
    """The deployments in the way that still run."""
    running = session.steadily(session.marathon.deployments)
    return [one for one in running if one.get("id") in conflict.deployment_ids]


def _too_late(session: Session, what: str, foreign: Sequence[JsonObject]) -> ForeignDeployment:
    return ForeignDeployment(
        f"{what}: still locked after {session.patience:.0f} s by deployment {_names(foreign)}",
        status=409,
        place=session.marathon.target,
        way_out="wait for its end or have its owner cancel it, then repeat the command",
    )


def _names(deployments: Sequence[JsonObject]) -> str:
    return ", ".join(
        f"{one.get('id')} (which acts on {', '.join(map(str, one.get('affectedApps') or ['?']))})"
        for one in deployments
    )
