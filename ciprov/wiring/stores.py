"""From the settings to the store."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path
from typing import Protocol

from ciprov.agents.ports import AgentStores
from ciprov.domain.leadership import Elections
from ciprov.environments import ports
from ciprov.foundation.errors import UsageError
from ciprov.settings.model import Cluster, Settings
from ciprov.settings.store_address import StoreUrl, parse
from ciprov.store.sqlite import SqliteStore


class Store(ports.Store, Elections, AgentStores, Protocol):
    """What every backend gives."""

    def close(self) -> None: ...


def open_store(settings: Settings) -> Store:
    """`sqlite:///absolute/path.db`; a fourth slash does no harm, and `sqlite:///~/x.db` is in the home directory.

    Raises `UsageError` where a cluster that others use too would be recorded on this machine alone.
    """
    cluster = settings.cluster
    address = parse(cluster.store)
    if address.is_local:
        if not cluster.is_embedded and not settings.store_local:
            raise _refusal(cluster)
        return _file(address)
    from ciprov.store.zookeeper.connection import Address
    from ciprov.store.zookeeper.store import ZookeeperStore

    user, secret = cluster.store_auth.user, cluster.store_auth.password
    root = address.root + (_own(settings) if cluster.is_embedded else "")
    return ZookeeperStore(Address(address.hosts, root, user, secret.reveal() if secret else ""))


def _file(address: StoreUrl) -> SqliteStore:
    path = "/" + address.url.removeprefix("sqlite:///").lstrip("/")
    return SqliteStore(Path(path[1:]).expanduser() if path.startswith("/~") else Path(path))


def _own(settings: Settings) -> str:
    """Every embedded cluster is called the same, so the records of each have a place of their own."""
    whose = f"{socket.gethostname()}:{settings.state_dir.resolve()}"
    return f"/embedded/{hashlib.sha256(whose.encode()).hexdigest()[:16]}"


def _refusal(cluster: Cluster) -> UsageError:
    return UsageError(
        f"cluster {cluster.name} is shared, but its records and locks would be on this machine alone "
        f"({cluster.store}): nobody else would see what you do there",
        place=cluster.sources.get("store", "setting store"),
        way_out="set the cluster's `store` to a ZooKeeper, such as the one of Mesos: zk://host1,host2,host3/ciprov "
        "(CIPROV_STORE). If only this machine ever works on that cluster: --store-local (CIPROV_STORE_LOCAL=1)",
    )
