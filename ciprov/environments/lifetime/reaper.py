"""`reap`: looks, decides, and takes away what nobody needs, one by one. When in doubt it takes away nothing."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from ciprov.domain.environment import EnvironmentRecord, LockHeld
from ciprov.domain.marathon import MarathonError
from ciprov.environments.hooks.records import DUE_HOOKS, HookChoice
from ciprov.environments.lifetime.amending import Ledger, branch_seen
from ciprov.environments.lifetime.branches import Branches
from ciprov.environments.lifetime.reaping import Cause, Policy, Sightings, Verdict, beyond_limits, decide, wrong_clock
from ciprov.environments.outside import Outside
from ciprov.environments.progress import Note
from ciprov.environments.removal import take_down
from ciprov.environments.results import DownOptions, Interrupted
from ciprov.environments.session import Report
from ciprov.foundation.errors import CHANGES, FAILED, OK, CiprovError


@dataclass(frozen=True, slots=True)
class Orders:
    """`force` overrides the limits on how many may go at once, and nothing else. `hooks`: which run before one."""

    policy: Policy
    branches: Branches = field(default_factory=Branches)
    force: bool = False
    dry_run: bool = False
    hooks: HookChoice = DUE_HOOKS


class Outcome(StrEnum):
    KEPT = "kept"
    REMOVED = "removed"
    WOULD_BE_REMOVED = "would be removed"
    SKIPPED = "skipped"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Reaped:
    """One environment; `error` says why it failed or was skipped."""

    record: EnvironmentRecord
    verdict: Verdict
    outcome: Outcome
    error: str = ""


@dataclass(frozen=True, slots=True)
class Reaping:
    """`refused` says why nothing at all was done; `doubts` what could not be looked at."""

    at: datetime
    environments: tuple[Reaped, ...]
    refused: str = ""
    doubts: tuple[str, ...] = ()

    def of(self, outcome: Outcome) -> tuple[Reaped, ...]:
        return tuple(one for one in self.environments if one.outcome is outcome)

    @property
    def exit_code(self) -> int:
        if self.refused or self.doubts or self.of(Outcome.FAILED):
            return FAILED
        return CHANGES if self.of(Outcome.WOULD_BE_REMOVED) else OK


class Spared(CiprovError):
    """Under the lock it turned out that the environment is wanted after all."""


def reap(outside: Outside, orders: Orders, report: Report) -> Reaping:
    """Raises `Interrupted`, and what the store raises; all else is part of what it returns."""
    now = outside.context.clock.now()
    records = outside.store.list(outside.context.cluster)
    sightings = _sightings(outside, records, orders, now)
    verdicts = decide(records, sightings, orders.policy, now)
    refused = _no_safe_stand(outside, records, now)
    if not refused and not orders.force:
        refused = beyond_limits(verdicts, orders.policy)
    pairs = list(zip(records, verdicts, strict=True))
    doubts = tuple(f"{remote}: {why}" for remote, why in orders.branches.silent.items())
    if refused or orders.dry_run:
        outcome = Outcome.REFUSED if refused else Outcome.WOULD_BE_REMOVED
        return Reaping(now, tuple(_left(*pair, outcome) for pair in pairs), refused, doubts)
    return Reaping(now, tuple(_carried_out(outside, *pair, orders, report) for pair in pairs), "", doubts)


def _no_safe_stand(outside: Outside, records: Sequence[EnvironmentRecord], now: datetime) -> str:
    try:
        return wrong_clock(records, now, outside.marathon.server_time())
    except MarathonError as error:
        return f"Marathon cannot be asked: {error.message}"


def _sightings(outside: Outside, records: Sequence[EnvironmentRecord], orders: Orders, now: datetime) -> Sightings:
    """The store is asked only of those that would go who is at them."""
    unlocked = Sightings(branches=orders.branches)
    going = [verdict.name for verdict in decide(records, unlocked, orders.policy, now) if verdict.remove]
    holders = {name: outside.store.holder(outside.lock_key(name)) for name in going}
    return replace(unlocked, locked={name: one.description for name, one in holders.items() if one is not None})


def _left(record: EnvironmentRecord, verdict: Verdict, outcome: Outcome) -> Reaped:
    """What it is where nothing is done; `outcome` is for those that are to go."""
    if verdict.remove:
        return Reaped(record, verdict, outcome)
    return Reaped(record, verdict, Outcome.SKIPPED if verdict.cause is Cause.LOCKED else Outcome.KEPT)


def _carried_out(
    outside: Outside, record: EnvironmentRecord, verdict: Verdict, orders: Orders, report: Report
) -> Reaped:
    context = outside.context
    ledger = Ledger(outside.store, context.cluster, context.who, context.clock.now)
    if not verdict.remove:
        if (verdict.branch_gone_since, verdict.branch) != (record.branch_gone_since, record.branch):
            with suppress(CiprovError):  # it is being removed, or gone: the next run looks again
                branch_seen(ledger, record.name, verdict.branch, verdict.branch_gone_since)
        return _left(record, verdict, Outcome.KEPT)

    def agreed(found: EnvironmentRecord | None) -> None:
        """Somebody may have extended, pinned or removed it since it was looked at."""
        if found is None:
            raise Spared("it was removed by somebody else meanwhile")
        (again,) = decide([found], Sightings(branches=orders.branches), orders.policy, context.clock.now())
        if not again.remove:
            raise Spared(f"it changed meanwhile: {again.reason}")

    def tell(outcome: str) -> None:
        with suppress(CiprovError):  # the report says it all the same, and the others are still to go
            ledger.tell(record.name, "reap", began, verdict.reason, outcome)

    report(Note(f"reaping {record.name}: {verdict.reason}"))
    began = context.clock.now()
    try:
        options = DownOptions(lock_wait_seconds=0.0, hooks=orders.hooks, agreed=agreed)
        take_down(outside, record.name, record.group_path, options, report)
    except Interrupted:
        raise
    except (LockHeld, Spared) as error:
        return Reaped(record, verdict, Outcome.SKIPPED, error.message)
    except CiprovError as error:
        tell(f"failed: {error.message}")
        return Reaped(record, verdict, Outcome.FAILED, str(error))
    tell("removed")
    return Reaped(record, verdict, Outcome.REMOVED)
