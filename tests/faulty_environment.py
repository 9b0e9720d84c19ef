"""Environments on a real embedded cluster behind faulty proxies: the real service over the real client, in-process."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faulty_proxy import FaultyProxy, Upstream

from ciprov.clients.connection import Connection
from ciprov.clients.here import ThisMachine
from ciprov.clients.marathon.client import HttpMarathon
from ciprov.clients.marathon.events import Pauses
from ciprov.clients.marathon.transport import Retries
from ciprov.clients.mesos_agents import HttpAgents
from ciprov.domain.environment import EnvironmentRecord
from ciprov.environments import desired
from ciprov.environments.blueprint.load import load
from ciprov.environments.context import Context
from ciprov.environments.progress import Note
from ciprov.environments.results import DownOptions, DownResult, Origin, UpOptions, UpResult
from ciprov.environments.service import EnvironmentService
from ciprov.store.sqlite import SqliteStore

QUICK = Retries(rounds=3, first_pause=0.01, longest_pause=0.05)
PAUSES = Pauses(silence=5.0, first=0.02, longest=0.1)

BLUEPRINT = """
blueprint: behind-a-proxy
parameters: {port: {type: integer}, state: {type: string}}
timeout: 40s
group:
  apps:
    - id: fixed
      cmd: "exec sleep 1000 # ${state}"
      cpus: 0.01
      mem: 8
      requirePorts: true
      portDefinitions: [{port: "${port}", name: web}]
      healthChecks: [{protocol: COMMAND, command: {value: "true"}, delaySeconds: 0, intervalSeconds: 1}]
      upgradeStrategy: {minimumHealthCapacity: 1, maximumOverCapacity: 0}
    - {id: idle, cmd: "exec sleep 1000 # ${state}", cpus: 0.01, mem: 8, instances: 0, portDefinitions: []}
    - {id: same, cmd: exec sleep 1000, cpus: 0.01, mem: 8, instances: 0, portDefinitions: []}
"""


def upstream(cluster: Any) -> Upstream:
    basic = base64.b64encode(f"{cluster.user}:{cluster.password}".encode()).decode()
    return Upstream(cluster.marathon, f"Basic {basic}")


def connection(*servers: str, **changes: Any) -> Connection:
    return Connection(**({"name": "faulty", "servers": servers, "connect_timeout": 1, "read_timeout": 10} | changes))


@dataclass
class Environment:
    """One environment with a fixed port, reached through `servers`; its records are in a file of its own."""

    name: str
    port: int
    servers: Sequence[FaultyProxy]
    directory: Path
    outage: float = 30.0
    settings: dict[str, Any] = field(default_factory=dict)
    pauses: Pauses = PAUSES
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.marathon = HttpMarathon(
            connection(*(one.url for one in self.servers), **self.settings), retries=QUICK, pauses=self.pauses
        )
        self.store = SqliteStore(self.directory / f"{self.name}.db")
        context = Context("faulty", f"test, {threading.get_ident()}", "127.0.0.1", outage=self.outage)
        self.service = EnvironmentService(self.marathon, HttpAgents(None), self.store, context, ThisMachine())

    @property
    def path(self) -> str:
        return f"/ciprov/{self.name}"

    def up(self, state: str) -> UpResult:
        return self.service.up(self.name, self._build(state), UpOptions(Origin("b.yaml", BLUEPRINT)), self._told)

    def down(self) -> DownResult:
        return self.service.down(self.name, self.path, DownOptions(), self._told)

    def states(self) -> dict[str, str]:
        """What is there as it shall be, by app: the state that its command names."""
        group = self.marathon.group(self.path) or {"apps": []}
        return {
            app["id"].rpartition("/")[2]: app["cmd"].rpartition("# ")[2]
            for app in group["apps"]
            if app["tasksRunning"] == app["instances"]
        }

    def _build(self, state: str) -> Callable[[EnvironmentRecord | None, frozenset[int]], desired.Desired]:
        blueprint, findings = load(BLUEPRINT, "b.yaml")
        assert not [one for one in findings if str(one.severity) == "error"]

        def build(current: EnvironmentRecord | None, taken: frozenset[int]) -> desired.Desired:
            request = desired.Request(
                self.name,
                self.path,
                "127.0.0.1",
                parameters={"port": str(self.port), "state": state},
                recorded_ports=current.service_ports if current else {},
                taken_ports=taken,
            )
            return desired.build(blueprint, request)

        return build

    def _told(self, progress: Any) -> None:
        if isinstance(progress, Note):
            self.notes.append(progress.text)
