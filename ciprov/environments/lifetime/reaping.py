"""Which environments nobody needs any more: decided from records, sightings, a policy and the time. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase

from ciprov.domain.environment import EnvironmentRecord, Phase
from ciprov.environments.blueprint import durations
from ciprov.environments.lifetime.branches import Branches, branch_of
from ciprov.environments.lifetime.expiry import last_use, relative, told
from ciprov.environments.lifetime.unfinished import cut_short
from ciprov.foundation.clock import timestamp

CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Policy:
    """`grace` seconds are waited after an expiry, and after a branch was first missed. `idle` seconds without use, and
    `failed_after` seconds after an operation that failed or was cut short, an environment goes; 0 is off.

    More than `max_share` per cent of a cluster's environments, or more than `max_count`, are not removed at once; a
    single one may always go by its share, unless that is 0. `protected_names` and `protected_kinds` are globs.
    """

    grace: int = 3600
    idle: int = 0
    failed_after: int = 86400
    max_share: int = 50
    max_count: int = 20
    protected_names: tuple[str, ...] = ()
    protected_kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sightings:
    """`locked` tells by environment who is at it."""

    locked: Mapping[str, str] = field(default_factory=dict)
    branches: Branches = field(default_factory=Branches)


class Cause(StrEnum):
    """Why an environment goes, or why it stays although it might have gone."""

    EXPIRED = "expired"
    FAILED = "failed"
    BRANCH_GONE = "gone-branch"
    IDLE = "idle"
    PINNED = "pinned"
    PROTECTED = "protected"
    LOCKED = "locked"
    IN_USE = "in use"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`since` is when the cause came up, None where it is none of a moment. `reason` is for people.

    `branch_gone_since` and `branch` are what the record shall say of its branch: one that was seen is noted, so that it
    can be missed later.
    """

    name: str
    remove: bool
    cause: Cause
    reason: str
    since: datetime | None = None
    branch_gone_since: datetime | None = None
    branch: str = ""


def decide(
    records: Iterable[EnvironmentRecord], sightings: Sightings, policy: Policy, now: datetime
) -> tuple[Verdict, ...]:
    """One verdict for each record, in their order. The limits are the matter of `beyond_limits`."""
    return tuple(_verdict(record, sightings, policy, now) for record in records)


def beyond_limits(verdicts: Sequence[Verdict], policy: Policy) -> str:
    """Why so many must not go at once; empty where they may."""
    going = sum(verdict.remove for verdict in verdicts)
    share = max(1, len(verdicts) * policy.max_share // 100) if policy.max_share else 0
    if going > policy.max_count:
        return f"{going} environments would be removed, more than the {policy.max_count} that may go at once"
    if going > share:
        return (
            f"{going} of {len(verdicts)} environments would be removed, more than {policy.max_share} % "
            f"({share} may go at once)"
        )
    return ""


def wrong_clock(records: Iterable[EnvironmentRecord], now: datetime, marathon: datetime | None) -> str:
    """Why this machine's clock is not to be trusted; empty where it is. `marathon` is the time there."""
    if marathon is None:
        return "Marathon does not say what time it is there, so the clock of this machine cannot be checked"
    if abs(marathon - now) > CLOCK_TOLERANCE:
        return f"the clock of this machine says {timestamp(now)}, Marathon's {timestamp(marathon)}"
    for record in records:
        if last_use(record) - now > CLOCK_TOLERANCE:
            return (
                f"the clock of this machine says {timestamp(now)}, but environment {record.name} was written later, "
                f"at {timestamp(last_use(record))}"
            )
    return ""


def _verdict(record: EnvironmentRecord, sightings: Sightings, policy: Policy, now: datetime) -> Verdict:
    there = sightings.branches.has_branch_of(record)
    gone_since = record.branch_gone_since if there is None else None if there else record.branch_gone_since or now
    missed = gone_since if there is False else None  # what an earlier run saw is no proof today

    def verdict(remove: bool, cause: Cause, reason: str, since: datetime | None = None) -> Verdict:
        branch = branch_of(record) if there else record.branch
        return Verdict(record.name, remove, cause, reason, since, gone_since, branch)

    if record.pinned:
        return verdict(False, Cause.PINNED, f"it is pinned: {record.pinned}")
    if protection := _protection(record, policy):
        return verdict(False, Cause.PROTECTED, protection)
    for find in (_expired, _failed, _branch_gone, _idle):
        found = find(record, policy, now, missed)
        if found is None:
            continue
        cause, reason, since = found
        if holder := sightings.locked.get(record.name):
            return verdict(False, Cause.LOCKED, f"{reason}; but it is locked by {holder}", since)
        return verdict(True, cause, reason, since)
    return verdict(False, Cause.IN_USE, _why_in_use(record, policy, now, missed))


_Found = tuple[Cause, str, datetime] | None
_Finder = Callable[[EnvironmentRecord, Policy, datetime, datetime | None], _Found]


def _expired(record: EnvironmentRecord, policy: Policy, now: datetime, _: datetime | None) -> _Found:
    at = record.expires_at
    if at is None or at + timedelta(seconds=policy.grace) > now:
        return None
    return Cause.EXPIRED, f"it expired {timestamp(at)} ({relative(at, now)})", at


def _failed(record: EnvironmentRecord, policy: Policy, now: datetime, _: datetime | None) -> _Found:
    """Failed or cut short, and nobody has looked at it since. An adopted one only looked sick when it was adopted."""
    operation = cut_short(record)
    failed = record.phase is Phase.FAILED and bool(record.blueprint_source)
    since = last_use(record)
    if not (operation or failed) or not policy.failed_after or since + timedelta(seconds=policy.failed_after) > now:
        return None
    what = f"{operation!r} was cut short" if operation else "it failed"
    return Cause.FAILED, f"{what} {timestamp(since)} ({relative(since, now)}), and nobody went on with it", since


def _branch_gone(record: EnvironmentRecord, policy: Policy, now: datetime, missed: datetime | None) -> _Found:
    if missed is None or missed + timedelta(seconds=policy.grace) > now:
        return None
    reason = f"its branch {branch_of(record)} is gone, first missed {timestamp(missed)}"
    return Cause.BRANCH_GONE, reason, missed


def _idle(record: EnvironmentRecord, policy: Policy, now: datetime, _: datetime | None) -> _Found:
    since = last_use(record)
    if not policy.idle or since + timedelta(seconds=policy.idle) > now:
        return None
    return Cause.IDLE, f"it was last used {timestamp(since)} ({relative(since, now)})", since


def _protection(record: EnvironmentRecord, policy: Policy) -> str:
    for glob in policy.protected_names:
        if any(fnmatchcase(name, glob) for name in (record.name, record.given_name)):
            return f"its name is protected ({glob})"
    for glob in policy.protected_kinds:
        if fnmatchcase(record.kind, glob):
            return f"its kind {record.kind} is protected"
    return ""


def _why_in_use(record: EnvironmentRecord, policy: Policy, now: datetime, missed: datetime | None) -> str:
    grace = f" and has a grace of {durations.shown(policy.grace)}"
    if record.expires_at is not None and record.expires_at <= now:
        return f"it {told(record, now)}{grace}"
    if missed is not None:
        return f"its branch {branch_of(record)} is gone since {timestamp(missed)}{grace}"
    return f"it {told(record, now)}"
