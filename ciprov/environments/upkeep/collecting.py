"""`gc`: looks, reports, and on demand removes what has no owner, each thing once more looked at under its lock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from itertools import groupby

from ciprov.domain.environment import LockHeld
from ciprov.domain.marathon import DeploymentRef, MarathonNotFound
from ciprov.environments.names import group_path
from ciprov.environments.outside import Check, Outside
from ciprov.environments.progress import Note
from ciprov.environments.results import Interrupted
from ciprov.environments.session import Report, Session
from ciprov.environments.upkeep import reservations
from ciprov.environments.upkeep.finding import ALL, cut_short, find, unfamiliar
from ciprov.environments.upkeep.orphans import Orphan, Sightings, Sort
from ciprov.environments.upkeep.seeing import Scope, look, with_busy
from ciprov.environments.waiting import ALARM_SECONDS, await_deployments
from ciprov.environments.writing import write
from ciprov.foundation.errors import CHANGES, FAILED, OK, CiprovError

_PATIENCE = 10.0
"""Seconds for a deployment of somebody else: what has no owner can wait until the next run."""


@dataclass(frozen=True, slots=True)
class CollectOrders:
    """`force` removes also where what is found looks as if this were the wrong store or the wrong Marathon."""

    scope: Scope
    remove: bool = False
    sorts: tuple[Sort, ...] = ALL
    force: bool = False


class Fate(StrEnum):
    REPORTED = "reported"
    WOULD_BE_REMOVED = "would be removed"
    REMOVED = "removed"
    SKIPPED = "skipped"
    FAILED = "failed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Collected:
    """One orphan; `error` says why it failed, or was skipped or refused."""

    orphan: Orphan
    fate: Fate
    error: str = ""


@dataclass(frozen=True, slots=True)
class Collection:
    """`doubts` are what could not be looked at; `busy` by environment who is at it, `cut_short` what to resume."""

    found: tuple[Collected, ...]
    doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    busy: dict[str, str] = field(default_factory=dict)
    cut_short: tuple[str, ...] = ()

    def of(self, fate: Fate) -> tuple[Collected, ...]:
        return tuple(one for one in self.found if one.fate is fate)

    @property
    def exit_code(self) -> int:
        if self.doubts or self.of(Fate.FAILED) or self.of(Fate.REFUSED):
            return FAILED
        return CHANGES if self.of(Fate.WOULD_BE_REMOVED) else OK


def collect(outside: Outside, orders: CollectOrders, report: Report) -> Collection:
    """Raises what Marathon and the store raise at the first look, and `Interrupted`; all else is in what it returns."""
    seen = look(outside, orders.scope)
    sightings = with_busy(outside, seen.sightings)
    found = find(sightings, orders.sorts)
    doubtful = {} if orders.force else unfamiliar(sightings, found)
    fates = [_first_fate(one, doubtful) for one in found]
    if orders.remove:
        try:
            fates = list(_removed(outside, fates, orders, report))
        except KeyboardInterrupt:
            raise Interrupted(
                "interrupted: what was removed by then is gone", way_out="`ciprov env gc` shows what is left"
            ) from None
    fates.sort(key=lambda one: (ALL.index(one.orphan.sort), one.orphan.id))
    return Collection(tuple(fates), seen.doubts, seen.notes, dict(sightings.busy), cut_short(sightings))


def _first_fate(orphan: Orphan, doubtful: dict[Sort, str]) -> Collected:
    if not orphan.removable:
        return Collected(orphan, Fate.REPORTED)
    # What is left of a doubtful app or record is as doubtful.
    left = orphan.sort in (Sort.GROUPS, Sort.VOLUMES)
    doubt = doubtful.get(orphan.sort) or ("; ".join(doubtful.values()) if left else "")
    if doubt:
        return Collected(orphan, Fate.REFUSED, doubt)
    return Collected(orphan, Fate.WOULD_BE_REMOVED)


def _removed(outside: Outside, fates: list[Collected], orders: CollectOrders, report: Report) -> Iterator[Collected]:
    doomed = [one.orphan for one in fates if one.fate is Fate.WOULD_BE_REMOVED]
    yield from (one for one in fates if one.fate is not Fate.WOULD_BE_REMOVED)
    for orphan in doomed:
        if orphan.sort is Sort.LOCKS:
            yield _attempted(orphan, partial(_drop_lock, outside, orphan), report)
    below = sorted((one for one in doomed if one.sort is not Sort.LOCKS), key=_by_environment)
    for name, orphans in groupby(below, key=lambda one: one.environment):
        yield from _of_environment(outside, name, list(orphans), orders, report)


def _by_environment(orphan: Orphan) -> tuple[str, int, str]:
    return orphan.environment, ALL.index(orphan.sort), orphan.id


def _of_environment(
    outside: Outside, name: str, orphans: list[Orphan], orders: CollectOrders, report: Report
) -> Iterator[Collected]:
    fates: list[Collected] = []
    try:
        with outside.environment_locked(name, "env gc", 0.0, report) as check:
            removal = _Removal(outside, orders.scope, check, report)
            with outside.entry(name, "gc", f"{len(orphans)} without an owner") as entry:
                for orphan in orphans:
                    fates.append(_attempted(orphan, partial(removal.of, orphan), report))
                entry.end(_outcome(fates))
    except LockHeld as error:
        fates += [Collected(one, Fate.SKIPPED, error.message) for one in orphans[len(fates) :]]
    except CiprovError as error:
        fates += [Collected(one, Fate.FAILED, str(error)) for one in orphans[len(fates) :]]
    yield from fates


def _outcome(fates: list[Collected]) -> str:
    return "; ".join(f"{one.orphan.id} {one.fate.value}" for one in fates)


def _attempted(orphan: Orphan, remove: Callable[[], None], report: Report) -> Collected:
    report(Note(f"removing {orphan.sort.value.removesuffix('s')} {orphan.id}: {orphan.why}"))
    try:
        remove()
    except (_Wanted, LockHeld) as error:
        return Collected(orphan, Fate.SKIPPED, error.message)
    except CiprovError as error:
        return Collected(orphan, Fate.FAILED, str(error))
    return Collected(orphan, Fate.REMOVED)


class _Wanted(CiprovError):
    """Under the lock it turned out to be gone, or wanted."""


def _drop_lock(outside: Outside, orphan: Orphan) -> None:
    if not outside.store.drop_dead_lock(orphan.id):
        raise _Wanted("somebody took that lock meanwhile, or it is gone")


@dataclass(frozen=True, slots=True)
class _Removal:
    """Removals under the lock of one environment."""

    outside: Outside
    scope: Scope
    check: Check
    report: Report

    def of(self, orphan: Orphan) -> None:
        """Raises `_Wanted`, and whatever goes wrong."""
        seen = look(self.outside, self.scope).sightings
        again = next((one for one in self._now(seen, orphan) if one.removable), None)
        if again is None:
            raise _Wanted("it changed meanwhile: it is gone, or wanted")
        self.check()
        match orphan.sort:
            case Sort.APPS:
                self._delete(seen, orphan, partial(self._delete_app, orphan.id))
            case Sort.GROUPS:
                self._delete(seen, orphan, partial(self._delete_group, orphan.id))
            case Sort.RECORDS:
                self.outside.store.delete(self.outside.context.cluster, orphan.id)
            case Sort.VOLUMES:
                for call in reservations.calls(again):
                    self.check()
                    self.outside.agents.operate(call)
            case _:
                raise AssertionError(orphan.sort)

    def _now(self, seen: Sightings, orphan: Orphan) -> Iterator[Orphan]:
        """The same one as it is now, on its own: what was to go before it has gone, or it stays."""
        return (one for one in find(seen, (orphan.sort,)) if one.id == orphan.id)

    def _delete(self, seen: Sightings, orphan: Orphan, attempt: Callable[[bool], DeploymentRef | None]) -> None:
        session = self._session(seen, orphan.environment)
        ref = write(session, f"delete {orphan.id}", attempt)
        if ref is not None:
            await_deployments(session, [ref.id], ALARM_SECONDS)

    def _session(self, seen: Sightings, name: str) -> Session:
        """Deployments that act on the environment alone are left over too: it is locked, and nobody is at it."""
        record = next((one for one in seen.records if one.name == name), None)
        path = record.group_path if record else group_path(seen.prefix, name)
        return replace(self.outside.session(path, self.check, self.report, patience=_PATIENCE), outage=_PATIENCE)

    def _delete_app(self, app_id: str, force: bool) -> DeploymentRef | None:
        with suppress(MarathonNotFound):
            return self.outside.marathon.delete_app(app_id, force=force)
        return None

    def _delete_group(self, path: str, force: bool) -> DeploymentRef | None:
        with suppress(MarathonNotFound):
            return self.outside.marathon.delete_group(path, force=force)
        return None
