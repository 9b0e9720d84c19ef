"""Extensions, pins and signs of use: written into the record alone, beside whatever operation is under way.

They take no lock, so that an environment can be pinned while a long `up` of it runs: each is one compare-and-set, tried
again until it holds. What an operation writes that holds the lock keeps it (`journal.changed`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ciprov.domain.environment import EnvironmentRecord, HistoryEntry, Phase, RecordChanged
from ciprov.environments.blueprint import durations
from ciprov.environments.lifetime.expiry import later
from ciprov.environments.ports import Store
from ciprov.environments.status import NoSuchEnvironment
from ciprov.foundation.clock import Now, timestamp, utc_now
from ciprov.foundation.errors import CiprovError

Change = Callable[[EnvironmentRecord, datetime], EnvironmentRecord]

_TRIES = 100
_QUIET_USE = timedelta(hours=1)
"""Signs of use that follow each other more closely leave one entry in the history."""


@dataclass(frozen=True, slots=True)
class Ledger:
    """The records of one cluster, and who writes into them; the cluster itself is not asked."""

    store: Store
    cluster: str
    who: str
    now: Now = utc_now

    def tell(self, name: str, deed: str, at: datetime, summary: str, outcome: str) -> None:
        """An entry of the history for what is done by now."""
        entry = HistoryEntry(self.cluster, name, deed, at, self.who, summary=summary)
        self.store.end(self.store.begin(entry), outcome, self.now())


def extend(ledger: Ledger, name: str, seconds: int | None) -> EnvironmentRecord:
    """Let it live for `seconds` from now, or for its recorded time to live; never shorter than it would anyway.

    Raises `NoSuchEnvironment`, and `CiprovError` where no time to live is known.
    """

    def change(record: EnvironmentRecord, now: datetime) -> EnvironmentRecord:
        if record.expires_at is None:
            return record
        ttl = record.ttl_seconds if seconds is None else seconds
        if ttl is None:
            raise CiprovError(
                f"environment {name} has no recorded time to live",
                way_out=f"say for how long: ciprov env extend {name} 8h",
            )
        expires_at = later(record.expires_at, now + timedelta(seconds=ttl))
        return record if expires_at == record.expires_at else replace(record, expires_at=expires_at, last_used_at=now)

    return _amend(ledger, name, "extend", change, _expiry)


def pin(ledger: Ledger, name: str, reason: str) -> EnvironmentRecord:
    """Never to be reaped, until it is unpinned. Raises `NoSuchEnvironment`."""
    return _amend(ledger, name, "pin", lambda record, _: replace(record, pinned=reason), lambda _: reason)


def unpin(ledger: Ledger, name: str) -> EnvironmentRecord:
    """Raises `NoSuchEnvironment`."""
    return _amend(ledger, name, "unpin", lambda record, _: replace(record, pinned=""), _expiry)


def touch(ledger: Ledger, name: str) -> EnvironmentRecord:
    """A sign of use. Raises `NoSuchEnvironment`."""

    def change(record: EnvironmentRecord, now: datetime) -> EnvironmentRecord:
        return replace(record, last_used_at=later(record.last_used_at, now) if record.last_used_at else now)

    return _amend(ledger, name, "touch", change, lambda _: "", quiet=True)


def branch_seen(ledger: Ledger, name: str, branch: str, gone_since: datetime | None) -> EnvironmentRecord:
    """Note its branch, unless it has one, and since when that is missing; None: it is there."""

    def change(record: EnvironmentRecord, _: datetime) -> EnvironmentRecord:
        return replace(record, branch=record.branch or branch, branch_gone_since=gone_since)

    return _amended(ledger, name, change)[1]


def _amend(
    ledger: Ledger,
    name: str,
    deed: str,
    change: Change,
    summary: Callable[[EnvironmentRecord], str],
    *,
    quiet: bool = False,
) -> EnvironmentRecord:
    before, after = _amended(ledger, name, change)
    now = ledger.now()
    if not (quiet and _told_just_now(ledger, name, deed, now)):
        ledger.tell(name, deed, now, summary(after), "unchanged" if before == after else "done")
    return after


def _told_just_now(ledger: Ledger, name: str, deed: str, now: datetime) -> bool:
    newest = ledger.store.history(ledger.cluster, name, 1)
    return any(entry.operation == deed and now - entry.at < _QUIET_USE for entry in newest)


def _amended(ledger: Ledger, name: str, change: Change) -> tuple[EnvironmentRecord, EnvironmentRecord]:
    """The record before and after."""
    for _ in range(_TRIES):
        record = ledger.store.get(ledger.cluster, name)
        if record is None:
            raise NoSuchEnvironment(
                f"there is no record of environment {name}",
                place=ledger.cluster,
                way_out="`ciprov env list` shows those that are there",
            )
        removing = record.operation is not None and record.operation.name == "down"
        if removing or record.phase is Phase.REMOVING:
            raise CiprovError(
                f"environment {name} is being removed",
                place=ledger.cluster,
                way_out=f"`ciprov env up {name}` brings it back, `ciprov env down {name}` goes on removing it",
            )
        changed = change(record, ledger.now())
        if changed == record:
            return record, record
        try:
            return record, ledger.store.save(changed)
        except RecordChanged:
            continue
    raise RecordChanged(f"environment {name} is changed by others all the time", way_out="repeat the command")


def _expiry(record: EnvironmentRecord) -> str:
    if record.expires_at is None:
        return "never expires"
    ttl = f" (time to live {durations.shown(record.ttl_seconds)})" if record.ttl_seconds else ""
    return f"expires {timestamp(record.expires_at)}{ttl}"
