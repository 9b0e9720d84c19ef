"""Leader election on top of any lock: who holds it leads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

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


class NotLeading(CiprovError):
    """An act of a leader was asked of a process that was never elected."""


@contextmanager
def standing(contend: Callable[[], Contender], key: str) -> Iterator[Lead]:
    """Stand for election; leadership is given up at the end."""
    candidate = _Candidate(contend, key)
    try:
        yield candidate
    finally:
        candidate.leave()


class _Candidate:
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
            except LockHeld:
                self.leave()
                raise
        if self._seen is not None:
            raise LockHeld(self._seen)
        raise NotLeading(f"{self._key}: nobody was elected yet", way_out="wait to be elected")

    def leader(self) -> LockHolder | None:
        return self._seen

    def leave(self) -> None:
        self._leads = False
        contender, self._contender = self._contender, None
        if contender is not None:
            contender.release()

    def _note(self, holder: LockHolder) -> None:
        self._seen = holder
