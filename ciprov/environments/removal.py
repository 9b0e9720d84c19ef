"""`down`: from the record and the live group, never from a checkout of the blueprint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ciprov.domain.environment import EnvironmentRecord, Operation, Phase
from ciprov.environments.applying import tear_down
from ciprov.environments.hooks.around_down import DownStopped, hidden_values, hooks_before_down, run_before_down
from ciprov.environments.hooks.recorded import RecordedHooks
from ciprov.environments.hooks.scene import HookFailed
from ciprov.environments.journal import Journal, begun, changed, journalled
from ciprov.environments.outlook import refuse_foreign
from ciprov.environments.outside import Check, Outside
from ciprov.environments.results import DownOptions, DownResult, Interrupted
from ciprov.environments.session import MarathonGone, Report, Session
from ciprov.environments.steps import Step, teardown_steps
from ciprov.environments.tree import apps_of, relative
from ciprov.environments.up_record import BEFORE, remembered
from ciprov.environments.waiting import ALARM_SECONDS, await_deployments
from ciprov.foundation.json import JsonObject


@dataclass(frozen=True, slots=True)
class _Down:
    """One `down` that holds the environment's lock."""

    outside: Outside
    record: EnvironmentRecord
    check: Check
    report: Report


def take_down(outside: Outside, name: str, group_path: str, options: DownOptions, report: Report) -> DownResult:
    """`group_path` is where the environment would be if no record tells. The prefix group above it stays.

    Raises `NotOurs`, `StillThere`, `ForeignDeployment`, `MarathonGone`, `DownStopped`, `Interrupted` and `LockHeld`.
    """
    try:
        with outside.environment_locked(name, "env down", options.lock_wait_seconds, report) as check:
            record = outside.store.get(outside.context.cluster, name)
            path = record.group_path if record else group_path
            live = outside.marathon.group(path)  # patience is for what has begun: a wrong address is told at once
            apps = tuple(relative(app_id, path) for app_id in sorted(apps_of(live)))
            if record is None:
                options.agreed(None)
                if not apps:  # an empty group carries no label that says whose it is
                    return DownResult(name, nothing=True)
                refuse_foreign(name, path, live)
            if record is not None:
                return _take_down_recorded(_Down(outside, record, check, report), live, options)
            with outside.entry(name, "down", f"{len(apps)} apps") as entry:
                _remove(outside.session(path, check, report), teardown_steps(path, live))
                entry.end("removed")
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


def _take_down_recorded(down: _Down, live: JsonObject | None, options: DownOptions) -> DownResult:
    """Hooks first: until they are done, nothing is stopped, and the record stays as it was but for the operation."""
    outside, record, apps = down.outside, down.record, apps_of(live)
    found = hooks_before_down(outside, record, apps, options.hooks)
    first = {"operation": _with_way_back(outside, record), **({} if found.hooks else _stopping(record, apps))}
    names = tuple(relative(app_id, record.group_path) for app_id in sorted(apps))
    ran: tuple[str, ...] = ()

    def change(found: EnvironmentRecord) -> EnvironmentRecord:
        options.agreed(found)
        return replace(found, **first)

    with journalled(outside, changed(outside, record, change), f"{len(apps)} apps") as journal:
        session = outside.session(
            record.group_path,
            down.check,
            down.report,
            secrets=hidden_values(found, record, apps),
            before_step=journal.step,
        )
        if found.hooks:
            ran = _run_hooks(found, down, session, journal, apps)
            live = session.steadily(partial(outside.marathon.group, record.group_path))
            journal.note(**_stopping(record, apps_of(live)))
        _remove(session, teardown_steps(record.group_path, live))
        down.check()
        journal.end_with_record(f"removed; hooks: {', '.join(ran)}" if ran else "removed")
    return DownResult(record.name, removed=names, hooks=ran)


def _run_hooks(
    found: RecordedHooks, down: _Down, session: Session, journal: Journal, apps: Mapping[str, JsonObject]
) -> tuple[str, ...]:
    record = down.record
    try:
        return run_before_down(found, down.outside, session, record, apps)
    except HookFailed as error:
        journal.note(operation=record.operation, failure=error.message)
        raise DownStopped(record.name, f"{error.hook.title} failed\n{error.message}") from error
    except KeyboardInterrupt:
        journal.note(operation=record.operation)
        raise Interrupted(
            f"interrupted while hooks ran: nothing of environment {record.name} was stopped",
            way_out=f"`ciprov env down {record.name}` runs them again, `--skip-hooks` none of them",
        ) from None


def _with_way_back(outside: Outside, record: EnvironmentRecord) -> Operation:
    """Who runs `up` after a `down` that was cut short wants the environment: where that fails, it goes back to all."""
    operation = begun(outside, "down")
    if record.operation is not None:
        return replace(operation, restore=record.operation.restore, settings=record.operation.settings)
    return replace(operation, restore=outside.marathon.root_version(), settings={BEFORE: remembered(record)})


def _stopping(record: EnvironmentRecord, live: Mapping[str, JsonObject]) -> dict[str, Any]:
    """Keeps the counts that are about to go to zero: an `up` after an interrupted `down` wants them back."""
    pending = {
        app_id: int(app.get("instances", 1)) or record.pending_counts.get(app_id, 0) for app_id, app in live.items()
    }
    return {"phase": Phase.REMOVING, "pending_counts": pending}
