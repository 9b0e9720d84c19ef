"""What is left of locks that nobody holds: queues without a place, and places of processes that ended here."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from kazoo.exceptions import NoNodeError, NotEmptyError

from ciprov.domain.environment import DeadLock
from ciprov.store.process import ProcessIdentity, is_dead
from ciprov.store.zookeeper.connection import Connection
from ciprov.store.zookeeper.paths import Paths, unescaped
from ciprov.store.zookeeper.payloads import unpack


class DeadLocks:
    def __init__(self, connection: Connection, paths: Paths) -> None:
        self._connection = connection
        self._paths = paths

    def found(self) -> Sequence[DeadLock]:
        """By key."""
        dead = []
        for key in sorted(map(unescaped, self._children(self._paths.locks) or [])):
            places = self._children(self._paths.queue(key))
            if places is None:
                continue
            if not places:
                dead.append(DeadLock(key, "an empty queue"))
            elif ended := self._ended(key, places):
                dead.append(DeadLock(key, f"the place of {', '.join(ended.values())}, which has ended"))
        return dead

    def drop(self, key: str) -> bool:
        """Whether anything was removed. The living keep their places, and with them the queue."""
        queue = self._paths.queue(key)
        places = self._children(queue)
        if places is None:
            return False
        ended = self._ended(key, places)
        for place in ended:
            self._delete(f"{queue}/{place}")
        return self._delete(queue) or bool(ended)

    def _ended(self, key: str, places: Sequence[str]) -> dict[str, str]:
        """Who had them, by place."""
        ended = {}
        for place in sorted(places):
            with suppress(NoNodeError):
                path = f"{self._paths.queue(key)}/{place}"
                data, _ = self._connection.ask(lambda client, path=path: client.get_async(path))  # type: ignore[misc]
                who = unpack("lock", f"the lock {key}", data)
                if is_dead(ProcessIdentity(who["host"], who["pid"], who["process_start"])):
                    ended[place] = str(who["description"])
        return ended

    def _delete(self, path: str) -> bool:
        try:
            self._connection.ask(lambda client: client.delete_async(path))
        except (NoNodeError, NotEmptyError):
            return False
        return True

    def _children(self, path: str) -> list[str] | None:
        try:
            return list(self._connection.ask(lambda client: client.get_children_async(path)))
        except NoNodeError:
            return None
