"""Which locks the running thread holds: whoever holds one writes nothing once it is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Held(Generic[T]):
    """By thread, since operations on different environments may run side by side in one process."""

    def __init__(self) -> None:
        self._of_thread = threading.local()

    @property
    def leases(self) -> tuple[T, ...]:
        return getattr(self._of_thread, "leases", ())

    @contextmanager
    def holding(self, lease: T) -> Iterator[None]:
        before = self.leases
        self._of_thread.leases = (*before, lease)
        try:
            yield
        finally:
            self._of_thread.leases = tuple(one for one in self.leases if one is not lease)
