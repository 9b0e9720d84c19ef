"""An operation under way, as the record has it: begun, each step before it is taken, ended. A crash leaves it there.

begin ──▶ step ──▶ step ──▶ … ──▶ end
             └──▶ go_back ──▶ step ──▶ … ──▶ end
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ciprov.domain.environment import EnvironmentRecord, Operation, RecordChanged
from ciprov.environments.outside import Entry, Outside

Change = Callable[[EnvironmentRecord], EnvironmentRecord]
"""The same record with other fields. It leaves to others what is theirs: pins, extensions, signs of use."""


class Journal:
    """For the holder of the environment's lock alone. `record` is what is stored by now."""

    def __init__(self, outside: Outside, record: EnvironmentRecord, entry: Entry) -> None:
        self.record = record
        self._outside = outside
        self._entry = entry

    @property
    def operation(self) -> Operation:
        assert self.record.operation is not None, "the operation has ended"
        return self.record.operation

    def step(self, text: str) -> None:
        """To be called before the step is taken."""
        self.note(operation=replace(self.operation, step=text, number=self.operation.number + 1))

    def go_back(self, failure: str) -> None:
        """From here on the way leads back to what was there before."""
        self.note(operation=replace(self.operation, going_back=True), failure=failure)

    def note(self, **changes: Any) -> EnvironmentRecord:
        """Change fields of the record. Raises `RecordChanged` where it is gone."""
        return self.rewrite(lambda found: replace(found, **changes))

    def rewrite(self, change: Change) -> EnvironmentRecord:
        """As `note`, for changes that depend on what others left in the record."""
        self.record = changed(self._outside, self.record, change)
        return self.record

    def close(self, **changes: Any) -> EnvironmentRecord:
        """The operation has ended, and there is nothing to take up again. What is raised tells the history how."""
        return self.note(operation=None, **changes)

    def end(self, outcome: str, **changes: Any) -> EnvironmentRecord:
        """`close`, with the history's word on how it ended."""
        record = self.close(**changes)
        self._entry.end(outcome)
        return record

    def end_with_record(self, outcome: str) -> None:
        """The operation has ended, and with it the environment."""
        self._outside.store.delete(self.record.cluster, self.record.name)
        self._entry.end(outcome)


@contextmanager
def journalled(outside: Outside, record: EnvironmentRecord, summary: str) -> Iterator[Journal]:
    """`record` was saved with its operation. Unless that is ended within, it stays, to be taken up again."""
    assert record.operation is not None
    with outside.entry(record.name, record.operation.name, summary) as entry:
        yield Journal(outside, record, entry)


def changed(outside: Outside, record: EnvironmentRecord, change: Change) -> EnvironmentRecord:
    """Save what `change` makes of `record`. Others may have pinned or extended the environment since it was read, for
    which no lock is needed: then it is asked again, of what they left, and may raise to stop that. Raises
    `RecordChanged` where the record is gone.
    """
    now = outside.context.clock.now()
    while True:
        wanted = replace(change(record), updated_at=now)
        try:
            return outside.store.save(wanted)
        except RecordChanged:
            found = outside.store.get(record.cluster, record.name)
            if found is None or not record.revision:
                raise
            record = found


def begun(outside: Outside, name: str, settings: Mapping[str, object] | None = None) -> Operation:
    """A new operation, for the record that is about to be saved."""
    return Operation(name, outside.context.clock.now(), outside.context.who, settings=settings or {})
