"""An operation that was refused before it had begun: noted in the history, so that the status tells it later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from ciprov.domain.environment import EnvironmentRecord, HistoryEntry
from ciprov.environments.diagnosis.kinds import Kind
from ciprov.environments.diagnosis.report import Diagnosis, diagnoses_of, read_back
from ciprov.environments.ports import Store
from ciprov.environments.results import Interrupted, UpFailed
from ciprov.foundation.clock import Now
from ciprov.foundation.errors import CiprovError

_REFUSED = "refused: "


@contextmanager
def noted(store: Store, entry: HistoryEntry, group_path: str, now: Now) -> Iterator[None]:
    """What refuses the operation that `entry` names goes into the history, and on to the caller.

    What fails later has a record of its own. Nothing is noted of a command that was called wrongly.
    """
    try:
        yield
    except (UpFailed, Interrupted):
        raise
    except CiprovError as error:
        found = diagnoses_of(error, group_path)
        if found[0].kind is not Kind.UNKNOWN:
            outcome = _REFUSED + "\n".join(map(str, found))
            with suppress(CiprovError):  # a store that is away must not hide what went wrong
                store.begin(_ended(entry, outcome, now()))
        raise


def last_refusal(store: Store, cluster: str, name: str, record: EnvironmentRecord | None) -> tuple[Diagnosis, ...]:
    """Why the last operation was refused; nothing where another one has written the record since."""
    for entry in store.history(cluster, name, 1):
        newer = record is None or entry.at >= record.updated_at
        if newer and entry.outcome.startswith(_REFUSED):
            return read_back(entry.outcome.removeprefix(_REFUSED))
    return ()


def _ended(entry: HistoryEntry, outcome: str, at: datetime) -> HistoryEntry:
    return HistoryEntry(
        entry.cluster, entry.name, entry.operation, at, entry.who, entry.summary, outcome=outcome, ended_at=at
    )
