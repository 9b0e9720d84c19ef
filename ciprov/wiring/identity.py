"""Whether all who share a store call a cluster the same: under another name its records and locks are not seen."""

from __future__ import annotations

from dataclasses import replace

from ciprov.clients.marathon.client import HttpMarathon
from ciprov.domain.marathon import MarathonError
from ciprov.foundation.errors import UsageError
from ciprov.foundation.json import JsonObject
from ciprov.settings.model import Cluster
from ciprov.store.zookeeper.store import ZookeeperStore
from ciprov.wiring.clusters import marathon_connection
from ciprov.wiring.stores import Store

_CONNECT_SECONDS, _READ_SECONDS = 2.0, 5.0


def refuse_other_name(cluster: Cluster, store: Store) -> None:
    """Raises `UsageError` where the store has this very cluster under another name.

    A Marathon that does not answer is for the command itself to tell.
    """
    if cluster.is_embedded or not isinstance(store, ZookeeperStore):
        return
    connection = replace(marathon_connection(cluster), connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS)
    try:
        info = HttpMarathon(connection).info()
    except MarathonError:
        return
    identity = identity_of(info, cluster.prefix)
    if identity and (other := store.other_name(identity, cluster.name)):
        raise UsageError(
            f"cluster {cluster.name} has its records and locks in {store.place} under the name {other}: under "
            "another name nobody sees what the others do",
            place=cluster.sources.get("marathon", ""),
            way_out=_way_out(other),
        )


def _way_out(name: str) -> str:
    # An address that stands for a name is none that a settings file may have.
    in_file = "" if ":" in name else f"call it {name} in the settings file; "
    return f"{in_file}where CIPROV_MARATHON gives its address, say --cluster {name} (CIPROV_CLUSTER)"


def identity_of(info: JsonObject, prefix: str) -> str:
    """What no two clusters share, of an answer of `/v2/info`; empty where Marathon is not registered with a master.

    Below another prefix there are other environments.
    """
    framework = info.get("frameworkId")
    configured = info.get("marathon_config")
    master = configured.get("master") if isinstance(configured, dict) else ""
    return f"{framework} {master} {prefix}" if framework else ""
