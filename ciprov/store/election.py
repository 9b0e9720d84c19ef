"""Leader election on top of any lock: who holds it leads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar

from ciprov.domain.environment import LockHeld, LockHolder
from ciprov.domain.leadership import Lead
from ciprov.foundation.errors import CiprovError


class Contender(Protocol):
    """One attempt at a lock; after a loss a new one is needed."""

    def acquire(self, wait_seconds: float, on_wait: Callable[[LockHolder], None]) -> LockHolder | None:
        """None once the lock is ours, else who holds it. May be called again."""
        ...

    def check(self) -> None:
        """Raise `LockHeld` once the lock is lost."""
        ...

    def release(self) -> None: ...


C = TypeVar("C", bound=Contender)


class NotLeading(CiprovError):
    """An act of a leader was asked of a process that was never elected."""


@contextmanager
def standing(contend: Callable[[], Contender], key: str) -> Iterator[Lead]:
    """Stand for election; leadership is given up at the end."""
    candidate = Candidate(contend, key)
    try:
        yield candidate
    finally:
        candidate.leave()


class Candidate:
    """See `Lead`."""

    def __init__(self, contend: Callable[[], Contender], key: str) -> None:
        self._contend = contend
        self._key = key
        self._contender: Contender | None = None
        self._leads = False
        self._seen: LockHolder | None = None

    def wait(self, seconds: float) -> bool:
        if self._leads:
            try:
                self.check()
                return True
            except LockHeld as lost:
                self._seen = lost.holder
        if self._contender is None:
            self._contender = self._contend()
        holder = self._contender.acquire(seconds, self._note)
        self._seen = holder or self._seen
        self._leads = holder is None
        return self._leads

    def check(self) -> None:
        if self._leads and self._contender is not None:
            try:
                self._contender.check()
                return
            except LockHeld as lost:
                self.leave()
                self._seen = lost.holder
                raise
        raise self._refusal()

    def term(self) -> Contender:
        """By what we lead: another one after each election. Raises as `check`, but by what is known already."""
        contender = self._contender
        if contender is None or not self._leads:
            raise self._refusal()
        return contender

    def another_term(self) -> LockHeld:
        """What to raise where we lead anew, on the strength of what was read before."""
        now = datetime.now(UTC)
        return LockHeld(LockHolder(self._key, "", "as another may have led since all was read", now, now))

    def _refusal(self) -> CiprovError:
        if self._seen is not None:
            return LockHeld(self._seen)
        return NotLeading(f"{self._key}: nobody was elected yet", way_out="wait to be elected")

    def leader(self) -> LockHolder | None:
        return self._seen

    def leave(self) -> None:
        self._leads = False
        contender, self._contender = self._contender, None
        if contender is not None:
            contender.release()

    def _note(self, holder: LockHolder) -> None:
        self._seen = holder


class Tenure(Generic[C]):
    """The one term in which what was read holds: after a loss another may have led, and written, before we do again."""

    def __init__(self, lead: Lead, kind: type[C]) -> None:
        if not isinstance(lead, Candidate):
            raise TypeError(f"a lead of a store is wanted, not {lead!r}")
        self._candidate = lead
        self._kind = kind
        self._term: C | None = None

    def begin(self) -> C:
        """Raises `LockHeld` or `NotLeading` where we do not lead."""
        term = self._candidate.term()
        if not isinstance(term, self._kind):
            raise TypeError(f"a lead of this store is wanted, not {term!r}")
        self._term = term
        return term

    def still(self) -> C:
        """Raises `LockHeld` unless we lead by the term that began last; without any, one begins."""
        if self._term is None:
            return self.begin()
        if self._candidate.term() is not self._term:
            raise self._candidate.another_term()
        return self._term
