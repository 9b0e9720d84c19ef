"""What is new among the recorded operations since they were looked at last. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from ciprov.domain.environment import HistoryEntry
from ciprov.environments.events.happening import Happening, began, ended

_AT_ONCE = timedelta(seconds=0.2)

Seen = Mapping[int, bool]
"""Whether an operation had ended, by id."""


def seen(entries: Sequence[HistoryEntry]) -> Seen:
    return {entry.id: entry.ended_at is not None for entry in entries}


def news(before: Seen, entries: Sequence[HistoryEntry]) -> tuple[Happening, ...]:
    """`entries` are the newest ones, newest first; what happened is given in the order of time.

    An operation that is older than all that was looked at before is none that began since.
    """
    oldest = min(before, default=0)
    found = []
    for entry in reversed(entries):
        known = before.get(entry.id)
        if known is None and entry.id > oldest:
            if not _at_once(entry):
                found.append(began(entry))
            found += [ended(entry)] if entry.ended_at else []
        elif known is False and entry.ended_at:
            found.append(ended(entry))
    return tuple(sorted(found, key=lambda one: one.at))


def _at_once(entry: HistoryEntry) -> bool:
    """A pin or a sign of use is told by its end alone."""
    return entry.ended_at is not None and entry.ended_at - entry.at < _AT_ONCE
