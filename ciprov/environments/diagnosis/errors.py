"""What kind of failure an error is: those of Marathon, of the blueprint, of locks, of hooks."""

from __future__ import annotations

import re

from ciprov.domain.environment import LockHeld, RecordChanged
from ciprov.domain.marathon import (
    MarathonConflict,
    MarathonDenied,
    MarathonError,
    MarathonInvalid,
    MarathonUnavailable,
    MarathonUntrusted,
)
from ciprov.environments.blueprint.findings import BlueprintError, errors
from ciprov.environments.blueprint.parameters import COMMAND_LINE, VARIABLE_PREFIX
from ciprov.environments.diagnosis.cause import Cause
from ciprov.environments.diagnosis.kinds import Kind
from ciprov.environments.plan import Conflict
from ciprov.foundation.errors import CiprovError

_LEADERLESS = re.compile(r"current leader|no leader|not the leader|leader is not|waiting for .*leader", re.I)


def causes_of(error: CiprovError) -> tuple[Cause, ...]:
    """The causes of a failure that is known as an error, at least one. An error may name its `kind` itself."""
    lines = error.message.splitlines() or [""]
    evidence = (f"{error.place}: {lines[0]}",) if error.place else ()
    return (Cause(_kind(error), lines[0], (*evidence, *lines[1:]), error.way_out),)


def hook_failed(hook: str, what: str, output: str = "", way_out: str = "") -> Cause:
    """`hook` is how it is called (`after_up seed`), `what` what went wrong, `output` the end of what it wrote."""
    lines = tuple(f"| {line}" for line in output.strip("\n").splitlines())
    return Cause(Kind.HOOK_FAILED, f"hook {hook} failed: {what}", lines, way_out)


def conflict_cause(conflict: Conflict) -> Cause:
    """Of what keeps a plan from being carried out."""
    kind = Kind.PORT_CONFLICT if conflict.holder else Kind.PORT_HELD
    if conflict.over_quota:
        kind = Kind.QUOTA_EXCEEDED
    elif not conflict.port:
        kind = Kind.MARATHON_REFUSED
    elif not conflict.offered:
        kind = Kind.PORT_NOT_OFFERED
    elif conflict.holder and conflict.holder != conflict.app:
        kind = Kind.PORT_HELD
    return Cause(kind, conflict.message, advice=conflict.way_out)


def _kind(error: CiprovError) -> Kind:
    kind = Kind.UNKNOWN
    declared = getattr(error, "kind", None)
    if isinstance(declared, Kind):
        kind = declared
    elif isinstance(error, BlueprintError):
        kind = _of_blueprint(error)
    elif isinstance(error, LockHeld):
        kind = Kind.LOCKED
    elif isinstance(error, RecordChanged):
        kind = Kind.OUTSIDE_HAND
    elif isinstance(error, MarathonError):
        kind = _of_marathon(error)
    return kind


def _of_blueprint(error: BlueprintError) -> Kind:
    places = [finding.file for finding in errors(error.findings)]
    given = bool(places) and all(place == COMMAND_LINE or place.startswith(f"${VARIABLE_PREFIX}") for place in places)
    return Kind.PARAMETER_ERROR if given else Kind.BLUEPRINT_ERROR


def _of_marathon(error: MarathonError) -> Kind:
    if isinstance(error, MarathonDenied):
        return Kind.WRONG_CREDENTIALS if error.status == 401 else Kind.NOT_ALLOWED
    if isinstance(error, MarathonUntrusted):
        return Kind.TLS_ERROR
    if isinstance(error, MarathonConflict):
        return Kind.LOCKED if error.deployment_ids else Kind.MARATHON_REFUSED
    if isinstance(error, MarathonInvalid):
        return Kind.MARATHON_REFUSED
    if isinstance(error, MarathonUnavailable):
        # A Marathon without a leader answers so itself; a proxy in front of it says 502 or 503 in its own words.
        return Kind.NO_LEADER if _LEADERLESS.search(error.message) else Kind.MARATHON_UNREACHABLE
    return Kind.LOCKED if error.status == 409 else Kind.MARATHON_UNREACHABLE
