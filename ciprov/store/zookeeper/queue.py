"""A place in the queue for a lock: an ephemeral node whose number says whose turn it is.

wanting ──▶ waiting (a node, others before it) ──▶ holding (the first node) ──▶ lost (the node is gone) or released

The awkward cases: the session ends while we wait (we queue again, at the end) or while we hold (`check` finds out and
nothing is written any more); the answer to our creation is lost (our token tells our node from others'); the holder
was killed on this machine (its node need not wait for its session to end).
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from kazoo.client import KazooClient
from kazoo.exceptions import NoNodeError, NotEmptyError

from ciprov.domain.environment import LockHeld, LockHolder
from ciprov.foundation.clock import Now
from ciprov.store.errors import StoreError
from ciprov.store.process import ProcessIdentity, is_dead, this_process
from ciprov.store.records import moment, moment_text
from ciprov.store.zookeeper.connection import Connection, Unsure
from ciprov.store.zookeeper.paths import sequence
from ciprov.store.zookeeper.payloads import pack, unpack

LOOK_SECONDS = 2.0
"""Watches tell when it is our turn; this often we look by ourselves for a holder that was killed on this machine."""

FRESH_SECONDS = 1.0
LEAVE_SECONDS = 5.0


class Place:
    """One contender for one key."""

    def __init__(self, connection: Connection, queue: str, key: str, description: str, now: Now) -> None:
        self._connection = connection
        self._queue = queue
        self._key = key
        self._description = description
        self._now = now
        self._token = uuid.uuid4().hex
        self._node = ""
        self._holds = False
        self._proved = 0.0
        self._losses = 0

    @property
    def path(self) -> str:
        """Our node: while it is there and we were first once, the lock is ours."""
        return f"{self._queue}/{self._node}"

    def acquire(self, wait_seconds: float, on_wait: Callable[[LockHolder], None]) -> LockHolder | None:
        """None once the lock is ours, else who holds it after `wait_seconds`. Tells `on_wait` once."""
        deadline = time.monotonic() + wait_seconds
        told = False
        while True:
            asked, losses = time.monotonic(), self._connection.losses
            line = self._line()
            if line[0] == self._node:
                self._proved, self._losses, self._holds = asked, losses, True
                return None
            holder = self._holder(line[0])
            if holder is None:
                continue
            left = deadline - time.monotonic()
            if left <= 0:
                return holder
            if not told:
                on_wait(holder)
                told = True
            self._await(line[line.index(self._node) - 1], min(left, LOOK_SECONDS))

    def holder(self) -> LockHolder | None:
        """Who holds the lock now, without standing in the line for it; the dead among them are taken away."""
        while True:
            try:
                children = self._connection.ask(lambda client: client.get_children_async(self._queue))
            except NoNodeError:
                return None
            if not children:
                return None
            if (found := self._holder(min(children, key=sequence))) is not None:
                return found

    def check(self) -> None:
        """Raise `LockHeld` where the lock is not ours any more.

        While the connection is down nobody can say: this waits for it, at most as long as the session could live, and
        so nothing is written meanwhile.
        """
        fresh = min(FRESH_SECONDS, self._connection.timeout / 6)
        undisturbed = self._connection.connected and self._connection.losses == self._losses
        if self._holds and undisturbed and time.monotonic() - self._proved < fresh:
            return
        try:
            if self._holds and self._prove():
                return
        except StoreError:
            self._holds = False
            raise LockHeld(self._nobody()) from None
        raise self.lost()

    def lost(self) -> LockHeld:
        """What to raise where the server refused a write because our node is gone."""
        self._holds = False
        return LockHeld(self._taker())

    def release(self) -> None:
        """Leave the queue. Where the server cannot be told, the node goes with the session, or once it answers."""
        self._holds = False
        if self._node and not self._connection.connected:
            self._connection.abandon(self.path)
            return
        try:
            for child in self._ours() if not self._node else [self._node]:
                with suppress(NoNodeError):
                    self._ask(lambda client, path=f"{self._queue}/{child}": client.delete_async(path))  # type: ignore[misc]
            with suppress(NoNodeError, NotEmptyError):
                self._ask(lambda client: client.delete_async(self._queue))
        except StoreError:
            if self._node:
                self._connection.abandon(self.path)

    def _ask(self, call: Callable[[KazooClient], object]) -> object:
        return self._connection.ask(call, LEAVE_SECONDS)  # type: ignore[arg-type]

    def _line(self) -> list[str]:
        """All who want the lock, in order; we are among them."""
        while True:
            try:
                children = self._connection.ask(lambda client: client.get_children_async(self._queue))
            except NoNodeError:
                children = []
            if self._node in children:
                return sorted(children, key=sequence)
            self._enter()

    def _enter(self) -> None:
        process = this_process()
        document = {
            "key": self._key,
            "description": self._description,
            "since": moment_text(self._now()),
            "host": process.host,
            "pid": process.pid,
            "process_start": process.start,
        }
        data = pack("lock", f"the lock {self._key}", document)
        path = f"{self._queue}/{self._token}-"
        while True:
            try:
                made: str = self._connection.ask_once(
                    lambda client: client.create_async(path, data, ephemeral=True, sequence=True)
                )
                self._node = made.rpartition("/")[2]
                return
            except NoNodeError:
                self._connection.ask(lambda client: client.ensure_path_async(self._queue))
            except Unsure:
                if ours := self._ours():
                    self._node = ours[0]
                    return

    def _ours(self) -> list[str]:
        try:
            children: list[str] = self._connection.ask(lambda client: client.get_children_async(self._queue))
        except NoNodeError:
            return []
        return sorted((child for child in children if child.startswith(self._token)), key=sequence)

    def _holder(self, child: str) -> LockHolder | None:
        """Who is first; None where it has gone meanwhile, or was dead and has been taken away."""
        path = f"{self._queue}/{child}"
        try:
            data, _ = self._connection.ask(lambda client: client.get_async(path))
        except NoNodeError:
            return None
        found = unpack("lock", f"the lock {self._key}", data)
        if is_dead(ProcessIdentity(found["host"], found["pid"], found["process_start"])):
            with suppress(NoNodeError):
                self._connection.ask(lambda client: client.delete_async(path))
            return None
        until = self._now() + timedelta(seconds=self._connection.timeout)
        return LockHolder(self._key, child.partition("-")[0], found["description"], moment(found["since"]), until)

    def _await(self, child: str, seconds: float) -> None:
        """Until `child`, which is next before us, goes; at most `seconds`."""
        wake = threading.Event()
        there = self._connection.ask(
            lambda client: client.exists_async(f"{self._queue}/{child}", watch=lambda _: wake.set())
        )
        if there is not None:
            wake.wait(seconds)

    def _prove(self) -> bool:
        """Whether our node is there, as the server knows by now, not as it did a while ago. Raises `StoreError`."""
        asked, losses = time.monotonic(), self._connection.losses
        patience = max(LEAVE_SECONDS, self._connection.timeout)
        try:
            self._connection.ask(lambda client: client.sync_async(self._queue), patience)
            there = self._connection.ask(lambda client: client.exists_async(self.path), patience)
        except NoNodeError:  # the whole queue is gone
            return False
        if there is None:
            return False
        self._proved, self._losses = asked, losses
        return True

    def _taker(self) -> LockHolder:
        """Who has the lock now, as far as that can be found out quickly."""
        with suppress(StoreError, NoNodeError, IndexError):
            children = self._connection.ask(lambda client: client.get_children_async(self._queue), LEAVE_SECONDS)
            others = [child for child in children if child != self._node]
            if holder := self._holder(min(others, key=sequence)) if others else None:
                return holder
        return self._nobody()

    def _nobody(self) -> LockHolder:
        now = self._now()
        text = "as our session with ZooKeeper was lost"
        return LockHolder(self._key, "", text, now, now)
