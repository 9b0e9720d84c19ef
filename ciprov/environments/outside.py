"""The ends of one cluster and the store, as operations take them: locked, journalled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, replace

from ciprov.domain.environment import HistoryEntry, LockHeld, LockHolder
from ciprov.environments.context import Context
from ciprov.environments.deed import OWN_NAME, Deed
from ciprov.environments.ports import Agents, Here, Marathon, Store
from ciprov.environments.progress import Note
from ciprov.environments.session import Report, Session, unrecorded
from ciprov.foundation.errors import CiprovError

PORTS_WAIT_SECONDS = 60.0
"""For another operation that allocates ports: it holds that lock only while it plans."""

Check = Callable[[], None]


def environment_key(cluster: str, name: str) -> str:
    """Of the lock on one environment."""
    return f"env/{cluster}/{name}"


@dataclass(frozen=True, slots=True)
class Outside:
    marathon: Marathon
    agents: Agents
    store: Store
    context: Context
    here: Here
    deed: Deed = OWN_NAME

    def called(self, deed: Deed) -> Outside:
        """For what the history shall call `deed`, unless it has another name already."""
        return self if self.deed.name else replace(self, deed=deed)

    def environment_locked(self, name: str, what: str, wait: float, report: Report) -> AbstractContextManager[Check]:
        """Hold one environment; gives what raises `LockHeld` once the lease is lost."""
        return self._locked(self.lock_key(name), what, wait, report)

    def lock_key(self, name: str) -> str:
        """Of one environment."""
        return environment_key(self.context.cluster, name)

    def ports_locked(self, what: str, report: Report) -> AbstractContextManager[Check]:
        """Hold the cluster's ports, so that two operations cannot take the same ones between look and record."""
        return self._locked(f"ports/{self.context.cluster}", what, PORTS_WAIT_SECONDS, report)

    def session(
        self,
        group_path: str,
        check: Check,
        report: Report,
        *,
        patience: float = 300.0,
        secrets: frozenset[str] = frozenset(),
        before_step: Callable[[str], None] = unrecorded,
    ) -> Session:
        return Session(
            self.marathon,
            self.agents,
            self.context.clock,
            group_path,
            check,
            report,
            patience=patience,
            outage=self.context.outage,
            secrets=secrets,
            before_step=before_step,
        )

    @contextmanager
    def entry(self, name: str, operation: str, summary: str) -> Iterator[Entry]:
        """An entry of the history that ends with an outcome, whatever happens short of a crash."""
        context = self.context
        operation, summary = self.deed.told(operation, summary)
        begun = HistoryEntry(context.cluster, name, operation, context.clock.now(), context.who, summary=summary)
        entry = Entry(self.store.begin(begun), self)
        try:
            yield entry
        except BaseException as error:
            with suppress(CiprovError):  # a store that is away must not hide what went wrong
                entry.end(_outcome(error))
            raise

    def _locked(self, key: str, what: str, wait: float, report: Report) -> AbstractContextManager[Check]:
        def waiting(holder: LockHolder) -> None:
            report(Note(f"waits: {LockHeld(holder).message}"))

        return self.store.lock(key, f"{self.context.who}, {what}", wait_seconds=wait, on_wait=waiting)


def _outcome(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return f"failed: {error.message}" if isinstance(error, CiprovError) else f"broke off: {type(error).__name__}"


class Entry:
    """One entry of the history whose operation is under way."""

    def __init__(self, entry: int, outside: Outside) -> None:
        self._entry = entry
        self._outside = outside
        self._ended = False

    def end(self, outcome: str) -> None:
        """The first outcome stays."""
        if not self._ended:
            self._ended = True
            self._outside.store.end(self._entry, outcome, self._outside.context.clock.now())
