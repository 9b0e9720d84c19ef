"""What clusters are called here: everybody has to call one the same, as records and locks are kept under its name."""

from __future__ import annotations

import hashlib

from kazoo.exceptions import BadVersionError, NodeExistsError, NoNodeError

from ciprov.store.zookeeper.connection import Call, Connection
from ciprov.store.zookeeper.paths import Paths


class NamesOfClusters:
    def __init__(self, connection: Connection, paths: Paths) -> None:
        self._connection = connection
        self._paths = paths

    def other(self, identity: str, name: str) -> str:
        """Under what other name the cluster of that `identity` has records here; empty where it has none.

        Then it is called `name` from now on. An identity is any text that no two clusters share.
        """
        path = self._paths.name_of_cluster(hashlib.sha256(identity.encode()).hexdigest()[:32])
        while True:
            try:
                data, stat = self._connection.ask(lambda client: client.get_async(path))
            except NoNodeError:
                if self._done(lambda client: client.create_async(path, name.encode(), makepath=True)):
                    return ""
                continue
            known = bytes(data).decode()
            if known == name:
                return ""
            if self._has_records(known):
                return known
            if self._renamed(path, name, stat.version):
                return ""

    def _has_records(self, name: str) -> bool:
        try:
            return bool(self._connection.ask(lambda client: client.get_children_async(self._paths.cluster(name))))
        except NoNodeError:
            return False

    def _renamed(self, path: str, name: str, version: int) -> bool:
        return self._done(lambda client: client.set_async(path, name.encode(), version))

    def _done(self, call: Call) -> bool:
        """Whether nobody else was faster."""
        try:
            self._connection.ask(call)
        except (NodeExistsError, BadVersionError, NoNodeError):
            return False
        return True
