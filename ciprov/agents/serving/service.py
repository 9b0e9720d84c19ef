"""The loop: takes what came, decides, writes, acts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ciprov.agents.anchors import anchors, missing
from ciprov.agents.asked_labels import Agent
from ciprov.agents.demand import Demand, Policy, Seen, demand
from ciprov.agents.happenings import Happening, Severity, Tell, What
from ciprov.agents.lifecycle import Act
from ciprov.agents.ports import AgentStore, Jenkins
from ciprov.agents.record import AgentRecord, Cause, Phase
from ciprov.agents.serving.books import DRAINED, FRAMEWORK, Books
from ciprov.agents.serving.inbox import Acted, Inbox, Incoming, Leave, Looked, Ordered, Signalled
from ciprov.agents.serving.jenkins_desk import JenkinsDesk, Look, NodeAct
from ciprov.agents.serving.mesos_desk import MesosDesk
from ciprov.agents.serving.peers import Watched
from ciprov.agents.serving.requests import request
from ciprov.agents.serving.roster import Roster
from ciprov.agents.snapshot import Snapshot
from ciprov.agents.task import Site, TaskSecrets, task_info
from ciprov.agents.template import Rules, Template
from ciprov.domain import mesos_events
from ciprov.domain.jenkins import JenkinsDenied, QueueItem
from ciprov.domain.mesos_scheduler import Framework, MesosScheduler
from ciprov.foundation.clock import Now
from ciprov.foundation.errors import CiprovError
from ciprov.foundation.json import JsonObject
from ciprov.framework.decisions import Launch, Placement

_KEEP_UP_S = 1.0
_CLOCK_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Parts:
    """What the service works with. `framework` without its id; `driver` makes a new one for each subscription's life."""

    jenkins: Jenkins
    driver: Callable[[], MesosScheduler]
    store: AgentStore
    framework: Framework
    site: Site
    mesos: str


class ServiceEnded(CiprovError):
    """Mesos does not let the service go on."""


class AgentService:
    """One life of the service. `run` returns when it was asked to leave; agents and their builds stay."""

    def __init__(self, parts: Parts, rules: Rules, tell: Tell, now: Now) -> None:
        self._parts = parts
        self._tell = tell
        self._now = now
        self.inbox = Inbox()
        self.rules = rules
        self._driver = parts.driver()
        self._books = Books(parts.store, self._store_is_silent)
        self._jenkins = JenkinsDesk(parts.jenkins, self.inbox, now)
        self._mesos = MesosDesk(self._driver, self._books, parts.framework.roles, self._task_infos)
        self._roster = Roster(self._books, self._jenkins, self._mesos, self.template_of, tell)
        self._jenkins_peer = Watched(parts.jenkins.target, What.JENKINS_LOST, What.JENKINS_BACK, tell)
        self._mesos_peer = Watched(parts.mesos, What.MESOS_LOST, What.MESOS_BACK, tell)
        self._former: dict[str, Template] = {}
        self._labels: dict[int, str] = {}
        self._items: tuple[QueueItem, ...] = ()
        self._demand = Demand()
        self._drained: frozenset[str] = frozenset()
        self._ahead_of_us = timedelta(0)
        self._next_look = now()
        self._next_clock = now()
        self._next_keep_up = now()
        self._leaving = False
        self._end: CiprovError | None = None
        self.snapshot = Snapshot(now(), rules, self._jenkins_peer.peer, self._mesos_peer.peer)

    def run(self) -> None:
        """Until `Leave` comes. Raises `CiprovError` where it cannot go on: `LockHeld` once another one leads."""
        self._recover()
        self._jenkins.start()
        self._driver.start(replace(self._parts.framework, id=self._mesos.framework_id), self.inbox)
        self._tell(Happening(What.STARTED, f"agents for {self._parts.jenkins.target} on {self._parts.mesos}"))
        try:
            while not self._leaving:
                self._turn(self.inbox.take(self._wait()))
        finally:
            self._jenkins.stop()
            self._driver.stop()
            self._tell(Happening(What.STOPPED, "agents and their builds go on"))
        if self._end is not None:
            raise self._end

    def template_of(self, record: AgentRecord) -> Template:
        """Also of one that the settings do not have any more."""
        found = self.rules.template(record.template) or self._former.get(record.template)
        return found or replace(_NAMELESS, name=record.template, labels=record.labels)

    # One turn

    def _turn(self, came: Sequence[Incoming]) -> None:
        now = self._now()
        for event in came:
            self._take(event, now)
        self._roster.advance(now)
        looked = next((event for event in reversed(came) if isinstance(event, Looked)), None)
        if looked is not None and looked.items is not None:
            self._staff(looked, now)
        self._place(now)
        if now >= self._next_keep_up:
            self._mesos.keep_up(now)
            self._next_keep_up = now + timedelta(seconds=_KEEP_UP_S)
        self._books.close_turn()
        self._look_on(now)
        self.snapshot = self._taken(now)

    def _take(self, event: Incoming, now: datetime) -> None:
        match event:
            case Looked():
                self._looked(event, now)
            case Acted():
                self._jenkins.heard(event, now)
                self._roster.acted(event, now)
            case Signalled():
                self._roster.signalled(event)
            case Ordered():
                self._carry_out(event, now)
            case Leave():
                self._leaving = True
            case mesos_events.Stopped():
                self._mesos_stopped(event, now)
            case _:
                self._mesos_peer_hears(event, now)
                self._mesos.heard(event, now)

    def _carry_out(self, ordered: Ordered, now: datetime) -> None:
        try:
            result = ordered.order(now)
        except Exception as error:  # whoever ordered it gets it
            ordered.answer.set_exception(error)
        else:
            self._books.then(lambda: ordered.answer.set_result(result))

    def _wait(self) -> float:
        """Seconds until something is due by itself."""
        now = self._now()
        due = [self._next_keep_up]
        if not self._jenkins.looking:
            due.append(self._next_look)
        placing = self._mesos.wake_at(now)
        if placing is not None:
            due.append(placing)
        return max(0.0, (min(due) - now).total_seconds())

    # Jenkins

    def _looked(self, looked: Looked, now: datetime) -> None:
        self._jenkins.looking = False
        if looked.error is not None:
            self._jenkins_peer.is_down(now, str(looked.error))
            self._next_look = now + timedelta(seconds=15.0 if isinstance(looked.error, JenkinsDenied) else 1.0)
            return
        version = looked.server.version if looked.server else ""
        self._jenkins_peer.is_up(now, version)
        if looked.server is not None and looked.server.time is not None:
            self._ahead_of_us = looked.server.time - looked.began
        self._roster.looked(looked)
        if looked.items is not None:
            self._items = looked.items

    def _look_on(self, now: datetime) -> None:
        if self._jenkins.looking or now < self._next_look:
            return
        busy = bool(self._items or self._roster.records)
        clock = now >= self._next_clock
        if clock:
            self._next_clock = now + timedelta(seconds=_CLOCK_EVERY_S)
        self._jenkins.look(Look(server=clock))
        waiting = any(record.phase in _WATCHED for record in self._roster.records.values())
        self._next_look = now + timedelta(seconds=0.1 if waiting else 0.5 if busy else 1.0)

    def _staff(self, looked: Looked, now: datetime) -> None:
        nodes = tuple(self._roster.nodes.values())
        agents = tuple(self._agent(record, looked.began) for record in self._roster.records.values())
        policy = Policy(
            tuple(each.for_demand for each in self.rules.templates),
            self.rules.service.lead_s,
            self.rules.service.patience_s,
        )
        found = demand(Seen(self._items, nodes, agents, self._labels), policy, now + self._ahead_of_us)
        self._labels, self._demand = dict(found.labels), found
        for need in found.needs:
            template = self.rules.template(need.template)
            assert template is not None
            import secrets as s

            name = f"{self.rules.service.name}-{template.name}-{s.token_hex(4)}"
            self._roster.add(
                AgentRecord(
                    name,
                    template.name,
                    tuple(sorted(need.labels)),
                    now,
                    now,
                    item_id=need.item_id,
                    item_since=need.since,
                    times={Phase.WANTED: now},
                )
            )
        for anchor in missing(self.rules, nodes):
            work = NodeAct(anchor.name, Act.CREATE_NODE, anchor)
            self._books.then(lambda work=work: self._jenkins.ask(work, now))  # type: ignore[misc]
        self._roster.advance(now)

    def _agent(self, record: AgentRecord, looked_at: datetime) -> Agent:
        """As it was when the look began: an item that it took since then may still be in the queue of that look."""
        busy = record.times.get(Phase.BUSY)
        spent = record.spent and not (busy is not None and busy > looked_at)
        return Agent(record.name, record.template, frozenset(record.labels), record.exclusive, spent)

    # Mesos

    def _place(self, now: datetime) -> None:
        waiting = [
            record
            for record in self._roster.records.values()
            if record.phase in {Phase.WANTED, Phase.NODE_CREATED} and record.leaving is None
        ]
        asked = {record.name: request(record, self.template_of(record), self._roster.recent) for record in waiting}
        ready = [asked[name] for name in asked if self._roster.is_ready(name)]
        coming = [asked[name] for name in asked if not self._roster.is_ready(name)]
        if self._mesos.place(ready, coming, now):
            self._roster.advance(now)

    def _task_infos(self, launch: Launch, placements: Sequence[Placement]) -> Sequence[JsonObject]:
        infos = []
        for placement in placements:
            record = self._roster.records[placement.request_id]
            secret, token = self._roster.secrets_of(record.name)
            infos.append(
                task_info(
                    record,
                    self.template_of(record),
                    placement,
                    launch.agent_id,
                    self._parts.site,
                    TaskSecrets(secret, token),
                )
            )
        return infos

    def _mesos_peer_hears(self, event: object, now: datetime) -> None:
        if isinstance(event, mesos_events.Subscribed):
            self._mesos_peer.is_up(now, event.version, event.master)
        elif isinstance(event, mesos_events.Disconnected):
            self._mesos_peer.is_down(now, f"{event.loss}: {event.reason}")
        elif isinstance(event, mesos_events.Unreadable):
            self._tell(Happening(What.FAULT, event.what, Severity.WARNING))

    def _mesos_stopped(self, event: mesos_events.Stopped, now: datetime) -> None:
        self._mesos_peer.is_down(now, f"{event.end}: {event.reason}")
        self._leaving = True
        if event.end is mesos_events.End.ASKED:
            return
        if event.end in {mesos_events.End.REMOVED, mesos_events.End.TORN_DOWN}:
            self._mesos.gone(now)
        self._end = ServiceEnded(f"{event.end}: {event.reason}", place=self._parts.mesos, way_out=event.way_out)

    # The rest

    def _recover(self) -> None:
        now = self._now()
        read = self._books.read()
        self._drained = frozenset(read.document(DRAINED).get("templates", ()))
        self._roster.recovered(read.agents())
        self._mesos.recovered(read.tasks(), str(read.document(FRAMEWORK).get("id", "")), now)

    def _store_is_silent(self, error: CiprovError) -> None:
        self._tell(Happening(What.FAULT, f"the store takes nothing, so nothing is done: {error}", Severity.ERROR))

    def _taken(self, now: datetime) -> Snapshot:
        return Snapshot(
            now,
            self.rules,
            self._jenkins_peer.peer,
            self._mesos_peer.peer,
            self._mesos.framework_id,
            agents=dict(self._roster.records),
            tasks=self._mesos.ledger.entries,
            items=self._items,
            nodes=tuple(self._roster.nodes.values()),
            demand=self._demand,
            held=self._mesos.held,
            drained=self._drained,
            mesos_agents=self._mesos.memory.agents,
            recent=tuple(self._roster.recent),
            counts=dict(self._roster.counts),
        )
