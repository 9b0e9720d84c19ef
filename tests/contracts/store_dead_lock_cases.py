"""What every backend of the store must do about locks whose holders have ended."""

from __future__ import annotations

import os
import signal
from typing import Any

from store_cases import hold_until_killed, ignore, processes


class DeadLockContract:
    def test_a_lock_that_is_held_or_was_released_is_not_dead(self, store: Any) -> None:
        assert store.dead_locks() == []
        with store.lock("env/c/x", "ann", wait_seconds=0, on_wait=ignore):
            assert store.dead_locks() == []
            assert not store.drop_dead_lock("env/c/x")
            assert store.holder("env/c/x").description == "ann"
        assert store.dead_locks() == []

    def test_what_a_killed_holder_left_is_found_and_dropped(self, store: Any, place: str) -> None:
        ready = processes.Event()
        victim = processes.Process(target=hold_until_killed, args=(type(self).open_store, place, ready))  # type: ignore[attr-defined]
        victim.start()
        assert ready.wait(20)
        assert not store.drop_dead_lock("k")
        os.kill(victim.pid, signal.SIGKILL)
        victim.join()

        (dead,) = store.dead_locks()
        assert dead.key == "k"
        assert "the victim" in dead.why
        assert store.drop_dead_lock("k")
        assert store.dead_locks() == []
        assert not store.drop_dead_lock("k")
        with store.lock("k", "me", wait_seconds=0, on_wait=ignore):
            assert store.holder("k").description == "me"
