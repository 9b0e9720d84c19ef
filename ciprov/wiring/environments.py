"""Environments on the cluster that the settings chose: the service, and what a command needs beside it."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ciprov.clients.marathon.client import HttpMarathon
from ciprov.clients.mesos_agents import HttpAgents
from ciprov.domain.environment import EnvironmentRecord
from ciprov.environments.context import Context
from ciprov.environments.names import group_path, refuse_collision, slug
from ciprov.environments.service import EnvironmentService
from ciprov.foundation.errors import CiprovError
from ciprov.settings.model import Cluster, Credentials, Settings
from ciprov.settings.secret import from_file
from ciprov.store.sqlite import SqliteStore
from ciprov.wiring.clusters import agents_client, marathon_client
from ciprov.wiring.stores import open_store


@dataclass(frozen=True, slots=True)
class Environments:
    """`cluster` has its addresses, also where it is the embedded one, which runs by now."""

    cluster: Cluster
    marathon: HttpMarathon
    agents: HttpAgents
    store: SqliteStore
    service: EnvironmentService

    @property
    def target(self) -> str:
        return self.marathon.target

    def group_path(self, name: str) -> str:
        return group_path(self.cluster.prefix, name)

    def named(self, given: str) -> tuple[str, EnvironmentRecord | None]:
        """The environment's name for what the user called it, and its record. Raises `NameCollision`."""
        name = slug(given)
        record = self.service.record(name)
        if record is not None and record.given_name:
            refuse_collision(given, record.given_name)
        return name, record


def open_environments(settings: Settings, tell: Callable[[str], None]) -> Environments:
    """Starts the embedded cluster where that is the one chosen and it does not run, and tells so."""
    cluster = settings.cluster
    if cluster.is_embedded:
        cluster = _embedded(cluster, settings.state_dir, tell)
    marathon, agents, store = marathon_client(cluster), agents_client(cluster), open_store(cluster.store)
    context = Context(cluster=cluster.name, who=_who(), service_address=cluster.service_address)
    return Environments(cluster, marathon, agents, store, EnvironmentService(marathon, agents, store, context))


def owner() -> str:
    """The user as others know them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def need_service_address(cluster: Cluster, service_ports: Mapping[str, int]) -> None:
    """Raises `CiprovError` where ports would be given out that nobody knows how to reach."""
    if service_ports and not cluster.service_address:
        raise CiprovError(
            f"cluster {cluster.name} has no service address, so the addresses of the apps' ports are not known",
            way_out="set the cluster's `service_address` to the host that listens on service ports, usually the load "
            "balancer (CIPROV_SERVICE_ADDRESS)",
        )


def _who() -> str:
    return f"{owner()}@{socket.gethostname()}, pid {os.getpid()}"


def _embedded(cluster: Cluster, state_dir: Path, tell: Callable[[str], None]) -> Cluster:
    from ciprov.wiring.localcluster import ensure_started

    running = ensure_started(state_dir, tell=tell)
    password = from_file(Path(running.credential_file), "the embedded cluster")
    auth = Credentials(user=running.user, password=password)
    return replace(
        cluster,
        marathon=(running.marathon,),
        mesos=(running.mesos,),
        auth=auth,
        mesos_auth=auth,
        service_address=running.service_address,
    )
