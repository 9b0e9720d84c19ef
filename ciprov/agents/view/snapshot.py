"""What the service knows at one moment, for those who ask: whole, and never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ciprov.agents.queue.demand import Demand
from ciprov.agents.record import AgentRecord
from ciprov.agents.template import Rules
from ciprov.domain.jenkins import Node, QueueItem
from ciprov.framework.decisions import Held
from ciprov.framework.ledger.entry import Entry
from ciprov.framework.state import KnownAgent


@dataclass(frozen=True, slots=True)
class Peer:
    """Jenkins or Mesos as seen from here. `since` when it is `up`, or not; `message` says why not, or what
    is wrong nevertheless, with the way out.
    """

    target: str
    up: bool = False
    since: datetime | None = None
    version: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    """A template that is not tried until then: it failed `failures` times in a row for `cause`. `final`: it got no more
    attempts for now, and somebody should look. `agent` is the one that failed last.
    """

    template: str
    cause: str
    detail: str
    failures: int
    until: datetime
    final: bool
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`agents` are all that are not removed, `recent` the last ones that were, the newest first. `tasks` and `held` by
    agent's name, `capped` by item: why it gets no agent for now. `mesos_agents` by id, as far as they made offers.
    """

    at: datetime
    rules: Rules
    jenkins: Peer
    mesos: Peer
    framework_id: str = ""
    agents: Mapping[str, AgentRecord] = field(default_factory=dict)
    tasks: Mapping[str, Entry] = field(default_factory=dict)
    items: tuple[QueueItem, ...] = ()
    nodes: tuple[Node, ...] = ()
    demand: Demand = field(default_factory=Demand)
    held: Mapping[str, Held] = field(default_factory=dict)
    capped: Mapping[int, str] = field(default_factory=dict)
    pauses: tuple[Pause, ...] = ()
    drained: frozenset[str] = frozenset()
    mesos_agents: Mapping[str, KnownAgent] = field(default_factory=dict)
    recent: tuple[AgentRecord, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
