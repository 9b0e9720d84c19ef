"""`sleep` and `wake`: all instances go to zero and come back, while definitions, ports and volumes stay.

From the first write of a `sleep` to the good end of a `wake` the phase is ASLEEP, and `pending_counts` hold what every
app is to have again: `up` reads them too, so it wakes what sleeps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from ciprov.domain.environment import EnvironmentRecord, Phase
from ciprov.environments.applying import apply, tear_down
from ciprov.environments.blueprint.load import load
from ciprov.environments.blueprint.records import DEFAULT_TIMEOUT
from ciprov.environments.diagnosis import Diagnosis
from ciprov.environments.diagnosis.cause import deployment_stuck
from ciprov.environments.journal import begun, changed, journalled
from ciprov.environments.lifetime.unfinished import cut_short
from ciprov.environments.live_values import may_be_secret
from ciprov.environments.outside import Outside
from ciprov.environments.planning import Target
from ciprov.environments.readiness import Limits
from ciprov.environments.results import Interrupted
from ciprov.environments.rollback import snapshot
from ciprov.environments.session import MarathonGone, Report, Session
from ciprov.environments.status import NoSuchEnvironment
from ciprov.environments.steps import DeleteGroup, teardown_steps
from ciprov.environments.tree import apps_of
from ciprov.environments.up_record import with_way_back
from ciprov.environments.waiting import NotReady, await_ready
from ciprov.foundation.errors import CiprovError
from ciprov.foundation.json import JsonObject

SETTLE_SECONDS = 0.5
"""For which an app without health checks must run: less than in an `up`, as this very definition ran before."""


@dataclass(frozen=True, slots=True)
class Rest:
    """`counts` are the instances per absolute app id, remembered or running again. `changed`: something was done."""

    record: EnvironmentRecord
    counts: Mapping[str, int]
    changed: bool


def fall_asleep(outside: Outside, name: str, lock_wait: float, report: Report) -> Rest:
    """Apps stop before what they depend on. Raises `NoSuchEnvironment`, `StillThere`, `Interrupted`, `LockHeld`."""
    with _saying_how_to_go_on(name, "sleep"), outside.environment_locked(name, "env sleep", lock_wait, report) as check:
        record, live = _found(outside, name)
        _refuse_unfinished(record, "sleep")
        apps = apps_of(live)
        running = [app_id for app_id, app in apps.items() if int(app.get("instances", 1)) or _tasks(app)]
        counts = {one: int(app.get("instances", 1)) or record.pending_counts.get(one, 0) for one, app in apps.items()}
        if record.phase is Phase.ASLEEP and not running and record.operation is None:
            return Rest(record, counts, changed=False)
        operation = with_way_back(begun(outside, "sleep"), record, outside.marathon.root_version())
        asleep: dict[str, Any] = {"phase": Phase.ASLEEP, "pending_counts": counts, "operation": operation}
        record = changed(outside, record, lambda found: replace(found, **asleep))
        with journalled(outside, record, f"{len(running)} apps") as journal:
            session = outside.session(record.group_path, check, report, before_step=journal.step)
            steps = tuple(one for one in teardown_steps(record.group_path, live) if not isinstance(one, DeleteGroup))
            with session.listening():
                tear_down(session, steps)
            return Rest(journal.end("asleep", failure=""), counts, changed=True)


def wake_up(outside: Outside, name: str, lock_wait: float, timeout: int | None, report: Report) -> Rest:
    """Wait until every app is ready, `timeout` seconds for each (None: as its blueprint says).

    Raises `NoSuchEnvironment`, `NotReady`, `ForeignDeployment`, `Interrupted` and `LockHeld`.
    """
    with _saying_how_to_go_on(name, "wake"), outside.environment_locked(name, "env wake", lock_wait, report) as check:
        record, live = _found(outside, name)
        _refuse_unfinished(record, "wake")
        if record.phase is not Phase.ASLEEP:
            counts = {app_id: int(app.get("instances", 1)) for app_id, app in apps_of(live).items()}
            return Rest(record, counts, changed=False)
        _refuse_missing(record, live)
        body = snapshot(live, record.pending_counts)
        counts = {app_id: int(app.get("instances", 1)) for app_id, app in apps_of(body).items()}
        patience = float(_timeout(record) if timeout is None else timeout)
        operation = with_way_back(begun(outside, "wake"), record, outside.marathon.root_version())
        record = changed(outside, record, lambda found: replace(found, pending_counts=counts, operation=operation))
        with journalled(outside, record, f"{len(counts)} apps") as journal:
            session = outside.session(
                record.group_path,
                check,
                report,
                patience=patience,
                secrets=may_be_secret(record, apps_of(live)),
                before_step=journal.step,
            )
            try:
                with session.listening():
                    apply(session, Target(name, record.group_path, body), counts, {})
                    _await(session, Limits(timeout=patience, settle=SETTLE_SECONDS))
            except NotReady as error:
                journal.close(failure=str(error))
                raise CiprovError(
                    f"environment {name} did not wake\n{error.message}",
                    place=outside.marathon.target,
                    way_out=f"`ciprov env wake {name}` tries again, `ciprov env sleep {name}` stops it, `ciprov env up "
                    f"{name}` changes it",
                ) from error
            now = outside.context.clock.now()
            return Rest(
                journal.end("awake", phase=Phase.READY, pending_counts={}, failure="", last_used_at=now),
                counts,
                changed=True,
            )


@contextmanager
def _saying_how_to_go_on(name: str, command: str) -> Iterator[None]:
    """After Ctrl-C, and where Marathon went away for too long."""
    done = {"sleep": "asleep", "wake": "awake"}[command]
    way_out = f"`ciprov env {command} {name}` goes on, `ciprov env status {name}` shows where it stands"
    try:
        yield
    except MarathonGone as error:
        error.message += f"\nenvironment {name} is {done} only in part"
        error.way_out = way_out
        raise
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted: environment {name} is {done} only in part", way_out=way_out) from None


def _found(outside: Outside, name: str) -> tuple[EnvironmentRecord, JsonObject]:
    record = outside.store.get(outside.context.cluster, name)
    if record is None:
        raise NoSuchEnvironment(
            f"there is no record of environment {name}",
            place=outside.marathon.target,
            way_out=f"`ciprov env list` shows those that are there; `ciprov env adopt {name}` records one again",
        )
    live = outside.marathon.group(record.group_path)
    if live is None or not apps_of(live):
        raise CiprovError(
            f"nothing is there of environment {name}",
            place=outside.marathon.target,
            way_out=f"`ciprov env up {name}` makes it again, `ciprov env down {name}` forgets it",
        )
    return record, live


def _refuse_unfinished(record: EnvironmentRecord, command: str) -> None:
    """What another operation left half-done must not be taken for what the environment is to be."""
    other = cut_short(record)
    if other not in ("", "sleep", "wake"):
        raise CiprovError(
            f"environment {record.name} cannot {command}: {other!r} was cut short there",
            way_out=f"`ciprov env resume {record.name}` goes on with that, `ciprov env up {record.name}` as well",
        )


def _refuse_missing(record: EnvironmentRecord, live: JsonObject) -> None:
    missing = sorted(one for one, count in record.pending_counts.items() if count and one not in apps_of(live))
    if missing:
        raise CiprovError(
            f"environment {record.name} cannot wake: {', '.join(missing)} went away while it slept",
            way_out=f"`ciprov env up {record.name}` makes anew what is missing and wakes the rest",
        )


def _await(session: Session, limits: Limits) -> None:
    session.before_step("wait until every app is ready")
    stalled = await_ready(session, limits)
    if stalled:
        reason = "its deployment was cancelled half-way, and its tasks are not those of its definition"
        raise NotReady(tuple(Diagnosis(app_id, reason, (deployment_stuck(reason),)) for app_id in stalled))


def _timeout(record: EnvironmentRecord) -> int:
    if not record.blueprint_source:
        return DEFAULT_TIMEOUT
    return load(record.blueprint_source, record.blueprint_file)[0].timeout


def _tasks(app: JsonObject) -> int:
    return sum(int(app.get(count) or 0) for count in ("tasksStaged", "tasksRunning"))
