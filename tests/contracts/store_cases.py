"""What every backend of the store must do. A backend's test module subclasses `StoreContract` and gives a `place`."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from stopped_process import freeze, thaw

from ciprov.domain.environment import (
    EnvironmentRecord,
    HistoryEntry,
    LockHeld,
    LockHolder,
    Operation,
    Phase,
    RecordChanged,
)
from ciprov.foundation.errors import CiprovError

MOMENT = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
processes = multiprocessing.get_context("spawn")

KEY_AND_BLUEPRINT = {
    "cluster",
    "name",
    "group_path",
    "blueprint",
    "blueprint_file",
    "blueprint_source",
    "kind",
    "phase",
    "created_at",
    "updated_at",
    "revision",
}

StoreAt = Callable[[str, float], Any]
"""`(place, lease seconds) -> a store`: a module-level function, since other processes call it too."""


def record(name: str = "feature-x", **changes: Any) -> EnvironmentRecord:
    base = EnvironmentRecord(
        cluster="staging",
        name=name,
        group_path=f"/ciprov/{name}",
        blueprint="courseware",
        blueprint_file="environments/courseware.yaml",
        blueprint_source="blueprint: courseware\n# žluťoučký kůň\n",
        kind="dev",
        phase=Phase.CREATING,
        created_at=MOMENT,
        updated_at=MOMENT,
    )
    return replace(base, **changes)


def entry(operation: str = "up", **changes: Any) -> HistoryEntry:
    return replace(HistoryEntry("staging", "feature-x", operation, MOMENT, "ann@host"), **changes)


def ignore(_: LockHolder) -> None:
    pass


def add_one_many_times(open_store: StoreAt, place: str, times: int) -> None:
    store = open_store(place, 30.0)
    for _ in range(times):
        while True:
            current = store.get("staging", "counter")
            try:
                store.save(replace(current, counts={"/a": current.counts["/a"] + 1}))
                break
            except RecordChanged:
                continue


def create_or_lose(open_store: StoreAt, place: str, results: Any) -> None:
    try:
        open_store(place, 30.0).save(record())
        results.put("created")
    except RecordChanged:
        results.put("lost")


def bump_a_file_under_lock(open_store: StoreAt, place: str, file: str, times: int) -> None:
    store = open_store(place, 30.0)
    for _ in range(times):
        with store.lock("k", "bump", wait_seconds=60, on_wait=ignore), Path(file).open("r+") as counter:
            value = int(counter.read())
            counter.seek(0)
            counter.write(str(value + 1))


def hold_until_killed(open_store: StoreAt, place: str, ready: Any) -> None:
    with open_store(place, 60.0).lock("k", "the victim", wait_seconds=0, on_wait=ignore):
        ready.set()
        time.sleep(60)


def lead_until_killed(open_store: StoreAt, place: str, ready: Any) -> None:
    with open_store(place, 60.0).election("reaper", "the victim") as lead:
        assert lead.wait(10)
        ready.set()
        time.sleep(60)


def hold_and_check_after_stop(open_store: StoreAt, place: str, ready: Any, go: Any, results: Any) -> None:
    with open_store(place, 0.6).lock("k", "the stopped one", wait_seconds=0, on_wait=ignore) as check:
        check()
        ready.set()
        go.wait(30)
        try:
            check()
            results.put("still mine")
        except LockHeld as held:
            results.put(held.holder.description)


def hold_and_write_after_stop(open_store: StoreAt, place: str, ready: Any, go: Any, results: Any) -> None:
    store = open_store(place, 0.6)
    current = store.get("staging", "feature-x")
    with store.lock("k", "the stopped one", wait_seconds=0, on_wait=ignore):
        ready.set()
        go.wait(30)
        for write in (
            lambda: store.save(replace(current, owner="too late")),
            lambda: store.delete("staging", "feature-x"),
            lambda: store.begin(entry()),
        ):
            try:
                write()
                results.put("written")
            except LockHeld as held:
                results.put(held.holder.description)


class StoreContract:
    open_store: StoreAt

    @pytest.fixture
    def store(self, place: str) -> Any:
        return type(self).open_store(place, 30.0)

    # Records

    def test_what_is_saved_is_read_back_by_another_store_in_every_field(self, store: Any, place: str) -> None:
        full = record(
            owner="ann",
            ttl_seconds=3600,
            expires_at=MOMENT + timedelta(hours=1),
            parameters={"workers": 2, "debug": False, "ratio": 0.5},
            secret_fingerprints={"password": "salt:hash"},
            service_ports={"api/http": 20001},
            routes=({"name": "front", "app": "web"},),
            app_ids=("/ciprov/feature-x/api",),
            counts={"/ciprov/feature-x/api": 2},
            pending_counts={"/ciprov/feature-x/api": 3},
            claimed_ports={"/ciprov/feature-x/api": (31700, 31701)},
            passed_on={"/ciprov/feature-x/api": "mark"},
            app_versions={"/ciprov/feature-x/api": "2024-05-06T07:08:09.123Z"},
            operation=Operation(
                "up", MOMENT, "ann@host", "put group", 3, "2024-05-06T07:00:00.000Z", True, {"wait": True}
            ),
            pinned="a demonstration",
            last_used_at=MOMENT + timedelta(minutes=1),
            branch="feature/X",
            git_remote="https://git.example/x",
            branch_gone_since=MOMENT + timedelta(minutes=2),
            team="video",
            cpus=1.5,
            mem=512.0,
            failure="too bad",
            given_name="feature/X",
        )
        as_if_new = record()
        same = {field.name for field in fields(full) if getattr(full, field.name) == getattr(as_if_new, field.name)}
        assert same == KEY_AND_BLUEPRINT, "a field is not tried"
        saved = store.save(full)
        assert type(self).open_store(place, 30.0).get("staging", "feature-x") == saved
        assert saved == replace(full, revision=saved.revision)
        assert saved.revision > 0

    def test_unknown_is_none_and_an_empty_cluster_lists_nothing(self, store: Any) -> None:
        assert store.get("staging", "nothing") is None
        assert list(store.list("staging")) == []

    def test_the_list_is_of_one_cluster_sorted_by_name(self, store: Any) -> None:
        for name in ("b", "a", "c"):
            store.save(record(name))
        store.save(record("d", cluster="other"))
        assert [found.name for found in store.list("staging")] == ["a", "b", "c"]

    def test_a_second_creation_is_refused(self, store: Any) -> None:
        store.save(record())
        with pytest.raises(RecordChanged, match="made by somebody else"):
            store.save(record())

    def test_a_write_over_another_revision_is_refused_and_changes_nothing(self, store: Any) -> None:
        first = store.save(record())
        second = store.save(replace(first, phase=Phase.READY))
        with pytest.raises(RecordChanged, match="changed by somebody else"):
            store.save(replace(first, phase=Phase.FAILED))
        assert store.get("staging", "feature-x") == second

    def test_a_removed_record_is_not_brought_back_by_a_late_write(self, store: Any) -> None:
        first = store.save(record())
        store.delete("staging", "feature-x")
        with pytest.raises(RecordChanged, match="removed by somebody else"):
            store.save(first)

    def test_a_record_made_anew_never_repeats_an_old_revision(self, store: Any) -> None:
        old = store.save(record())
        store.delete("staging", "feature-x")
        store.save(record())
        with pytest.raises(RecordChanged):
            store.save(replace(old, owner="too late"))

    def test_deleting_twice_is_fine(self, store: Any) -> None:
        store.delete("staging", "feature-x")

    # Locks

    def test_a_free_lock_is_taken_at_once_and_is_free_again_afterwards(self, store: Any) -> None:
        for _ in range(2):
            with store.lock("k", "me", wait_seconds=0, on_wait=pytest.fail) as check:
                check()

    def test_it_is_free_again_after_an_error(self, store: Any) -> None:
        with pytest.raises(ZeroDivisionError), store.lock("k", "me", wait_seconds=0, on_wait=ignore):
            raise ZeroDivisionError
        with store.lock("k", "me", wait_seconds=0, on_wait=pytest.fail):
            pass

    def test_a_held_lock_names_its_holder(self, store: Any, place: str) -> None:
        other = type(self).open_store(place, 30.0)
        seen: list[LockHolder] = []
        with store.lock("k", "ann@host, pid 12, env up", wait_seconds=0, on_wait=ignore):
            with pytest.raises(LockHeld) as refusal, other.lock("k", "bob", wait_seconds=0.3, on_wait=seen.append):
                pass
            with other.lock("another", "bob", wait_seconds=0, on_wait=pytest.fail):
                pass
        assert refusal.value.holder.description == "ann@host, pid 12, env up"
        assert [holder.key for holder in seen] == ["k"]

    def test_whoever_waits_gets_it_next(self, store: Any, place: str) -> None:
        other = type(self).open_store(place, 30.0)
        waiting = threading.Event()
        got = threading.Event()

        def wait_for_it() -> None:
            with other.lock("k", "second", wait_seconds=20, on_wait=lambda _: waiting.set()):
                got.set()

        with store.lock("k", "first", wait_seconds=0, on_wait=ignore):
            thread = threading.Thread(target=wait_for_it)
            thread.start()
            assert waiting.wait(10)
            assert not got.is_set()
        thread.join(20)
        assert got.is_set()

    def test_a_lease_is_kept_longer_than_it_lasts(self, place: str) -> None:
        short = type(self).open_store(place, 0.6)
        other = type(self).open_store(place, 0.6)
        with short.lock("k", "me", wait_seconds=0, on_wait=ignore) as check:
            with pytest.raises(LockHeld), other.lock("k", "bob", wait_seconds=1.5, on_wait=ignore):
                pass
            check()

    # Elections

    def test_one_leads_and_the_next_follows_when_it_leaves(self, store: Any, place: str) -> None:
        other = type(self).open_store(place, 30.0)
        with other.election("reaper", "bob") as standby:
            with store.election("reaper", "ann") as lead:
                assert lead.wait(5)
                lead.check()
                assert lead.wait(0)
                assert not standby.wait(0.3)
                assert standby.leader().description == "ann"
                with pytest.raises(LockHeld, match="ann"):
                    standby.check()
            assert standby.wait(5)
            standby.check()

    def test_nobody_leads_unasked(self, store: Any) -> None:
        with store.election("reaper", "ann") as lead, pytest.raises(CiprovError, match="nobody was elected"):
            lead.check()

    def test_a_killed_leader_is_followed(self, store: Any, place: str) -> None:
        ready = processes.Event()
        victim = processes.Process(target=lead_until_killed, args=(type(self).open_store, place, ready))
        victim.start()
        assert ready.wait(20)
        assert victim.pid is not None
        with store.election("reaper", "ann") as standby:
            assert not standby.wait(0)
            os.kill(victim.pid, signal.SIGKILL)
            assert standby.wait(10)
        victim.join()

    # Several processes

    def test_one_of_many_creations_wins(self, place: str) -> None:
        results = processes.Queue()
        run_all([(create_or_lose, (type(self).open_store, place, results))] * 4)
        assert sorted(results.get(timeout=10) for _ in range(4)) == ["created", "lost", "lost", "lost"]

    def test_no_change_is_lost_between_processes(self, store: Any, place: str) -> None:
        store.save(record("counter", counts={"/a": 0}))
        run_all([(add_one_many_times, (type(self).open_store, place, 25))] * 3)
        assert store.get("staging", "counter").counts == {"/a": 75}

    def test_who_holds_a_lock_can_be_asked_without_wanting_it(self, store: Any, place: str) -> None:
        assert store.holder("k") is None
        with type(self).open_store(place, 30.0).lock("k", "ann", wait_seconds=0, on_wait=ignore):
            assert store.holder("k").description == "ann"
        assert store.holder("k") is None

    def test_the_lock_excludes_between_processes(self, place: str, tmp_path: Any) -> None:
        file = tmp_path / "counter"
        file.write_text("0")
        run_all([(bump_a_file_under_lock, (type(self).open_store, place, str(file), 10))] * 3)
        assert file.read_text() == "30"

    def test_a_killed_holder_does_not_block_the_next(self, store: Any, place: str) -> None:
        ready = processes.Event()
        victim = processes.Process(target=hold_until_killed, args=(type(self).open_store, place, ready))
        victim.start()
        assert ready.wait(20)
        assert victim.pid is not None
        with pytest.raises(LockHeld, match="the victim"), store.lock("k", "me", wait_seconds=0, on_wait=ignore):
            pass
        os.kill(victim.pid, signal.SIGKILL)
        with store.lock("k", "me", wait_seconds=5, on_wait=ignore):
            pass
        victim.join()

    def test_a_stopped_holder_writes_nothing_once_another_has_the_lock(self, store: Any, place: str) -> None:
        store.save(record())
        ready, go, results = processes.Event(), processes.Event(), processes.Queue()
        arguments = (type(self).open_store, place, ready, go, results)
        sleeper = processes.Process(target=hold_and_write_after_stop, args=arguments)
        sleeper.start()
        assert ready.wait(20)
        assert sleeper.pid is not None
        freeze(sleeper.pid)
        try:
            with store.lock("k", "the taker", wait_seconds=10, on_wait=ignore):
                thaw(sleeper.pid)
                go.set()
                assert [results.get(timeout=20) for _ in range(3)] == ["the taker"] * 3
        finally:
            thaw(sleeper.pid)
            sleeper.join()
        assert store.get("staging", "feature-x").owner == ""
        assert list(store.history("staging", "feature-x")) == []

    def test_a_stopped_holder_finds_out_that_it_lost_the_lock(self, store: Any, place: str) -> None:
        ready, go, results = processes.Event(), processes.Event(), processes.Queue()
        arguments = (type(self).open_store, place, ready, go, results)
        sleeper = processes.Process(target=hold_and_check_after_stop, args=arguments)
        sleeper.start()
        assert ready.wait(20)
        assert sleeper.pid is not None
        freeze(sleeper.pid)
        try:
            with store.lock("k", "the taker", wait_seconds=10, on_wait=ignore):
                thaw(sleeper.pid)
                go.set()
                assert results.get(timeout=10) == "the taker"
        finally:
            thaw(sleeper.pid)
            sleeper.join()


def run_all(calls: list[tuple[Callable[..., None], tuple[Any, ...]]]) -> None:
    running = [processes.Process(target=function, args=arguments) for function, arguments in calls]
    for process in running:
        process.start()
    for process in running:
        process.join(60)
        assert process.exitcode == 0
