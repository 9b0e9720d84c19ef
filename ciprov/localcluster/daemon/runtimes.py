"""The runtimes of one cluster, put together."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ciprov.localcluster.daemon.files import Layout
from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.model import ENDED
from ciprov.localcluster.probes.command import CommandPlace, Place
from ciprov.localcluster.runtimes.choosing import ChoosingRuntime
from ciprov.localcluster.runtimes.docker.creation import Bridge
from ciprov.localcluster.runtimes.docker.engine import from_environment
from ciprov.localcluster.runtimes.docker.preparing import Territory
from ciprov.localcluster.runtimes.docker.runtime import DockerRuntime
from ciprov.localcluster.runtimes.docker.session import ContainerCommands
from ciprov.localcluster.runtimes.environment import account_entry, account_for, base_environment
from ciprov.localcluster.runtimes.fetching import Fetching
from ciprov.localcluster.runtimes.port import Report, TaskUpdate
from ciprov.localcluster.runtimes.process import ProcessRuntime
from ciprov.localcluster.runtimes.sandbox import Sandboxes
from ciprov.localcluster.runtimes.session_place import SessionPlace
from ciprov.localcluster.runtimes.sessions import TaskSandboxes
from ciprov.localcluster.runtimes.volumes import Living, Volumes


@dataclass(frozen=True, slots=True)
class Runtimes:
    """Processes and containers behind one door, and what only containers have."""

    chosen: ChoosingRuntime
    containers: DockerRuntime
    commands: ContainerCommands
    sandboxes: Sandboxes
    volumes: Volumes

    def place(self, task_id: str, app: App, environment: Mapping[str, str]) -> Place:
        """Where COMMAND checks run: beside the task, as its user and with exactly its environment."""
        if self.sandboxes.is_contained(task_id):
            return SessionPlace(self.commands, task_id)
        if account_for(app.user) is not None:
            return SessionPlace(TaskSandboxes(self.sandboxes, tuple), task_id)
        sandbox = self.sandboxes.path(task_id)
        complete = base_environment(os.environ, account_entry(app.user)) | dict(environment)
        return CommandPlace(sandbox, complete | {"MESOS_SANDBOX": str(sandbox)})


def build_runtimes(
    layout: Layout,
    report: Report,
    bridged: Callable[[Bridge], None] = lambda _: None,
    living: Living | None = None,
) -> Runtimes:
    """`bridged` hears of the network through which containers reach this machine; `living` tells for which apps
    volumes are kept, by default for all. To be called on the running loop.
    """
    sandboxes, volumes = layout.sandboxes(), Volumes(layout.volumes, living)

    def heard(update: TaskUpdate) -> None:
        report(update)
        if update.condition in ENDED:
            # What has no claim any more is known when the report was dealt with.
            asyncio.get_running_loop().call_soon(volumes.remove_unclaimed)

    engine = from_environment()
    territory = Territory(layout.cluster_id, sandboxes, volumes)
    containers = DockerRuntime(engine, territory, Fetching(layout.cache), heard, bridged)
    processes = ProcessRuntime(sandboxes, volumes, layout.cache, heard)
    chosen = ChoosingRuntime(processes, containers, sandboxes)
    return Runtimes(chosen, containers, ContainerCommands(engine, containers), sandboxes, volumes)
