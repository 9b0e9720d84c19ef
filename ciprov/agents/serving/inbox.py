"""What comes to the loop besides the events of Mesos, all on one queue."""

from __future__ import annotations

import queue
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime

from ciprov.agents.lifecycle import Act
from ciprov.domain.jenkins import AgentSecret, JenkinsError, Node, QueueItem, Server
from ciprov.domain.mesos_events import MesosEvent


@dataclass(frozen=True, slots=True)
class Looked:
    """A look at Jenkins that began at `began`. `nodes` and `items` are None where they were not asked for, or where
    `error` says why not.
    """

    began: datetime
    nodes: tuple[Node, ...] | None = None
    items: tuple[QueueItem, ...] | None = None
    server: Server | None = None
    error: JenkinsError | None = None


@dataclass(frozen=True, slots=True)
class Acted:
    """What became of an act for an agent's node. `found`: False where the node was gone. `starting`: it could not be
    withdrawn, as a build is about to begin there. `secret` of a created one.
    """

    agent: str
    act: Act
    found: bool = True
    starting: bool = False
    secret: AgentSecret | None = None
    error: JenkinsError | None = None


@dataclass(frozen=True, slots=True)
class Signalled:
    """An agent's task saw work begin."""

    agent: str
    entries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ordered:
    """Somebody's order, to be carried out in the loop; `answer` gets what it gives or raises."""

    order: Callable[[datetime], object]
    answer: Future[object] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class Leave:
    """End the loop; agents and their tasks stay."""


Incoming = MesosEvent | Looked | Acted | Signalled | Ordered | Leave


class Inbox:
    """Many put, one takes."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Incoming] = queue.SimpleQueue()

    def put(self, event: Incoming, /) -> None:
        self._queue.put(event)

    def take(self, wait_s: float) -> list[Incoming]:
        """All that is there; where nothing is, what comes within `wait_s` seconds."""
        taken: list[Incoming] = []
        try:
            taken.append(self._queue.get(timeout=max(0.0, wait_s)))
            while True:
                taken.append(self._queue.get_nowait())
        except queue.Empty:
            return taken
