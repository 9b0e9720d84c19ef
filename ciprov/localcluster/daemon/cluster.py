"""The whole embedded cluster, put together: engine, runtime, probes, forwarder and the API in front of them."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from ciprov.localcluster.api.agents import agent_routes
from ciprov.localcluster.api.app import create_app
from ciprov.localcluster.api.events import event_routes
from ciprov.localcluster.api.exec import Sessions, exec_routes
from ciprov.localcluster.api.master_state import master_routes
from ciprov.localcluster.api.sandbox_files import file_routes
from ciprov.localcluster.api.scheduler import scheduler_routes
from ciprov.localcluster.daemon.agent_control import control_routes
from ciprov.localcluster.daemon.files import Layout
from ciprov.localcluster.daemon.options import Options
from ciprov.localcluster.daemon.overview import overview_routes
from ciprov.localcluster.daemon.runtimes import build_runtimes
from ciprov.localcluster.daemon.server import ApiServer
from ciprov.localcluster.daemon.sizing import virtual_agents
from ciprov.localcluster.daemon.sockets import is_held
from ciprov.localcluster.engine.cluster import ClusterEngine
from ciprov.localcluster.engine.database import Database
from ciprov.localcluster.engine.ports import Outside, ProbeReport, ReadinessReport, StatusReport
from ciprov.localcluster.events import EventBus
from ciprov.localcluster.forwarder import TcpForwarder
from ciprov.localcluster.probes.prober import AsyncProber
from ciprov.localcluster.runtimes.port import TaskUpdate
from ciprov.localcluster.runtimes.sessions import TaskSandboxes
from ciprov.localcluster.runtimes.volumes import Living

STOP_GRACE_AT_MOST_SECONDS = 10.0

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the cluster is: its files, its own loopback address, and the socket its API listens on."""

    layout: Layout
    address: str
    listener: socket.socket
    credential: str

    @property
    def endpoint(self) -> str:
        return f"{self.address}:{self.listener.getsockname()[1]}"


class EmbeddedCluster:
    """Made on the running loop. `start` returns when the API answers; `stop` when nothing of it runs any more."""

    def __init__(self, place: Place, options: Options) -> None:
        layout = place.layout
        self.failed: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()
        """Set where the cluster cannot go on. Its tasks run on, and the next daemon adopts them."""
        self._events = EventBus(_now)
        self._forwarder = TcpForwarder(place.address)
        runtimes = build_runtimes(
            layout,
            self._task_updated,
            lambda bridge: self._forwarder.serve_also(bridge.gateway),
            Living(self._apps, self._instances),
        )
        self._runtime = runtimes.chosen
        self._volumes = runtimes.volumes
        self._events.react("app_terminated_event", self._volumes.remove_unclaimed)
        address_of = runtimes.containers.address_of
        self._prober = AsyncProber(self._probed, self._readiness_probed, runtimes.place, address_of)
        self._database = Database(layout.database)
        outside = Outside(
            runtime=self._runtime,
            prober=self._prober,
            forwarder=self._forwarder,
            events=self._events,
            agents=virtual_agents(options, place.address, layout.directory),
            now=_now,
            call_later=asyncio.get_running_loop().call_later,
            port_held=lambda host, port: not self._forwarder.listens(host, port) and is_held(host, port),
            give_up=self._give_up,
        )
        self._engine = ClusterEngine(self._database, outside)
        tasks = TaskSandboxes(runtimes.sandboxes, self._engine.instances, runtimes.commands)
        self._sessions = Sessions(tasks)
        app = create_app(
            self._engine,
            place.credential,
            place.endpoint,
            more=[
                *event_routes(self._events),
                *agent_routes(self._engine, tasks, self._engine.master.known),
                *master_routes(self._engine, self._engine.master.known, _now),
                *scheduler_routes(self._engine.master),
                *file_routes(tasks),
                *exec_routes(self._engine, self._sessions),
                *overview_routes(self._engine, self._engine.master.known, self._forwarder),
                *control_routes(self._engine),
            ],
        )
        self._server = ApiServer(app, place.listener)

    async def start(self) -> None:
        await self._engine.recover()
        self._volumes.remove_unclaimed()
        await self._server.start()

    async def stop(self) -> None:
        """End all tasks, each within its own grace but ten seconds at most. Definitions stay for the next start.

        Also where nothing can be written any more.
        """
        self._events.close()
        self._engine.master.close()
        await self._sessions.close()
        await self._server.stop()
        try:
            self._engine.pause_launching()
        except Exception as error:
            self._give_up(error)
        self._prober.close()
        await self._runtime.shutdown(STOP_GRACE_AT_MOST_SECONDS)
        self._forwarder.close()
        self._database.close()

    async def abandon(self) -> None:
        """Answer what is under way and leave the tasks alone."""
        self._events.close()
        self._engine.master.close()
        await self._server.stop()

    def _give_up(self, error: Exception) -> None:
        if not self.failed.done():
            self.failed.set_result(error)

    # What the engine hears: it is made after those who report to it.

    def _task_updated(self, update: TaskUpdate) -> None:
        self._engine.task_updated(update)

    def _apps(self) -> Collection[str]:
        ids = {app.id for app in self._engine.root.all_apps()}
        return ids | {instance.app_id for instance in self._engine.instances()}

    def _instances(self) -> Collection[str]:
        return {instance.id for instance in self._engine.instances()}

    def _probed(self, report: ProbeReport | StatusReport) -> None:
        self._engine.probed(report)

    def _readiness_probed(self, report: ReadinessReport) -> None:
        self._engine.readiness_probed(report)


def _now() -> datetime:
    return datetime.now(UTC)
