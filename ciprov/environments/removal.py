"""`down`: from the record and the live group, never from a checkout of the blueprint."""

from __future__ import annotations

from collections.abc import Mapping

from ciprov.domain.environment import EnvironmentRecord, Phase
from ciprov.environments.applying import tear_down
from ciprov.environments.journal import begun, changed, journalled
from ciprov.environments.outlook import refuse_foreign
from ciprov.environments.outside import Outside
from ciprov.environments.results import DownOptions, DownResult, Interrupted
from ciprov.environments.session import MarathonGone, Report, Session
from ciprov.environments.steps import Step, teardown_steps
from ciprov.environments.tree import apps_of, relative
from ciprov.environments.waiting import ALARM_SECONDS, await_deployments
from ciprov.foundation.json import JsonObject


def take_down(outside: Outside, name: str, group_path: str, options: DownOptions, report: Report) -> DownResult:
    """`group_path` is where the environment would be if no record tells. The prefix group above it stays.

    Raises `NotOurs`, `StillThere`, `ForeignDeployment`, `MarathonGone`, `Interrupted` and `LockHeld`.
    """
    try:
        with outside.environment_locked(name, "env down", options.lock_wait_seconds, report) as check:
            record = outside.store.get(outside.context.cluster, name)
            path = record.group_path if record else group_path
            live = outside.marathon.group(path)  # patience is for what has begun: a wrong address is told at once
            apps = tuple(relative(app_id, path) for app_id in sorted(apps_of(live)))
            if record is None:
                if not apps:  # an empty group carries no label that says whose it is
                    return DownResult(name, nothing=True)
                refuse_foreign(name, path, live)
            steps, summary = teardown_steps(path, live), f"{len(apps)} apps"
            if record is None:
                with outside.entry(name, "down", summary) as entry:
                    _remove(outside.session(path, check, report), steps)
                    entry.end("removed")
            else:
                with journalled(outside, _removing(outside, record, apps_of(live)), summary) as journal:
                    _remove(outside.session(path, check, report, before_step=journal.step), steps)
                    check()
                    journal.end_with_record("removed")
            return DownResult(name, removed=apps)
    except MarathonGone as error:
        error.message += f"\nenvironment {name} is removed only in part"
        error.way_out = f"`ciprov env down {name}` goes on as soon as Marathon answers"
        raise
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted: environment {name} is removed only in part",
            way_out=f"`ciprov env down {name}` goes on, `ciprov env status {name}` shows what is left",
        ) from None


def _remove(session: Session, steps: tuple[Step, ...]) -> None:
    with session.listening():
        tear_down(session, steps)
        _await_earlier(session)


def _await_earlier(session: Session) -> None:
    """The group may be gone while its tasks still end: an earlier `down` was killed between its delete and its wait."""
    running = session.steadily(session.marathon.deployments)
    await_deployments(session, [str(one.get("id")) for one in running if session.owns(one)], ALARM_SECONDS)


def _removing(outside: Outside, record: EnvironmentRecord, live: Mapping[str, JsonObject]) -> EnvironmentRecord:
    """Keeps the counts that are about to go to zero: an `up` after an interrupted `down` wants them back."""
    pending = {
        app_id: int(app.get("instances", 1)) or record.pending_counts.get(app_id, 0) for app_id, app in live.items()
    }
    return changed(outside, record, phase=Phase.REMOVING, pending_counts=pending, operation=begun(outside, "down"))
