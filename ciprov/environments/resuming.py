"""`resume`: takes up what was cut short, forward or back, as its record says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ciprov.domain.environment import EnvironmentRecord
from ciprov.environments.bringing_up import bring_up
from ciprov.environments.deed import Deed
from ciprov.environments.giving_up import Attempt, finish_going_back
from ciprov.environments.hooks.records import HookChoice
from ciprov.environments.journal import journalled
from ciprov.environments.lifetime.sleeping import fall_asleep, wake_up
from ciprov.environments.live_values import may_be_secret
from ciprov.environments.outlook import Build
from ciprov.environments.outside import Outside
from ciprov.environments.readiness import Limits
from ciprov.environments.removal import take_down
from ciprov.environments.results import DownOptions, Interrupted, OnFailure, Origin, UpOptions
from ciprov.environments.session import Report
from ciprov.environments.tree import apps_of
from ciprov.foundation.errors import CiprovError

Rebuild = Callable[[EnvironmentRecord], Build]
"""The build of what an `up` was making, from its record. Raises `CiprovError` where a secret is not at hand."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """`operation` is what had been cut short (empty: nothing had), `outcome` what it has become."""

    name: str
    operation: str = ""
    outcome: str = "nothing was cut short"


_UNKNOWN = "nothing was cut short, there is no record of it"


class CannotResume(CiprovError):
    """What was cut short was begun by a newer ciprov."""


def resume(outside: Outside, name: str, rebuild: Rebuild, lock_wait_seconds: float, report: Report) -> Resumed:
    """Raises what the operation itself raises, and `LockHeld` while it is under way."""
    record = outside.store.get(outside.context.cluster, name)
    if record is None or record.operation is None:
        return Resumed(name) if record else Resumed(name, outcome=_UNKNOWN)
    operation = record.operation
    outside = outside.called(Deed("resume"))
    if operation.going_back:
        return Resumed(name, operation.name, _back(outside, name, lock_wait_seconds, report))
    match operation.name:
        case "up":
            options = UpOptions(
                Origin(record.blueprint_file, record.blueprint_source, record.owner, record.given_name),
                wait=bool(operation.settings.get("wait", True)),
                on_failure=OnFailure(str(operation.settings.get("on_failure", OnFailure.ROLLBACK))),
                lock_wait_seconds=lock_wait_seconds,
                hooks=HookChoice(
                    skip=operation.settings.get("skip_hooks") is True, smoke=operation.settings.get("smoke") is True
                ),
            )
            bring_up(outside, name, rebuild(record), options, report)
            return Resumed(name, "up", "ready" if options.wait else "started")
        case "down":
            take_down(outside, name, record.group_path, DownOptions(lock_wait_seconds), report)
            return Resumed(name, "down", "removed")
        case "sleep":
            fall_asleep(outside, name, lock_wait_seconds, report)
            return Resumed(name, "sleep", "asleep")
        case "wake":
            wake_up(outside, name, lock_wait_seconds, None, report)
            return Resumed(name, "wake", "awake")
    raise CannotResume(
        f"environment {name}: this ciprov does not know how to go on with {operation.name!r}",
        way_out="use the newer ciprov that began it, or `ciprov env up` or `ciprov env down`",
    )


def _back(outside: Outside, name: str, lock_wait_seconds: float, report: Report) -> str:
    """Finish the way back of an `up` that had failed."""
    try:
        with outside.environment_locked(name, "env resume", lock_wait_seconds, report) as check:
            record = outside.store.get(outside.context.cluster, name)
            if record is None or record.operation is None or not record.operation.going_back:
                return "somebody else went on with it meanwhile"
            path = record.group_path
            with journalled(outside, record, "rolling back") as journal:
                secrets = may_be_secret(record, apps_of(outside.marathon.group(path)))
                session = outside.session(path, check, report, secrets=secrets, before_step=journal.step)
                limits = Limits(timeout=float(str(record.operation.settings.get("timeout", 300))))
                nothing = finish_going_back(Attempt(name, path, journal, session, limits))
            return "rolled back: nothing is left of it" if nothing else "rolled back: what was there before runs again"
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted while rolling back: environment {name} is in part as it was, in part as it was to be",
            way_out=f"`ciprov env resume {name}` goes on, `ciprov env down {name}` removes it",
        ) from None
