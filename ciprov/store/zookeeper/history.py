"""Operations on environments, a bounded number for each."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from kazoo.exceptions import NodeExistsError, NoNodeError, NotEmptyError

from ciprov.domain.environment import HistoryEntry
from ciprov.foundation.json import JsonObject
from ciprov.store.errors import StoreError
from ciprov.store.records import moment, moment_text
from ciprov.store.zookeeper.connection import Connection, Several
from ciprov.store.zookeeper.paths import Paths, unescaped
from ciprov.store.zookeeper.payloads import pack, unpack

HISTORY_KEPT = 200
"""Entries kept per environment; older ones go as new ones come."""

HISTORY_OF_CLUSTER_KEPT = 5_000
"""Entries kept of all environments of a cluster: most of them are gone, and new names come all the time."""

LOOKED_OVER_EVERY = 100
"""Entries: to count those of a cluster takes a look at each of its environments."""

_MOST_TEXT = 100_000
"""Characters kept of a summary or an outcome: a long diagnosis must not make an entry too large to be written."""


class History:
    def __init__(self, connection: Connection, paths: Paths) -> None:
        self._connection = connection
        self._paths = paths
        self._begun: dict[int, str] = {}

    def begin(self, entry: HistoryEntry) -> int:
        entry_id = self._next_id()
        parent = self._paths.history_of(entry.cluster, entry.name)
        path = self._paths.entry(entry.cluster, entry.name, entry_id)
        data = pack("history", _named(entry.cluster, entry.name), _document(entry))
        written = False
        while not written:
            self._connection.ask(lambda client: client.ensure_path_async(parent))
            written = self._created(path, data)
        self._begun[entry_id] = path
        self._forget_old(parent)
        if entry_id % LOOKED_OVER_EVERY == 0:
            self._forget_oldest(entry.cluster)
        return entry_id

    def end(self, entry_id: int, outcome: str, at: datetime) -> None:
        path = self._begun.pop(entry_id, None) or self._find(entry_id)
        if path is None:
            return
        with suppress(NoNodeError):  # so many came after it that it was forgotten
            data, _ = self._connection.ask(lambda client: client.get_async(path))
            document = unpack("history", "an entry of the history", data)
            ended = {**document, "outcome": outcome[:_MOST_TEXT], "ended_at": moment_text(at)}
            changed = pack("history", "an entry of the history", ended)
            self._connection.ask(lambda client: client.set_async(path, changed))

    def of(self, cluster: str, name: str, limit: int) -> Sequence[HistoryEntry]:
        """Newest first."""
        children = sorted(self._children(self._paths.history_of(cluster, name)), reverse=True)
        return self._read(cluster, [(int(child), name) for child in children[:limit]])

    def of_cluster(self, cluster: str, limit: int) -> Sequence[HistoryEntry]:
        """Newest first."""
        return self._read(cluster, self._ids(cluster)[:limit])

    def _created(self, path: str, data: bytes) -> bool:
        """False where somebody has just forgotten the last entry of that environment, and it with that."""
        try:
            self._connection.ask(lambda client: client.create_async(path, data))
        except NodeExistsError:  # the answer to our first attempt was lost: nobody else has the id
            return True
        except NoNodeError:
            return False
        return True

    def _read(self, cluster: str, ids: Sequence[tuple[int, str]]) -> Sequence[HistoryEntry]:
        """`ids` with the names of their environments; what was forgotten meanwhile is left out."""
        paths = [self._paths.entry(cluster, name, entry_id) for entry_id, name in ids]
        found = self._connection.ask(lambda client: Several([client.get_async(path) for path in paths], NoNodeError))
        return [
            _entry(cluster, name, entry_id, unpack("history", _named(cluster, name), one[0]))
            for (entry_id, name), one in zip(ids, found, strict=True)
            if one is not None
        ]

    def _ids(self, cluster: str) -> list[tuple[int, str]]:
        """Of all entries of a cluster with the names of their environments, newest first."""
        names = [unescaped(child) for child in self._children(self._paths.history_of_cluster(cluster))]
        paths = [self._paths.history_of(cluster, name) for name in names]
        found = self._connection.ask(
            lambda client: Several([client.get_children_async(path) for path in paths], NoNodeError)
        )
        pairs = zip(names, found, strict=True)
        return sorted(((int(child), name) for name, children in pairs for child in children or ()), reverse=True)

    def _forget_oldest(self, cluster: str) -> None:
        """And the nodes of environments that have no entry left."""
        ids = self._ids(cluster)
        gone = ids[HISTORY_OF_CLUSTER_KEPT:]
        left = {name for _, name in ids[:HISTORY_OF_CLUSTER_KEPT]}
        paths = [self._paths.entry(cluster, name, entry_id) for entry_id, name in gone]
        paths += [self._paths.history_of(cluster, name) for name in sorted({name for _, name in gone} - left)]
        for path in paths:
            with suppress(NoNodeError, NotEmptyError):  # somebody else is at it, or began anew meanwhile
                self._connection.ask(lambda client, path=path: client.delete_async(path))  # type: ignore[misc]

    def _next_id(self) -> int:
        """Where the answer is lost an id is left out, which does no harm."""
        while True:
            try:
                return int(self._connection.ask(lambda client: client.set_async(self._paths.history, b"")).version)
            except NoNodeError:
                self._connection.ask(lambda client: client.ensure_path_async(self._paths.history))

    def _forget_old(self, parent: str) -> None:
        for child in sorted(self._children(parent))[:-HISTORY_KEPT]:
            with suppress(NoNodeError):
                self._connection.ask(lambda client, path=f"{parent}/{child}": client.delete_async(path))  # type: ignore[misc]

    def _find(self, entry_id: int) -> str | None:
        """An entry that another process began."""
        for cluster in self._children(self._paths.history):
            for name in self._children(f"{self._paths.history}/{cluster}"):
                parent = f"{self._paths.history}/{cluster}/{name}"
                for child in self._children(parent):
                    if int(child) == entry_id:
                        return f"{parent}/{child}"
        return None

    def _children(self, path: str) -> list[str]:
        try:
            return list(self._connection.ask(lambda client: client.get_children_async(path)))
        except NoNodeError:
            return []


def _named(cluster: str, name: str) -> str:
    return f"the history of environment {name} on cluster {cluster}"


def _document(entry: HistoryEntry) -> JsonObject:
    return {
        "operation": entry.operation,
        "at": moment_text(entry.at),
        "who": entry.who,
        "summary": entry.summary[:_MOST_TEXT],
        "outcome": entry.outcome[:_MOST_TEXT],
        "ended_at": moment_text(entry.ended_at) if entry.ended_at else None,
    }


def _entry(cluster: str, name: str, entry_id: int, document: JsonObject) -> HistoryEntry:
    try:
        return HistoryEntry(
            id=entry_id,
            cluster=cluster,
            name=name,
            operation=document["operation"],
            at=moment(document["at"]),
            who=document["who"],
            summary=document["summary"],
            outcome=document["outcome"],
            ended_at=moment(document["ended_at"]) if document["ended_at"] else None,
        )
    except (KeyError, ValueError, TypeError) as error:
        raise StoreError(f"{_named(cluster, name)}: entry {entry_id} cannot be read: {error!r}") from error
