"""A store in memory, for one process and without waiting."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from ciprov.domain.environment import EnvironmentRecord, HistoryEntry, LockHolder, RecordChanged


class MemoryStore:
    """`called` is called before each write of a record."""

    def __init__(self, called: Callable[[], None]) -> None:
        self._called = called
        self.records: dict[str, EnvironmentRecord] = {}
        self.entries: list[HistoryEntry] = []
        self._revisions = itertools.count(1)

    def get(self, cluster: str, name: str) -> EnvironmentRecord | None:
        return self.records.get(name)

    def list(self, cluster: str) -> Any:
        return [self.records[name] for name in sorted(self.records)]

    def save(self, record: EnvironmentRecord) -> EnvironmentRecord:
        self._called()
        stored = self.records.get(record.name)
        if (stored.revision if stored else 0) != record.revision:
            raise RecordChanged(record.name)
        saved = replace(record, revision=next(self._revisions))
        self.records[record.name] = saved
        return saved

    def delete(self, cluster: str, name: str) -> None:
        self.records.pop(name, None)

    def begin(self, entry: HistoryEntry) -> int:
        self.entries.append(entry)
        return len(self.entries) - 1

    def end(self, entry_id: int, outcome: str, at: datetime) -> None:
        self.entries[entry_id] = replace(self.entries[entry_id], outcome=outcome, ended_at=at)

    def history(self, cluster: str, name: str, limit: int = 50) -> Any:
        return self.entries[-limit:]

    @contextmanager
    def lock(self, key: str, description: str, *, wait_seconds: float, on_wait: Any) -> Iterator[Callable[[], None]]:
        yield lambda: None

    def holder(self, key: str) -> LockHolder | None:
        return None
