"""What every backend of the store must do with the history. A backend's test module subclasses `HistoryContract`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from store_cases import MOMENT, StoreAt, entry, processes, run_all


def begin_many(open_store: StoreAt, place: str, name: str, times: int) -> None:
    store = open_store(place, 30.0)
    for number in range(times):
        store.end(store.begin(entry(name=name, summary=str(number))), "ok", MOMENT)


class HistoryContract:
    open_store: StoreAt

    @pytest.fixture
    def store(self, place: str) -> Any:
        return type(self).open_store(place, 30.0)

    def test_history_is_newest_first_limited_and_keeps_what_did_not_end(self, store: Any) -> None:
        first = store.begin(entry("up", summary="5 apps"))
        store.end(first, "ok", MOMENT + timedelta(seconds=9))
        second = store.begin(entry("down"))
        newest, oldest = store.history("staging", "feature-x")
        assert (newest.id, newest.operation, newest.outcome, newest.ended_at) == (second, "down", "", None)
        assert oldest == entry("up", summary="5 apps", outcome="ok", ended_at=MOMENT + timedelta(seconds=9), id=first)
        assert [found.id for found in store.history("staging", "feature-x", limit=1)] == [second]
        assert list(store.history("staging", "other")) == []

    def test_the_operations_of_a_cluster_are_those_of_all_its_environments_newest_first(self, store: Any) -> None:
        ended = store.begin(entry("up"))
        store.begin(entry("up", cluster="other"))
        middle = store.begin(entry("touch", name="env with/all sorts.of"))
        newest = store.begin(entry("down"))
        store.end(ended, "ready", MOMENT + timedelta(seconds=1))
        found = store.operations("staging")
        assert [one.id for one in found] == [newest, middle, ended]
        assert found[1] == entry("touch", name="env with/all sorts.of", id=middle)
        assert (found[2].outcome, found[2].ended_at) == ("ready", MOMENT + timedelta(seconds=1))
        assert [one.id for one in store.operations("staging", limit=2)] == [newest, middle]
        assert list(store.operations("nowhere")) == []

    def test_no_entry_is_lost_between_processes(self, store: Any, place: str) -> None:
        names = ("a", "a", "b")
        run_all([(begin_many, (type(self).open_store, place, name, 8)) for name in names])
        assert processes is not None
        found = store.operations("staging", limit=100)
        assert len({one.id for one in found}) == 24
        assert len(store.history("staging", "a")) == 16
        assert {one.outcome for one in found} == {"ok"}
