"""`up`: look, plan, record, apply, wait; and back again where it fails."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ciprov.domain.environment import EnvironmentRecord, LockHeld, Phase, RecordChanged
from ciprov.domain.marathon import MarathonConflict, MarathonDenied, MarathonInvalid
from ciprov.environments.applying import apply, start_again
from ciprov.environments.diagnosis import Diagnosis
from ciprov.environments.endpoints import Addresses, endpoints
from ciprov.environments.fixed_ports import fixed_host_ports
from ciprov.environments.names import refuse_collision
from ciprov.environments.outlook import Build, Outlook, look
from ciprov.environments.outside import Outside
from ciprov.environments.plan import Action
from ciprov.environments.progress import Planned
from ciprov.environments.readiness import Limits
from ciprov.environments.results import Interrupted, OnFailure, Origin, PlanConflict, UpFailed, UpOptions, UpResult
from ciprov.environments.rollback import remove_all, roll_back, snapshot
from ciprov.environments.session import MarathonGone, Report, Session
from ciprov.environments.tree import apps_of
from ciprov.environments.waiting import NotReady, StillThere, await_ready
from ciprov.environments.writing import ForeignDeployment
from ciprov.foundation.errors import CiprovError
from ciprov.foundation.json import JsonObject

START_AGAIN = 2
"""How often apps are started that a cancelled deployment left behind."""

_FAILURES = (NotReady, StillThere, ForeignDeployment, MarathonConflict, MarathonInvalid, MarathonDenied)


@dataclass(frozen=True, slots=True)
class _Up:
    """One `up` whose record is saved."""

    outside: Outside
    outlook: Outlook
    record: EnvironmentRecord
    options: UpOptions
    session: Session

    @property
    def limits(self) -> Limits:
        before, plan = self.outlook.before, self.outlook.plan
        # What ran well before, and what nothing is done to, need not prove it again.
        kept = plan.of(Action.KEEP) if before is not None and before.phase is Phase.READY else ()
        return Limits(timeout=float(self.outlook.desired.timeout), settled=frozenset(app.app_id for app in kept))

    @property
    def base(self) -> Mapping[str, int]:
        return self.outlook.before.counts if self.outlook.before else {}

    def save(self, record: EnvironmentRecord, **changes: Any) -> EnvironmentRecord:
        now = self.outside.context.clock.now()
        return self.outside.store.save(replace(record, revision=self.record.revision, updated_at=now, **changes))


def bring_up(outside: Outside, name: str, build: Build, options: UpOptions, report: Report) -> UpResult:
    """Raises `PlanConflict`, `UpFailed`, `NameCollision`, `Interrupted` and `LockHeld`."""
    recorded = False
    try:
        with outside.environment_locked(name, "env up", options.lock_wait_seconds, report) as check:
            with outside.ports_locked("env up", report):
                outlook = look(outside, name, build)
                _refuse_another(outlook.before, options.origin)
                report(Planned(outlook.plan))
                if outlook.plan.conflicts:
                    raise PlanConflict(outlook.plan)
                now = outside.context.clock.now()
                record = outside.store.save(_record(outside.context.cluster, outlook, options.origin, now))
                recorded = True
            desired = outlook.desired
            session = outside.session(
                desired.group_path, check, report, patience=float(desired.timeout), secrets=desired.secret_values
            )
            with outside.journal(name, "up", outlook.plan.summary) as journal:
                result = _carry_out(_Up(outside, outlook, record, options, session))
                journal.end(result.outcome)
                return result
    except KeyboardInterrupt:
        raise _interrupted(name, recorded) from None


def _refuse_another(before: EnvironmentRecord | None, origin: Origin) -> None:
    """Somebody else may have made an environment of this slug from another name since the caller looked."""
    if before is not None and before.given_name and origin.given_name:
        refuse_collision(origin.given_name, before.given_name)


def _carry_out(up: _Up) -> UpResult:
    desired = up.outlook.desired
    try:
        wrote = _apply(up)
        up = _sent(up)
        if up.options.wait:
            with up.session.listening():
                _await(up)
    except MarathonGone as error:
        raise _gone(up, error) from error
    except _FAILURES as error:
        raise _failed(up, error) from error
    asked = {app_id: int(app.get("instances", 1)) for app_id, app in desired.apps.items()}
    changes: dict[str, Any] = {"counts": asked, "pending_counts": {}, "app_ids": tuple(sorted(asked))}
    if up.options.wait:
        changes |= {"phase": Phase.READY, "failure": ""}
    record = up.save(up.record, **changes)
    addresses = Addresses(desired.group_path, up.outside.context.service_address, desired.service_ports, desired.routes)
    return UpResult(
        outcome="unchanged" if not wrote else "ready" if up.options.wait else "started",
        plan=up.outlook.plan,
        record=record,
        endpoints=endpoints(_live(up), addresses),
        front_url=addresses.front_url,
    )


def _live(up: _Up) -> dict[str, JsonObject]:
    """The apps as they are; with their tasks where a fixed port is called on the host that has it."""
    apps = apps_of(up.session.steadily(lambda: up.session.marathon.group(up.outlook.desired.group_path)))
    return {app_id: (up.session.app(app_id) or app) if fixed_host_ports(app) else app for app_id, app in apps.items()}


def _sent(up: _Up) -> _Up:
    """What ciprov does not know is sent by now. Recorded at once: it must not look changed after a crash."""
    outlook = replace(up.outlook, target=up.outlook.target.all_sent())
    known = dict(up.record.passed_on) == dict(outlook.passed_on)
    record = up.record if known else up.save(up.record, passed_on=outlook.passed_on)
    return replace(up, outlook=outlook, record=record)


def _apply(up: _Up) -> bool:
    return apply(up.session, up.outlook.target, up.record.pending_counts, up.base)


def _await(up: _Up) -> None:
    for _ in range(START_AGAIN):
        stalled = await_ready(up.session, up.limits)
        if not stalled:
            return
        up.session.note(f"starting again what a cancelled deployment left behind: {', '.join(stalled)}")
        start_again(up.session, stalled)
        _apply(up)
    stalled = await_ready(up.session, up.limits)
    if stalled:
        reason = "its tasks are not those of its definition, and Marathon does nothing about it"
        raise NotReady(tuple(Diagnosis(app_id, reason) for app_id in stalled))


def _gone(up: _Up, error: MarathonGone) -> UpFailed:
    """Nothing can be rolled back now. The phase stays that of an operation under way: the next `up` takes it up."""
    name = up.record.name
    with suppress(CiprovError):  # a store that is away as well must not hide what went wrong
        up.save(up.record, failure=error.message)
    return UpFailed(
        f"{error.message}\nenvironment {name} is in part as it was to be, and nothing was rolled back; once Marathon "
        "is back, it goes on with what it was given",
        diagnoses=(Diagnosis(up.outlook.plan.group_path, error.message),),
        rolled_back=False,
        way_out=f"`ciprov env up {name}` with the same options takes it up, `ciprov env status {name}` shows where it "
        f"stands, `ciprov env down {name}` removes it",
    )


def _failed(up: _Up, error: CiprovError) -> UpFailed:
    """Keep or roll back, record the failure, and give what to raise."""
    name, plan = up.record.name, up.outlook.plan
    diagnoses = error.diagnoses if isinstance(error, NotReady) else (Diagnosis(plan.group_path, error.message),)
    told = "\n".join(map(str, diagnoses))
    if not plan.changes or up.options.on_failure is OnFailure.KEEP:
        up.save(up.record, phase=Phase.FAILED, failure=told)
        left = "left as it is" if plan.changes else "nothing was changed"
        way_out = f"`ciprov env status {name}` and `ciprov env logs {name}` show more"
        return UpFailed(
            f"environment {name} did not become ready, {left}\n{told}",
            diagnoses=diagnoses,
            rolled_back=False,
            way_out=way_out,
        )
    up.session.note("rolling back to what was there before")
    try:
        _roll_back(up, told)
    except (LockHeld, RecordChanged):
        raise
    except KeyboardInterrupt:
        with suppress(RecordChanged):  # it was saved just before
            up.save(up.record, phase=Phase.FAILED, failure=f"{told}\nrolling back was interrupted")
        raise Interrupted(
            f"interrupted while rolling back: environment {name} is in part as it was, in part as it was to be\n{told}",
            way_out=f"`ciprov env up {name}` with options that worked mends it, `ciprov env status {name}` shows where "
            f"it stands, `ciprov env down {name}` removes it",
        ) from None
    except CiprovError as second:
        up.save(up.record, phase=Phase.FAILED, failure=f"{told}\nrolling back failed: {second}")
        return UpFailed(
            f"environment {name} did not become ready\n{told}\nrolling back failed as well\n{second}",
            diagnoses=diagnoses,
            rolled_back=False,
            way_out=f"`ciprov env status {name}` shows what is left; `ciprov env up {name}` tries again, "
            f"`ciprov env down {name}` removes it",
        )
    back = "nothing is left of it" if _nothing_before(up.outlook) else "what was there before runs again"
    return UpFailed(
        f"environment {name} did not become ready; rolled back, {back}\n{told}",
        diagnoses=diagnoses,
        rolled_back=True,
        way_out="`--on-failure keep` leaves what failed running for a closer look",
    )


def _roll_back(up: _Up, told: str) -> None:
    before, live = up.outlook.before, up.outlook.live
    if _nothing_before(up.outlook) or live is None:
        remove_all(up.session)
        nothing: dict[str, Any] = {"app_ids": (), "counts": {}, "pending_counts": {}, "claimed_ports": {}}
        up.save(up.record, phase=Phase.FAILED, failure=told, **nothing)
        return
    pending = before.pending_counts if before else {}
    with up.session.listening():
        roll_back(up.session, up.record.name, snapshot(live, pending), up.limits)
    app_ids = tuple(sorted(apps_of(live)))
    if before is None:
        up.save(up.record, phase=Phase.FAILED, failure=told, app_ids=app_ids, pending_counts={})
    else:
        up.save(before, phase=Phase.READY, failure=told, app_ids=app_ids, pending_counts={})


def _nothing_before(outlook: Outlook) -> bool:
    """Whether there is nothing to go back to: nothing is live, or only what a first `up` began and did not end.

    Apps without a record are what an `up` made whose record is lost since: they are somebody's, and stay.
    """
    before = outlook.before
    begun = before is not None and before.phase is Phase.CREATING and not before.counts
    return begun or not apps_of(outlook.live)


def _record(cluster: str, outlook: Outlook, origin: Origin, now: datetime) -> EnvironmentRecord:
    """The record of an `up` that is about to act: all that a later command needs where this one is killed."""
    before, desired, plan = outlook.before, outlook.desired, outlook.plan
    kept = [app for app in plan.apps if app.action is not Action.REMOVE]
    fresh = EnvironmentRecord(
        cluster=cluster,
        name=desired.name,
        group_path=desired.group_path,
        blueprint=desired.blueprint,
        blueprint_file="",
        blueprint_source="",
        kind=desired.kind,
        phase=Phase.CREATING,
        created_at=now,
        updated_at=now,
        given_name=origin.given_name,
    )
    return replace(
        before or fresh,
        blueprint=desired.blueprint,
        blueprint_file=origin.blueprint_file,
        blueprint_source=origin.blueprint_source,
        kind=desired.kind,
        phase=_phase(outlook),
        updated_at=now,
        owner=origin.owner or (before.owner if before else ""),
        ttl_seconds=desired.ttl,
        expires_at=None if desired.ttl is None else now + timedelta(seconds=desired.ttl),
        parameters=desired.parameters,
        secret_fingerprints=desired.secret_fingerprints,
        service_ports=desired.service_ports,
        routes=desired.routes,
        app_ids=tuple(sorted({*(app.app_id for app in plan.apps), *(before.app_ids if before else ())})),
        pending_counts={app.app_id: app.instances for app in kept},
        claimed_ports={app_id: ports for app_id, app in desired.apps.items() if (ports := fixed_host_ports(app))},
        given_name=(before.given_name if before else "") or origin.given_name,
    )


def _phase(outlook: Outlook) -> Phase:
    before = outlook.before
    if _nothing_before(outlook):
        return Phase.CREATING
    if before is None or outlook.plan.changes or before.phase is Phase.REMOVING:
        return Phase.UPDATING
    return before.phase


def _interrupted(name: str, recorded: bool) -> Interrupted:
    if not recorded:
        return Interrupted(f"interrupted before environment {name} was touched", way_out="nothing was written")
    return Interrupted(
        f"interrupted: environment {name} was left as it is, and Marathon goes on with what it was given",
        way_out=f"`ciprov env up {name}` with the same options goes on waiting, `ciprov env status {name}` shows where "
        f"it stands, `ciprov env down {name}` removes it",
    )
