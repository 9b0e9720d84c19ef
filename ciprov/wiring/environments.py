"""Environments on the cluster that the settings chose: the service, and what a command needs beside it."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from ciprov.clients.here import ThisMachine
from ciprov.clients.marathon.client import HttpMarathon
from ciprov.clients.mesos_agents import HttpAgents
from ciprov.domain.environment import EnvironmentRecord, HistoryEntry
from ciprov.environments.context import OUTAGE_SECONDS, Context
from ciprov.environments.lifetime.amending import Ledger
from ciprov.environments.names import group_path, refuse_collision, slug
from ciprov.environments.outside import environment_key
from ciprov.environments.refusals import noted
from ciprov.environments.service import EnvironmentService
from ciprov.foundation.clock import utc_now
from ciprov.foundation.errors import CiprovError
from ciprov.settings.model import Cluster, Credentials, Settings
from ciprov.settings.secret import from_file
from ciprov.wiring.clusters import agents_client, marathon_client
from ciprov.wiring.stores import Store, open_store

EMBEDDED_OUTAGE = 5.0
"""Seconds. It has no leader to elect: once its process is gone it answers only when the next command starts it."""


@dataclass(frozen=True, slots=True)
class Records:
    """What is known of environments without asking a cluster; nothing has been started for it.

    `cluster` is as the settings have it: the embedded one has no addresses yet.
    """

    cluster: Cluster
    store: Store

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.store, self.cluster.name, who())

    def refusals_noted(self, operation: str, given: str) -> AbstractContextManager[None]:
        """While entered, what refuses `operation` on the environment that the user called so is kept for its status."""
        name = slug(given)
        entry = HistoryEntry(self.cluster.name, name, operation, utc_now(), who())
        return noted(self.store, entry, self.group_path(name), utc_now)

    def group_path(self, name: str) -> str:
        return group_path(self.cluster.prefix, name)

    def is_locked(self, name: str) -> bool:
        """Whether somebody is at the environment just now."""
        return self.store.holder(environment_key(self.cluster.name, name)) is not None

    def named(self, given: str) -> tuple[str, EnvironmentRecord | None]:
        """The environment's name for what the user called it, and its record. Raises `NameCollision`."""
        name = slug(given)
        record = self.store.get(self.cluster.name, name)
        if record is not None and record.given_name:
            refuse_collision(given, record.given_name)
        return name, record


@dataclass(frozen=True, slots=True)
class Environments(Records):
    """`cluster` has its addresses, also where it is the embedded one, which runs by now."""

    marathon: HttpMarathon
    agents: HttpAgents
    service: EnvironmentService

    @property
    def target(self) -> str:
        return self.marathon.target


def open_records(settings: Settings) -> Records:
    """Raises `CiprovError` where records of a shared cluster would be on this machine alone."""
    return Records(settings.cluster, open_store(settings))


def open_environments(settings: Settings, records: Records, tell: Callable[[str], None]) -> Environments:
    """Starts the embedded cluster where that is the one chosen and it does not run, and tells so."""
    cluster = with_addresses(settings, tell)
    if not cluster.is_embedded and settings.cluster.store.startswith("zk:"):
        from ciprov.wiring.identity import refuse_other_name

        refuse_other_name(cluster, records.store)
    marathon, agents = marathon_client(cluster), agents_client(cluster)
    outage = EMBEDDED_OUTAGE if records.cluster.is_embedded else OUTAGE_SECONDS
    context = Context(
        cluster=cluster.name, who=who(), service_address=cluster.service_address, outage=outage, quotas=cluster.quotas
    )
    service = EnvironmentService(marathon, agents, records.store, context, ThisMachine())
    return Environments(cluster, records.store, marathon, agents, service)


def with_addresses(settings: Settings, tell: Callable[[str], None]) -> Cluster:
    """The cluster that was chosen. The embedded one is started where it does not run, which is told."""
    cluster = settings.cluster
    return _embedded(cluster, settings.state_dir, tell) if cluster.is_embedded else cluster


def is_untouched(settings: Settings, records: Records) -> bool:
    """Whether the embedded cluster is the one to use, was never started and has no records: nothing can be there."""
    if not settings.cluster.is_embedded:
        return False
    from ciprov.wiring.localcluster import was_started

    return not was_started(settings.state_dir) and not records.store.list(records.cluster.name)


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


def who() -> str:
    """This process, as others are told who is at something."""
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
