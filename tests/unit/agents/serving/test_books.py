"""What is read back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ciprov.agents import record as records
from ciprov.agents.record import AgentRecord
from ciprov.agents.serving.books import Read
from ciprov.domain.agents import Key
from ciprov.foundation.errors import CiprovError

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_what_another_version_wrote_is_named() -> None:
    kept = records.encode(AgentRecord("a1", "maven", ("maven",), NOW, NOW))
    assert list(Read({Key("agent", "a1"): kept}).agents()) == ["a1"]
    for odd in ({**kept, "phase": "flying"}, {**kept, "labels": None}, {}):
        with pytest.raises(CiprovError, match="agent a1 cannot be understood"):
            Read({Key("agent", "a1"): odd}).agents()
    with pytest.raises(CiprovError, match="task a1 cannot be understood"):
        Read({Key("task", "a1"): {"state": 1}}).tasks()
