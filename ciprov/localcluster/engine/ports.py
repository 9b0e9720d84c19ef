"""What the engine asks of the world around it, and what that world reports back.

The engine runs on one event loop and none of its calls block. Everything outside is reached through these protocols;
whatever happens outside comes back through the functions of `Inputs`, on that same loop. A report may even be made
from inside a call (a runtime that fails to launch at once): the engine puts it in line behind what it is doing.

Runtimes and probers are built before the engine, so whoever wires them passes `report` functions that look the
engine up when they are called.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from ciprov.localcluster.api.port import Events
from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.model import Agent, Instance
from ciprov.localcluster.runtimes.port import Runtime, TaskUpdate


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """One outcome of one health check. `index` is the check's place in `healthChecks`; `cause` words a failure."""

    task_id: str
    index: int
    ok: bool
    cause: str = ""


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What an app's `check` came back with, where that is new; `result` is as the API shows it."""

    task_id: str
    result: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ReadinessReport:
    """One answer to one readiness check. `status` is None where no answer came."""

    task_id: str
    index: int
    ready: bool
    status: int | None = None
    content_type: str = ""
    body: str = ""


class Prober(Protocol):
    """Polls the checks of running tasks at their intervals; judges nothing but a single answer.

    Everything is keyed by task id (`instance.task_id`), so a late report about an earlier attempt is recognised.
    `environment` is that of the task, for COMMAND checks. Host ports are `instance.ports`, in the order of the app's
    port definitions or mappings; the address is `instance.host`.
    """

    def start(self, instance: Instance, app: App, environment: Mapping[str, str]) -> None:
        """Probe each of `app.health_checks`, and `app.check`, until `stop`: first at once, or after `delaySeconds`."""
        ...

    def stop(self, task_id: str) -> None:
        """End all health and readiness probes of the task; unknown ids do no harm."""
        ...

    def start_readiness(self, instance: Instance, app: App) -> None:
        """Poll each of `app.readiness_checks` until one answer was ready, or `stop`."""
        ...


class Forwarder(Protocol):
    """Gives service ports a stable address."""

    def update(self, routes: Mapping[int, Sequence[tuple[str, int]]]) -> None:
        """The complete wanted state: service port -> (host, port) of the tasks that may serve now, none included.

        A service port with an empty sequence has no task to serve it at present. Ports no longer named are closed.
        Called only when something changed. A target may listen on the service port itself, at the address of the
        services: there nothing is to be forwarded.
        """
        ...


class Timer(Protocol):
    def cancel(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Outside:
    """The world around the engine.

    `now` gives aware UTC times; `call_later(seconds, function)` is the event loop's. `port_held(host, port)` says
    whether a process that is no task of this cluster holds the port now; it is asked only about single candidates.
    """

    runtime: Runtime
    prober: Prober
    forwarder: Forwarder
    events: Events
    agents: Sequence[Agent]
    now: Callable[[], datetime]
    call_later: Callable[[float, Callable[[], None]], Timer]
    port_held: Callable[[str, int], bool]
    give_up: Callable[[Exception], None]
    """Called once, where the engine cannot go on: the daemon must end then, without ending the tasks."""


class Inputs(Protocol):
    """What the engine accepts from outside, besides the API's `Engine`."""

    def task_updated(self, update: TaskUpdate) -> None: ...
    def probed(self, report: ProbeReport | StatusReport) -> None: ...
    def readiness_probed(self, report: ReadinessReport) -> None: ...
    async def recover(self) -> None:
        """Once, before anything else: load the database, let the runtime adopt tasks, go on where it stopped."""
        ...
