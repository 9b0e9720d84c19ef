"""Leader election: of several processes that stand for one key, one leads."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from ciprov.domain.environment import LockHolder


class Lead(Protocol):
    """One process's part in an election, from entering it to leaving it."""

    def wait(self, seconds: float) -> bool:
        """Wait up to `seconds` to lead; True once we do. After a loss it stands for election anew.

        Between calls the place in the queue is kept where the store has a queue.
        """
        ...

    def check(self) -> None:
        """Raise `LockHeld` where we do not lead, or not any more: to be asked before every act of a leader."""
        ...

    def leader(self) -> LockHolder | None:
        """Who leads as far as known: us too. None: nobody was seen yet."""
        ...


class Elections(Protocol):
    """What can hold elections: every store."""

    def election(self, key: str, description: str) -> AbstractContextManager[Lead]:
        """`with store.election("reaper", "ann@host, pid 12") as lead:` enters; leaving gives leadership up at once."""
        ...
