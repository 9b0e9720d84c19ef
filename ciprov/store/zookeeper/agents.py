"""What an agent service keeps, in ZooKeeper.

A transaction asks for the node of the lead's lock, moves the version of the service's node on, leaves a mark there, and
writes a node for each document. The mark tells whether it was done where its answer was lost; the version, that none
is done late, after the next one.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Collection, Mapping
from typing import Any

from kazoo.client import KazooClient
from kazoo.exceptions import BadVersionError, NoNodeError

from ciprov.domain.agents import Key
from ciprov.domain.leadership import Lead
from ciprov.foundation.json import JsonObject
from ciprov.store.agent_documents import Owner, decode, encode, named
from ciprov.store.election import Tenure
from ciprov.store.errors import StoreError
from ciprov.store.zookeeper.agent_batches import Changes, batches
from ciprov.store.zookeeper.connection import Answer, Call, Connection, Several, Unsure
from ciprov.store.zookeeper.paths import Paths, child_of, key_of
from ciprov.store.zookeeper.payloads import LIMIT
from ciprov.store.zookeeper.queue import Place
from ciprov.store.zookeeper.refusals import refused_step

WRITE_SECONDS = 10.0
"""How long a write waits for ZooKeeper."""


class ZookeeperAgents:
    """See `ciprov.agents.ports.AgentStore`.

    A write of up to 700 KB and 1,000 documents is one transaction; a larger one is several, each of them whole, in the
    order given and removals last. A killed process may leave the first of them.
    """

    def __init__(self, connection: Connection, paths: Paths, owner: Owner, lead: Lead) -> None:
        self._connection = connection
        self._owner = owner
        self._parent = paths.agents_of(owner.cluster, owner.service)
        self._tenure = Tenure(lead, Place)
        self._turn = threading.Lock()
        self._version: int | None = None
        self._there: dict[Key, bytes] = {}
        # What the next write takes back, as the one that did it has raised; None: was not there.
        self._owed: dict[Key, bytes | None] = {}
        # By mark, what was sent for the present version and may be done yet.
        self._doubts: dict[bytes, Changes] = {}

    def load(self) -> Mapping[Key, JsonObject]:
        with self._turn:
            place = self._tenure.begin()
            deadline = time.monotonic() + WRITE_SECONDS
            self._settle(place, deadline)
            self._read(deadline)
            self._owed.clear()
            return {key: self._document(key, data) for key, data in self._there.items()}

    def write(self, put: Mapping[Key, JsonObject], remove: Collection[Key] = ()) -> None:
        changes: dict[Key, bytes | None] = {key: self._encoded(key, document) for key, document in put.items()}
        changes.update({key: None for key in remove if key not in put})
        with self._turn:
            place = self._tenure.still()
            deadline = time.monotonic() + WRITE_SECONDS
            self._settle(place, deadline)
            if self._version is None:
                self._read(deadline)
            for batch in batches({**self._owed, **changes}):
                self._commit(place, batch, deadline)
            self._owed.clear()

    def _settle(self, place: Place, deadline: float) -> None:
        """Find out what became of writes whose answer was lost, and see to it that nothing becomes of them any more."""
        while self._doubts:
            self._look(deadline)
            if self._doubts:
                self._commit(place, {}, deadline)

    def _commit(self, place: Place, batch: Changes, deadline: float) -> None:
        mark = uuid.uuid4().hex.encode()
        while time.monotonic() < deadline:
            try:
                results = self._connection.ask_once(
                    lambda client: self._transaction(client, place, mark, batch), deadline - time.monotonic()
                )
            except Unsure:
                self._doubts[mark] = batch
                if self._look(deadline) == mark:
                    return
                continue
            refused = refused_step(self._connection, results)
            if refused is None:
                self._moved(int(results[1].version), batch)
                return
            if refused == 0:
                raise place.lost()
            if isinstance(results[refused], BadVersionError):
                if self._look(deadline) == mark:
                    return
            else:  # somebody removed or made nodes by hand
                self._read(deadline)
        raise self._connection.silent(WRITE_SECONDS)

    def _transaction(self, client: KazooClient, place: Place, mark: bytes, batch: Changes) -> Answer:
        transaction = client.transaction()
        transaction.check(place.path, 0)
        transaction.set_data(self._parent, mark, self._version)
        for key, data in batch.items():
            path = self._path(key)
            if data is None:
                if key in self._there:
                    transaction.delete(path)
            elif key in self._there:
                transaction.set_data(path, data)
            else:
                transaction.create(path, data)
        answer: Answer = transaction.commit_async()
        return answer

    def _look(self, deadline: float) -> bytes:
        """The mark of the last transaction, and what follows for those in doubt."""
        while True:
            try:
                self._ask(lambda client: client.sync_async(self._parent), deadline)
                data, stat = self._ask(lambda client: client.get_async(self._parent), deadline)
                break
            except NoNodeError:
                self._ask(lambda client: client.ensure_path_async(self._parent), deadline)
                self._there, self._version = {}, None
        mark = bytes(data)
        if stat.version != self._version:
            self._moved(stat.version, self._doubts.get(mark, {}))
        return mark

    def _moved(self, version: int, done: Changes) -> None:
        """By `done`. What was sent for an older version is refused from now on."""
        self._version = version
        self._doubts.clear()
        for key, data in done.items():
            self._owed.setdefault(key, self._there.get(key))
            if data is None:
                self._there.pop(key, None)
            else:
                self._there[key] = data

    def _read(self, deadline: float) -> None:
        """The version first: what is done while the rest is read makes the next transaction look again."""
        self._look(deadline)
        children = self._ask(lambda client: client.get_children_async(self._parent), deadline)
        try:
            keys = sorted(map(key_of, children), key=lambda key: (key.kind, key.id))
        except ValueError as error:
            raise StoreError(
                f"{self._owner}: {error}", place=self._place(), way_out="remove that node: ciprov never made it"
            ) from error
        found = self._ask(
            lambda client: Several([client.get_async(self._path(key)) for key in keys], NoNodeError), deadline
        )
        self._there = {key: bytes(one[0]) for key, one in zip(keys, found, strict=True) if one is not None}

    def _ask(self, call: Call, deadline: float) -> Any:
        left = deadline - time.monotonic()
        if left < 1.0:
            raise self._connection.silent(WRITE_SECONDS)
        return self._connection.ask(call, left)

    def _path(self, key: Key) -> str:
        return f"{self._parent}/{child_of(key)}"

    def _place(self, child: str = "") -> str:
        return f"zk://{','.join(self._connection.address.hosts)}{self._parent}{child}"

    def _encoded(self, key: Key, document: JsonObject) -> bytes:
        data = encode(key, document).encode("utf-8", "surrogatepass")
        if len(data) > LIMIT:
            raise StoreError(
                f"{named(self._owner, key)} is too large for ZooKeeper: {len(data):,} bytes, {LIMIT:,} are allowed",
                place=self._place(),
                way_out="make what its template gives it smaller (labels, environment variables, parameters)",
            )
        return data

    def _document(self, key: Key, data: bytes) -> JsonObject:
        place = self._place(f"/{child_of(key)}")
        return decode(self._owner, key, data, place, f"zkCli.sh delete {self._path(key)}")
