"""`up`: look, plan, record, apply, wait; and back again where it fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from ciprov.domain.environment import EnvironmentRecord, Phase
from ciprov.domain.marathon import MarathonConflict, MarathonDenied, MarathonInvalid
from ciprov.environments.applying import apply
from ciprov.environments.endpoints import Addresses, endpoints
from ciprov.environments.fixed_ports import fixed_host_ports
from ciprov.environments.giving_up import Attempt, failure, outage
from ciprov.environments.hooks.around_up import UpHooks, with_hooks
from ciprov.environments.hooks.records import Stage
from ciprov.environments.journal import Journal, begun, changed, journalled
from ciprov.environments.lifetime.expiry import after_up
from ciprov.environments.mending import await_mended
from ciprov.environments.names import refuse_collision
from ciprov.environments.outlook import Build, Outlook, look
from ciprov.environments.outside import Outside
from ciprov.environments.plan import Action
from ciprov.environments.progress import Planned
from ciprov.environments.readiness import Limits
from ciprov.environments.results import Interrupted, Origin, PlanConflict, UpOptions, UpResult
from ciprov.environments.session import MarathonGone, Report, Session
from ciprov.environments.tree import apps_of, version_of
from ciprov.environments.up_record import WRITTEN, operation_of, record_of
from ciprov.environments.waiting import NotReady, StillThere
from ciprov.environments.writing import ForeignDeployment
from ciprov.foundation.json import JsonObject

_FAILURES = (NotReady, StillThere, ForeignDeployment, MarathonConflict, MarathonInvalid, MarathonDenied)


@dataclass(frozen=True, slots=True)
class _Up:
    """One `up` whose record is saved."""

    outside: Outside
    outlook: Outlook
    journal: Journal
    options: UpOptions
    session: Session

    @property
    def limits(self) -> Limits:
        before, plan = self.outlook.before, self.outlook.plan
        # What ran well before, and what nothing is done to, need not prove it again.
        settled = before is not None and before.phase is Phase.READY and before.operation is None
        kept = plan.of(Action.KEEP) if settled else ()
        return Limits(timeout=float(self.outlook.desired.timeout), settled=frozenset(app.app_id for app in kept))

    @property
    def hooks(self) -> UpHooks:
        context, here = self.outside.context, self.outside.here
        return UpHooks(
            self.outlook.plan.hooks,
            self.session,
            here,
            self.outlook.desired,
            self.journal.record,
            context.service_address,
        )

    @property
    def base(self) -> Mapping[str, int]:
        return self.outlook.before.counts if self.outlook.before else {}

    @property
    def attempt(self) -> Attempt:
        before, desired = self.outlook.before, self.outlook.desired
        return Attempt(
            desired.name,
            desired.group_path,
            self.journal,
            self.session,
            self.limits,
            changes=self.outlook.plan.changes,
            on_failure=self.options.on_failure,
            before=self.outlook.live if before is None or before.operation is None else None,
        )


def bring_up(outside: Outside, name: str, build: Build, options: UpOptions, report: Report) -> UpResult:
    """Raises `PlanConflict`, `UpFailed`, `NameCollision`, `Interrupted` and `LockHeld`."""
    recorded = False
    outside = outside.called(options.deed)
    try:
        with outside.environment_locked(name, "env up", options.lock_wait_seconds, report) as check:
            with outside.ports_locked("env up", report):
                root_version = outside.marathon.root_version()
                outlook = with_hooks(look(outside, name, build), options.hooks)
                _refuse_another(outlook.before, options.origin)
                report(Planned(outlook.plan))
                if outlook.plan.conflicts:
                    raise PlanConflict(outlook.plan)
                record = _begin(outside, outlook, options, root_version)
                recorded = True
            desired = outlook.desired
            with journalled(outside, record, outlook.plan.summary) as journal:
                session = outside.session(
                    desired.group_path,
                    check,
                    report,
                    patience=float(desired.timeout),
                    secrets=desired.secret_values,
                    before_step=journal.step,
                )
                return _carry_out(_Up(outside, outlook, journal, options, session))
    except KeyboardInterrupt:
        raise _interrupted(name, recorded) from None


def _begin(outside: Outside, outlook: Outlook, options: UpOptions, root_version: str) -> EnvironmentRecord:
    operation = operation_of(outlook, options, begun(outside, "up"), root_version)
    record = record_of(outside.context.cluster, outlook, options.origin, operation)
    before = outlook.before
    if before is None:
        return outside.store.save(record)
    written = {name: getattr(record, name) for name in WRITTEN}

    def change(found: EnvironmentRecord) -> EnvironmentRecord:
        """What was extended since the record was read shall not be cut again."""
        expires_at = after_up(found, record.ttl_seconds, operation.since)
        return replace(found, **{**written, "expires_at": expires_at})

    return changed(outside, before, change)


def _refuse_another(before: EnvironmentRecord | None, origin: Origin) -> None:
    """Somebody else may have made an environment of this slug from another name since the caller looked."""
    if before is not None and before.given_name and origin.given_name:
        refuse_collision(origin.given_name, before.given_name)


def _carry_out(up: _Up) -> UpResult:
    desired = up.outlook.desired
    ran: list[str] = []
    try:
        ran.extend(up.hooks.run(Stage.BEFORE_UP, desired.apps))
        wrote = _apply(up)
        up = _sent(up)
        if up.options.wait:
            up.session.before_step("wait until every app is ready")
            with up.session.listening():
                await_mended(up.session, up.limits, partial(_apply, up))
        live = _live(up)
        for stage in (Stage.AFTER_UP, Stage.SMOKE):
            ran.extend(up.hooks.run(stage, live) if up.options.wait else up.hooks.postpone(stage))
    except MarathonGone as error:
        raise outage(up.attempt, error) from error
    except _FAILURES as error:
        raise failure(up.attempt, error, ran) from error
    asked = {app_id: int(app.get("instances", 1)) for app_id, app in desired.apps.items()}
    changes: dict[str, Any] = {"counts": asked, "pending_counts": {}, "app_ids": tuple(sorted(asked))}
    changes["app_versions"] = {app_id: version_of(app) for app_id, app in live.items() if app_id in asked}
    if up.options.wait:
        changes |= {"phase": Phase.READY, "failure": ""}
    outcome: Literal["unchanged", "ready", "started"]
    outcome = "unchanged" if not wrote else "ready" if up.options.wait else "started"
    record = up.journal.end(f"{outcome}; hooks: {', '.join(ran)}" if ran else outcome, **changes)
    addresses = Addresses(desired.group_path, up.outside.context.service_address, desired.service_ports, desired.routes)
    return UpResult(
        outcome=outcome,
        plan=up.outlook.plan,
        record=record,
        endpoints=endpoints(live, addresses),
        front_url=addresses.front_url,
        hooks=tuple(ran),
    )


def _live(up: _Up) -> dict[str, JsonObject]:
    """The apps as they are; with their tasks where a fixed port is called on the host that has it."""
    apps = apps_of(up.session.steadily(lambda: up.session.marathon.group(up.outlook.desired.group_path)))
    return {app_id: (up.session.app(app_id) or app) if fixed_host_ports(app) else app for app_id, app in apps.items()}


def _sent(up: _Up) -> _Up:
    """What ciprov does not know is sent by now. Recorded at once: it must not look changed after a crash."""
    outlook = replace(up.outlook, target=up.outlook.target.all_sent())
    if dict(up.journal.record.passed_on) != dict(outlook.passed_on):
        up.journal.note(passed_on=outlook.passed_on)
    return replace(up, outlook=outlook)


def _apply(up: _Up) -> bool:
    return apply(up.session, up.outlook.target, up.journal.record.pending_counts, up.base)


def _interrupted(name: str, recorded: bool) -> Interrupted:
    if not recorded:
        return Interrupted(f"interrupted before environment {name} was touched", way_out="nothing was written")
    return Interrupted(
        f"interrupted: environment {name} was left as it is, and Marathon goes on with what it was given",
        way_out=f"`ciprov env resume {name}` goes on, `ciprov env status {name}` shows where "
        f"it stands, `ciprov env down {name}` removes it",
    )
