"""What is read back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

import pytest

from ciprov.agents import record as records
from ciprov.agents.crew import attempts
from ciprov.agents.crew.attempts import Attempts
from ciprov.agents.ports import AgentStore
from ciprov.agents.record import AgentRecord
from ciprov.agents.serving.books import ATTEMPTS, Books, NotWritten, Read
from ciprov.domain.agents import Key
from ciprov.domain.leadership import Lead
from ciprov.foundation.errors import CiprovError

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Away:
    """A store that does not answer the first times."""

    def __init__(self, times: int) -> None:
        self.left = times

    def check(self) -> None:
        self.left -= 1
        if self.left >= 0:
            raise CiprovError("locked")


def test_a_store_that_is_away_for_a_moment_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ciprov.agents.serving.books._AGAIN_S", 0.001)
    told: list[CiprovError] = []
    books, away = Books(cast(AgentStore, None), told.append), Away(3)
    books.check(cast(Lead, away))
    assert (len(told), away.left) == (1, -1)
    monkeypatch.setattr("ciprov.agents.serving.books._PATIENCE_S", 0.01)
    with pytest.raises(NotWritten, match="locked"):
        books.check(cast(Lead, Away(1000)))


def test_what_another_version_wrote_is_named() -> None:
    kept = records.encode(AgentRecord("a1", "maven", ("maven",), NOW, NOW))
    assert list(Read({Key("agent", "a1"): kept}).agents()) == ["a1"]
    for odd in ({**kept, "phase": "flying"}, {**kept, "labels": None}, {}):
        with pytest.raises(CiprovError, match="agent a1 cannot be understood"):
            Read({Key("agent", "a1"): odd}).agents()
    with pytest.raises(CiprovError, match="task a1 cannot be understood"):
        Read({Key("task", "a1"): {"state": 1}}).tasks()
    assert Read({}).decoded(ATTEMPTS, attempts.decode) == Attempts()
    for odd in ({"maven": {}}, {"maven": 1}, {"maven": {"at": "noon"}}):
        with pytest.raises(CiprovError, match="service attempts cannot be understood"):
            Read({ATTEMPTS: odd}).decoded(ATTEMPTS, attempts.decode)
