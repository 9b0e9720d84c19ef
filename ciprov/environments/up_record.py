"""What the record of an `up` holds: what it is about to make, and the way back to what was there before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from ciprov.domain.environment import EnvironmentRecord, Operation, Phase
from ciprov.environments.fixed_ports import fixed_host_ports
from ciprov.environments.hooks.one_off import is_hook
from ciprov.environments.lifetime.expiry import after_up, later
from ciprov.environments.outlook import Outlook
from ciprov.environments.plan import Action
from ciprov.environments.results import Origin, UpOptions
from ciprov.environments.tree import apps_of

BEFORE = "before"
_MADE_BY_UP = (
    "blueprint",
    "blueprint_file",
    "blueprint_source",
    "kind",
    "ttl_seconds",
    "parameters",
    "secret_fingerprints",
    "service_ports",
    "routes",
    "app_ids",
    "counts",
    "claimed_ports",
    "passed_on",
    "app_versions",
    "owner",
    "team",
    "cpus",
    "mem",
)
"""What goes back where an `up` is rolled back."""

_OF_ITS_BRANCH = ("branch", "git_remote", "branch_gone_since")

WRITTEN = (
    *_MADE_BY_UP,
    *_OF_ITS_BRANCH,
    "phase",
    "expires_at",
    "pending_counts",
    "given_name",
    "operation",
)
"""All that an `up` writes; the rest is for others to change, also while one is under way."""


def record_of(cluster: str, outlook: Outlook, origin: Origin, operation: Operation) -> EnvironmentRecord:
    """The record of an `up` that is about to act: all that a later command needs where this one is killed."""
    before, desired, plan = outlook.before, outlook.desired, outlook.plan
    now = operation.since
    kept = [app for app in plan.apps if app.action is not Action.REMOVE]
    return replace(
        before or _fresh(cluster, outlook, now),
        blueprint=desired.blueprint,
        blueprint_file=origin.blueprint_file,
        blueprint_source=origin.blueprint_source,
        kind=desired.kind,
        phase=_phase(outlook),
        updated_at=now,
        owner=origin.owner or (before.owner if before else "") or origin.user,
        ttl_seconds=desired.ttl,
        expires_at=after_up(before, desired.ttl, now),
        parameters=desired.parameters,
        secret_fingerprints=desired.secret_fingerprints,
        service_ports=desired.service_ports,
        routes=desired.routes,
        app_ids=tuple(sorted({*(app.app_id for app in plan.apps), *(before.app_ids if before else ())})),
        pending_counts={app.app_id: app.instances for app in kept},
        claimed_ports={app_id: ports for app_id, app in desired.apps.items() if (ports := fixed_host_ports(app))},
        given_name=(before.given_name if before else "") or origin.given_name,
        operation=operation,
        team=outlook.team,
        cpus=outlook.need.cpus,
        mem=outlook.need.mem,
        **_branch(before, origin),
    )


def _branch(before: EnvironmentRecord | None, origin: Origin) -> dict[str, Any]:
    """What is not said stays; of another branch it is not known yet that it is gone."""
    if before is None:
        return {"branch": origin.branch, "git_remote": origin.git_remote}
    branch, remote = origin.branch or before.branch, origin.git_remote or before.git_remote
    same = (branch, remote) == (before.branch, before.git_remote)
    return {
        "branch": branch,
        "git_remote": remote,
        "branch_gone_since": before.branch_gone_since if same else None,
    }


def operation_of(outlook: Outlook, options: UpOptions, operation: Operation, root_version: str) -> Operation:
    """`operation` with the way back. Where an earlier one was cut short, that is the way back to what was there before
    that one: what it left behind is no state that anybody wants again.
    """
    before = outlook.before
    settings: dict[str, object] = {"wait": options.wait, "on_failure": options.on_failure.value}
    settings["timeout"] = outlook.desired.timeout
    settings["skip_hooks"], settings["smoke"] = options.hooks.skip, options.hooks.smoke
    if before is not None and before.operation is not None:
        earlier = before.operation
        if BEFORE in earlier.settings:
            settings[BEFORE] = earlier.settings[BEFORE]
        return replace(operation, restore=earlier.restore, settings=settings)
    if nothing_before(outlook):
        return replace(operation, settings=settings)
    if before is not None:
        settings[BEFORE] = remembered(before)
    return replace(operation, restore=root_version, settings=settings)


def with_way_back(operation: Operation, before: EnvironmentRecord, root_version: str) -> Operation:
    """For operations that change no definition, so that an `up` which takes them up can go back as well."""
    earlier = before.operation
    if earlier is None:
        return replace(operation, restore=root_version, settings={**operation.settings, BEFORE: remembered(before)})
    kept = {key: value for key, value in earlier.settings.items() if key == BEFORE}
    return replace(operation, restore=earlier.restore, settings={**operation.settings, **kept})


def nothing_before(outlook: Outlook) -> bool:
    """Whether there is nothing to go back to: nothing is live, or only what a first `up` began and did not end.

    Apps without a record are what an `up` made whose record is lost since: they are somebody's, and stay.
    """
    before = outlook.before
    if before is not None and before.operation is not None:
        return not before.operation.restore
    begun = before is not None and before.phase is Phase.CREATING and not before.counts
    return begun or all(is_hook(app) for app in apps_of(outlook.live).values())


def remembered(record: EnvironmentRecord) -> dict[str, object]:
    """The fields that an operation may change, as JSON."""
    fields = {name: _plain(getattr(record, name)) for name in _MADE_BY_UP}
    expires_at = record.expires_at.isoformat() if record.expires_at else None
    return {
        **fields,
        "phase": record.phase.value,
        "pending_counts": dict(record.pending_counts),
        "expires_at": expires_at,
    }


def restored(record: EnvironmentRecord, operation: Operation) -> EnvironmentRecord:
    """`record` as `operation`, an `up`, found it, but for what others wrote meanwhile."""
    before: Any = operation.settings.get(BEFORE)
    if before is None:  # there was no record
        return replace(record, phase=Phase.FAILED, pending_counts={})
    fields = {name: before[name] for name in _MADE_BY_UP if name in before}
    for name in ("routes", "app_ids"):
        fields[name] = tuple(fields[name])
    fields["claimed_ports"] = {app_id: tuple(ports) for app_id, ports in fields["claimed_ports"].items()}
    slept = before["phase"] == Phase.ASLEEP.value
    return replace(
        record,
        **fields,
        phase=Phase.ASLEEP if slept else Phase.READY,
        pending_counts=before["pending_counts"] if slept else {},
        expires_at=_expiry(record, before, operation.since) if "expires_at" in before else record.expires_at,
    )


def _expiry(record: EnvironmentRecord, before: Mapping[str, Any], since: datetime) -> datetime | None:
    """Of what an `up` begun at `since` has failed to change: by the time to live that it had, not by that `up`'s."""
    ttl = before["ttl_seconds"]
    found = datetime.fromisoformat(before["expires_at"]) if before["expires_at"] else None
    as_found = replace(record, ttl_seconds=ttl, expires_at=found)
    back = after_up(as_found, ttl, since)
    extended = record.expires_at != after_up(as_found, record.ttl_seconds, since)
    return later(back, record.expires_at) if extended else back


def counts_to_restore(operation: Operation) -> Mapping[str, int]:
    """The instances of those apps that were at zero only because an operation had been cut short."""
    before: Any = operation.settings.get(BEFORE) or {}
    slept = before.get("phase") == Phase.ASLEEP.value
    return {} if slept else before.get("pending_counts", {})


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return {key: _plain(item) for key, item in value.items()} if isinstance(value, Mapping) else value


def _fresh(cluster: str, outlook: Outlook, now: datetime) -> EnvironmentRecord:
    desired = outlook.desired
    return EnvironmentRecord(
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
    )


def _phase(outlook: Outlook) -> Phase:
    before = outlook.before
    if nothing_before(outlook):
        return Phase.CREATING
    if before is None or outlook.plan.changes or before.phase in (Phase.REMOVING, Phase.ASLEEP):
        return Phase.UPDATING
    return before.phase
