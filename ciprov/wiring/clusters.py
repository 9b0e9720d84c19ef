"""From a cluster's settings to clients that reach it."""

from __future__ import annotations

from ciprov.clients.connection import Connection
from ciprov.clients.marathon.client import HttpMarathon
from ciprov.clients.mesos_agents import HttpAgents
from ciprov.foundation.errors import CiprovError
from ciprov.settings.model import Cluster, Credentials


def marathon_client(cluster: Cluster) -> HttpMarathon:
    return HttpMarathon(marathon_connection(cluster))


def marathon_connection(cluster: Cluster) -> Connection:
    """Raises `CiprovError` for a cluster that has only agents."""
    if not cluster.marathon:
        raise CiprovError(
            f"cluster {cluster.name} has no Marathon, and environments need one",
            way_out="give its URL as `marathon` of the cluster (CIPROV_MARATHON), or choose another one with --cluster",
        )
    return _connection(cluster, cluster.marathon, cluster.auth)


def agents_client(cluster: Cluster) -> HttpAgents:
    return HttpAgents(_connection(cluster, cluster.mesos, cluster.mesos_auth) if cluster.mesos else None)


def mesos_connection(cluster: Cluster, masters: str) -> Connection:
    """`masters`: URLs with commas between them, or a `zk://` address, as the scheduler's driver takes them."""
    return _connection(
        cluster, tuple(masters.split(",")) if not masters.startswith("zk:") else (masters,), cluster.mesos_auth
    )


def leaders_speak_tls(cluster: Cluster) -> bool:
    """Of masters found in ZooKeeper, which holds no scheme: the addresses of the same masters in the settings tell."""
    return any(url.lower().startswith("https://") for url in cluster.mesos)


def _connection(cluster: Cluster, servers: tuple[str, ...], auth: Credentials) -> Connection:
    return Connection(
        name=cluster.name,
        servers=servers,
        user=auth.user,
        password=auth.password.reveal() if auth.password else "",
        token=auth.token.reveal() if auth.token else "",
        verify=(cluster.tls.ca or True) if cluster.tls.verify else False,
        certificate=cluster.tls.certificate,
        key=cluster.tls.key,
        read_timeout=cluster.timeout,
    )
