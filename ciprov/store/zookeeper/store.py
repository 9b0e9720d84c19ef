"""The store in ZooKeeper.

Every write of a record goes through the version of its cluster's node: one transaction moves that version on and writes
the record, so a revision is never given out twice, not even to a record that was deleted and made anew. The same
transaction asks for the nodes of all locks that the writing thread holds: without them nothing is written.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime

from kazoo.client import KazooClient, TransactionRequest
from kazoo.exceptions import NoNodeError

from ciprov.domain.environment import DeadLock, EnvironmentRecord, HistoryEntry, LockHeld, LockHolder
from ciprov.domain.leadership import Lead
from ciprov.foundation.clock import Now, utc_now
from ciprov.store.agent_documents import Owner
from ciprov.store.election import standing
from ciprov.store.errors import StoreError
from ciprov.store.fencing import Held
from ciprov.store.records import from_document, record_changed, to_document
from ciprov.store.zookeeper.agents import ZookeeperAgents
from ciprov.store.zookeeper.connection import Address, Answer, Connection, Several, Unsure
from ciprov.store.zookeeper.dead_locks import DeadLocks
from ciprov.store.zookeeper.history import History
from ciprov.store.zookeeper.names_of_clusters import NamesOfClusters
from ciprov.store.zookeeper.paths import Paths, unescaped
from ciprov.store.zookeeper.payloads import pack, unpack
from ciprov.store.zookeeper.queue import Place
from ciprov.store.zookeeper.refusals import refused_step

SESSION_SECONDS = 30.0
"""How long a lock outlives a holder that died on another machine or lost its connection."""

COMMIT_SECONDS = 30.0
"""How long a write gives way to others before it gives up."""

Step = Callable[[TransactionRequest], None]
"""Adds to a transaction."""

Write = Callable[[int], Step | None]
"""What is to be written under the revision given; None: nothing is left to do."""


class ZookeeperStore:
    """See `ciprov.environments.ports.Store` and `ciprov.domain.leadership.Elections`.

    All calls raise `StoreError` where ZooKeeper cannot be used, within a time that is bounded.
    """

    def __init__(self, address: Address, *, now: Now = utc_now, lease_seconds: float = SESSION_SECONDS) -> None:
        self._connection = Connection(address, lease_seconds)
        self._paths = Paths(address.root)
        self._history = History(self._connection, self._paths)
        self._now = now
        self._held: Held[Place] = Held()

    @property
    def place(self) -> str:
        return str(self._connection.address)

    def close(self) -> None:
        self._connection.close()

    # Records

    def get(self, cluster: str, name: str) -> EnvironmentRecord | None:
        data = self._data(self._paths.record(cluster, name))
        return None if data is None else self._record(cluster, name, data)

    def list(self, cluster: str) -> Sequence[EnvironmentRecord]:
        """Sorted by name."""
        try:
            children = self._connection.ask(lambda client: client.get_children_async(self._paths.cluster(cluster)))
        except NoNodeError:
            return []
        names = sorted(map(unescaped, children))
        paths = [self._paths.record(cluster, name) for name in names]
        found = self._connection.ask(lambda client: Several([client.get_async(path) for path in paths], NoNodeError))
        return [self._record(cluster, name, one[0]) for name, one in zip(names, found, strict=True) if one is not None]

    def save(self, record: EnvironmentRecord) -> EnvironmentRecord:
        path = self._paths.record(record.cluster, record.name)
        mark = uuid.uuid4().hex
        plain = to_document(record)
        what = _named(record.cluster, record.name)

        def write(revision: int) -> Step:
            stored = self._data(path)
            if (self._revision(what, stored) if stored is not None else 0) != record.revision:
                raise record_changed(record, stored is not None)
            data = pack("record", what, {**plain, "revision": revision, "written": mark})
            if stored is None:
                return lambda transaction: transaction.create(path, data)
            return lambda transaction: transaction.set_data(path, data)

        def was_written() -> bool:
            stored = self._data(path)
            return stored is not None and unpack("record", what, stored).get("written") == mark

        return replace(record, revision=self._commit(record.cluster, write, was_written))

    def delete(self, cluster: str, name: str) -> None:
        path = self._paths.record(cluster, name)

        def write(_: int) -> Step | None:
            return None if self._data(path) is None else lambda transaction: transaction.delete(path)

        self._commit(cluster, write, lambda: self._data(path) is None)

    # History

    def begin(self, entry: HistoryEntry) -> int:
        self._refuse_lost()
        return self._history.begin(entry)

    def end(self, entry_id: int, outcome: str, at: datetime) -> None:
        """Also after a lock was lost: an entry belongs to its operation alone."""
        self._history.end(entry_id, outcome, at)

    def history(self, cluster: str, name: str, limit: int = 50) -> Sequence[HistoryEntry]:
        """Newest first."""
        return self._history.of(cluster, name, limit)

    def operations(self, cluster: str, limit: int = 50) -> Sequence[HistoryEntry]:
        """Of all environments, newest first."""
        return self._history.of_cluster(cluster, limit)

    # Locks

    @contextmanager
    def lock(
        self, key: str, description: str, *, wait_seconds: float, on_wait: Callable[[LockHolder], None]
    ) -> Iterator[Callable[[], None]]:
        place = self._place(key, description)
        try:
            if (holder := place.acquire(wait_seconds, on_wait)) is not None:
                raise LockHeld(holder)
            with self._held.holding(place):
                yield place.check
        finally:
            place.release()

    def holder(self, key: str) -> LockHolder | None:
        return self._place(key, "").holder()

    def dead_locks(self) -> Sequence[DeadLock]:
        return DeadLocks(self._connection, self._paths).found()

    def drop_dead_lock(self, key: str) -> bool:
        return DeadLocks(self._connection, self._paths).drop(key)

    def election(self, key: str, description: str) -> AbstractContextManager[Lead]:
        return standing(lambda: self._place(key, description), key)

    def agents(self, cluster: str, service: str, lead: Lead) -> ZookeeperAgents:
        """See `ciprov.agents.ports.AgentStores`."""
        return ZookeeperAgents(self._connection, self._paths, Owner(cluster, service), lead)

    def _place(self, key: str, description: str) -> Place:
        return Place(self._connection, self._paths.queue(key), key, description, self._now)

    def other_name(self, identity: str, cluster: str) -> str:
        """See `NamesOfClusters.other`."""
        return NamesOfClusters(self._connection, self._paths).other(identity, cluster)

    # The nodes

    def _commit(self, cluster: str, write: Write, was_written: Callable[[], bool]) -> int:
        """Write in one transaction with the next revision, which is returned."""
        counter = self._paths.cluster(cluster)
        deadline = time.monotonic() + COMMIT_SECONDS
        most = 0.02
        while time.monotonic() < deadline:
            version = self._version(counter)
            revision, held = version + 1, self._held.leases
            step = write(revision)
            if step is None:
                return revision
            try:
                results = self._connection.ask_once(lambda client: _transaction(client, counter, version, held, step))  # noqa: B023
            except Unsure:
                if was_written():
                    return revision
                continue
            refused = refused_step(self._connection, results)
            if refused is None:
                return revision
            if refused < len(held):
                raise held[refused].lost()
            time.sleep(random.uniform(0.0, most))
            most = min(0.5, most * 1.5)
        raise StoreError(
            f"others kept writing to the records of cluster {cluster} for {COMMIT_SECONDS:.0f} s",
            place=self.place,
            way_out="repeat the command",
        )

    def _version(self, path: str) -> int:
        while True:
            stat = self._connection.ask(lambda client: client.exists_async(path))
            if stat is not None:
                return int(stat.version)
            self._connection.ask(lambda client: client.ensure_path_async(path))

    def _refuse_lost(self) -> None:
        for place in self._held.leases:
            place.check()

    def _data(self, path: str) -> bytes | None:
        try:
            data, _ = self._connection.ask(lambda client: client.get_async(path))
        except NoNodeError:
            return None
        return bytes(data)

    def _revision(self, what: str, data: bytes) -> int:
        return int(unpack("record", what, data).get("revision", -1))

    def _record(self, cluster: str, name: str, data: bytes) -> EnvironmentRecord:
        what = _named(cluster, name)
        document = unpack("record", what, data)
        try:
            return from_document(cluster, name, int(document["revision"]), document)
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"{what} cannot be read: {error!r}",
                place=self.place,
                way_out="restore it from a backup of ZooKeeper, or use the ciprov version that wrote it",
            ) from error


def _named(cluster: str, name: str) -> str:
    return f"the record of environment {name} on cluster {cluster}"


def _transaction(client: KazooClient, counter: str, version: int, held: Sequence[Place], step: Step) -> Answer:
    transaction = client.transaction()
    for place in held:
        transaction.check(place.path, 0)
    transaction.set_data(counter, b"", version)
    step(transaction)
    answer: Answer = transaction.commit_async()
    return answer
