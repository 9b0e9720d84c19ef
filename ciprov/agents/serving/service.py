"""The loop: takes what came, decides, writes, acts."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ciprov.agents.ports import AgentStore, Jenkins
from ciprov.agents.queue.looking import Facts, facts
from ciprov.agents.record import AgentRecord, Cause
from ciprov.agents.serving.books import FRAMEWORK, Books
from ciprov.agents.serving.demand_desk import DemandDesk
from ciprov.agents.serving.handout import Handout
from ciprov.agents.serving.inbox import Acted, Inbox, Incoming, Leave, Looked, Ordered, Signalled
from ciprov.agents.serving.jenkins_desk import JenkinsDesk
from ciprov.agents.serving.looks import Looks
from ciprov.agents.serving.mesos_desk import MesosDesk
from ciprov.agents.serving.misfits import Misfits
from ciprov.agents.serving.peers import HiddenJobs, Restarts, Watched
from ciprov.agents.serving.requests import request
from ciprov.agents.serving.roster import Roster
from ciprov.agents.serving.sweeper import Sweeper
from ciprov.agents.start.start_script import secrets_text
from ciprov.agents.start.task import Site, TaskSecrets, task_info
from ciprov.agents.template import Rules, Template
from ciprov.agents.template_digest import Difference
from ciprov.agents.view.happenings import Happening, Severity, Tell, What
from ciprov.agents.view.snapshot import Snapshot
from ciprov.domain import mesos_events
from ciprov.domain.leadership import Lead
from ciprov.domain.mesos_events import End
from ciprov.domain.mesos_scheduler import Framework, MesosScheduler
from ciprov.foundation.clock import Now
from ciprov.foundation.errors import CiprovError, UsageError
from ciprov.foundation.json import JsonObject
from ciprov.framework.decisions import Launch, Placement
from ciprov.framework.requests import Request, Wanted

_KEEP_UP_S = 1.0
_FORGOTTEN = Template("?", (), Wanted(cpus=0.1))


@dataclass(frozen=True, slots=True)
class Parts:
    """What the service works with. `framework` is without its id; `driver` makes a new one for each life of it.
    `mesos` is the master's address as people know it.
    """

    jenkins: Jenkins
    driver: Callable[[], MesosScheduler]
    store: AgentStore
    lead: Lead
    framework: Framework
    site: Site
    mesos: str


class ServiceEnded(CiprovError):
    """The service cannot go on."""


class AgentService:
    """One life of the service: `recover`, then `run`, which returns when it was asked to leave; agents and their builds
    stay.
    """

    def __init__(self, parts: Parts, rules: Rules, tell: Tell, now: Now) -> None:
        self._parts = parts
        self._tell = tell
        self._now = now
        self.inbox = Inbox()
        self.handout = Handout()
        self._books = Books(parts.store, self._store_is_silent)
        self._jenkins = JenkinsDesk(parts.jenkins, self.inbox, now)
        self._mesos = MesosDesk(parts.driver, self._books, parts.framework.roles, self._task_infos)
        self._roster = Roster(self._books, self._jenkins, self._mesos, self._template_of, self._moved_on)
        self._demand = DemandDesk(rules, self._books, self._jenkins, self._roster, tell)
        self._sweeper = Sweeper(self._jenkins, self._roster, tell)
        self._misfits = Misfits(self._demand, self._mesos, self._roster)
        self._jenkins_peer = Watched(parts.jenkins.target, What.JENKINS_LOST, What.JENKINS_BACK, tell)
        self._mesos_peer = Watched(parts.mesos, What.MESOS_LOST, What.MESOS_BACK, tell)
        self._mesos.follow(rules.templates)
        self._restarts = Restarts(self._books)
        self._hidden = HiddenJobs(self._jenkins_peer, tell)
        self._former: dict[str, Template] = {}
        self._looks = Looks(self._jenkins)
        self._next_keep_up = now()
        self._leaving = False
        self._end: CiprovError | None = None
        self.snapshot = Snapshot(now(), rules, self._jenkins_peer.peer, self._mesos_peer.peer)

    def recover(self) -> None:
        """Read what an earlier life left. Before others may ask anything: an agent that is not known is turned away."""
        now = self._now()
        read = self._books.read()
        self._restarts.recovered(read)
        self._demand.recovered(read, now)
        self._roster.recovered(read.agents(), now)
        self._mesos.recovered(read.tasks(), str(read.document(FRAMEWORK).get("id", "")), now)
        self.snapshot = self._taken(now)

    def run(self) -> None:
        """Until `Leave` comes. Raises `CiprovError` where it cannot go on: `LockHeld` once another one leads."""
        self._jenkins.start()
        self._mesos.start(self._parts.framework, self.inbox)
        self._tell(Happening(What.STARTED, f"agents for {self._parts.jenkins.target} on {self._parts.mesos}"))
        try:
            while not self._leaving:
                self._turn(self.inbox.take(self._wait()))
        except CiprovError:
            raise
        except Exception as error:
            # Whoever starts it again finds what was written; nothing of this turn was done before.
            raise ServiceEnded(
                f"a fault of ciprov: {error!r}",
                place=_where(error),
                way_out="start it again, and report this; agents and their builds go on meanwhile",
            ) from error
        finally:
            self._jenkins.stop()
            self._mesos.leave()
            self._tell(Happening(What.STOPPED, "agents and their builds go on"))
        if self._end is not None:
            raise self._end

    def fence_at_once(self, agent: str) -> None:
        """From any thread: a build that slips in cannot be sent away any more."""
        self._jenkins.fence_at_once(agent)

    # Orders, carried out in the loop's thread

    def make(self, template: str, label: str, now: datetime) -> AgentRecord:
        found = self._demand.rules.template(template)
        if found is None:
            raise UsageError(f"the settings do not have the template '{template}' any more")
        return self._demand.requested(found, label, now)

    def drain(self, templates: frozenset[str]) -> frozenset[str]:
        return self._demand.drain(templates)

    def undrain(self, templates: frozenset[str]) -> frozenset[str]:
        return self._demand.undrain(templates)

    def resume(self, templates: frozenset[str], now: datetime) -> frozenset[str]:
        return self._demand.resume(templates, now)

    def kill(self, agents: frozenset[str], now: datetime) -> None:
        for name in agents & self._roster.records.keys():
            self._roster.end(name, Cause.KILLED, "", now)

    def follow(self, rules: Rules, now: datetime) -> Difference:
        """New settings. Agents of templates that changed go as soon as they have no build."""
        for template in self._demand.rules.templates:
            self._former[template.name] = template
        differs = self._demand.follow(rules, now)
        self._mesos.follow(rules.templates)
        return differs

    # One turn

    def _turn(self, came: Sequence[Incoming]) -> None:
        now = self._now()
        for event in came:
            self._take(event, now)
        self._roster.advance(now)
        for event in came:
            if isinstance(event, Looked) and event.error is None:
                self._demand.looked(event, now)
                self._roster.goes_on(self._demand.demand.resumed, now)
                self._looks.answered(event, self._demand.demand, now)
                self._sweeper.looked(event, self._demand.rules, now)
                self._roster.advance(now)
        self._place(now)
        self._misfits.weed_out(now)
        if now >= self._next_keep_up:
            # Who writes nothing would not notice that another one leads by now.
            self._books.check(self._parts.lead)
            self._mesos.keep_up(now)
            self._next_keep_up = now + timedelta(seconds=_KEEP_UP_S)
        self._books.close_turn()
        self._looks.on(self._facts, now)
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
                self._mesos_heard(event, now)

    def _carry_out(self, ordered: Ordered, now: datetime) -> None:
        try:
            result = ordered.order(now)
        except Exception as error:  # whoever ordered it is told
            ordered.answer.set_exception(error)
        else:
            self._books.then(lambda: ordered.answer.set_result(result))

    def _wait(self) -> float:
        """Seconds until something is due by itself."""
        now = self._now()
        due = [self._next_keep_up]
        if not self._jenkins.looking:
            due.append(self._looks.next(self._facts, now).at)
        placing = self._mesos.wake_at(now)
        if placing is not None:
            due.append(placing)
        return max(0.0, (min(due) - now).total_seconds())

    # Jenkins

    def _looked(self, looked: Looked, now: datetime) -> None:
        self._jenkins.looking = False
        if looked.error is None:
            if not self._jenkins_peer.peer.up:
                self._jenkins.answers_again()
            self._jenkins_peer.is_up(now, looked.server.version if looked.server else "")
            if self._hidden.looked(looked.server, bool(looked.items or self._demand.items)):
                self._looks.ask_again(now)
            self._roster.answers_since = self._jenkins_peer.peer.since
            if self._restarts.noticed(looked.server):
                self._roster.restarted_at = now
            self._roster.looked(looked)
            self._roster.jenkins_answers = True
            return
        self._looks.failed(looked, now)
        self._roster.jenkins_answers = False
        self._jenkins_peer.is_down(now, str(looked.error), looked.error.message)

    @property
    def _facts(self) -> Facts:
        return facts(self._demand.demand, self._roster.records.values())

    # Mesos

    def _place(self, now: datetime) -> None:
        ready, coming = ([self._request(record) for record in records] for records in self._roster.to_launch())
        if self._mesos.place(ready, coming, now):
            self._roster.advance(now)

    def _request(self, record: AgentRecord) -> Request:
        return request(record, self._template_of(record), self._roster.recent)

    def _task_infos(self, launch: Launch, placements: Sequence[Placement]) -> Sequence[JsonObject]:
        infos = []
        # Known since the first look, without which nothing is launched.
        site = replace(self._parts.site, jenkins_version=self._jenkins_peer.peer.version)
        for placement in placements:
            record = self._roster.records[placement.request_id]
            template = self._template_of(record)
            secrets = self._secrets(record, template)
            infos.append(task_info(record, template, placement, launch.agent_id, site, secrets))
        return infos

    def _secrets(self, record: AgentRecord, template: Template) -> TaskSecrets:
        node, token = self._roster.secrets_of(record.name)
        env = tuple((name, text.value or "") for name, text in template.start.secret_env)
        if not self._parts.site.signal_url:
            return TaskSecrets(node, token, env)
        ticket = self.handout.leave(record.name, secrets_text(node.value, token, env))
        return TaskSecrets(node, token, env, ticket)

    def _mesos_heard(self, event: mesos_events.MesosEvent, now: datetime) -> None:
        if isinstance(event, mesos_events.Subscribed):
            self._mesos_peer.is_up(now, event.version)
        elif isinstance(event, mesos_events.Disconnected):
            self._mesos_peer.is_down(now, f"{event.loss}: {event.reason}")
        elif isinstance(event, mesos_events.Unreadable):
            self._tell(Happening(What.FAULT, event.what, Severity.WARNING))
        self._mesos.heard(event, now)

    def _mesos_stopped(self, event: mesos_events.Stopped, now: datetime) -> None:
        if event.end is End.ASKED:
            return
        self._mesos_peer.is_down(now, f"{event.end}: {event.reason}")
        if event.end is End.REMOVED:
            # All its tasks are gone with it; it goes on as another framework.
            self._mesos.gone(now)
            self._books.then(lambda: self._mesos.start(self._parts.framework, self.inbox))
            return
        self._leaving = True
        self._end = ServiceEnded(f"{event.end}: {event.reason}", place=self._parts.mesos, way_out=event.way_out)

    # The rest

    def _template_of(self, record: AgentRecord) -> Template:
        """Also of one that the settings do not have any more."""
        found = self._demand.rules.template(record.template) or self._former.get(record.template)
        return found or replace(_FORGOTTEN, name=record.template, labels=record.labels)

    def _moved_on(self, happening: Happening) -> None:
        self._tell(happening)
        record = self._roster.records.get(happening.agent)
        if happening.what is What.ENDED:
            self.handout.forget(happening.agent)
        if record is not None and happening.what is not What.LEAKED:
            self._demand.moved_on(record, self._now())

    def _store_is_silent(self, error: CiprovError) -> None:
        self._tell(Happening(What.FAULT, f"the store takes nothing, so nothing is done: {error}", Severity.ERROR))

    def _taken(self, now: datetime) -> Snapshot:
        return Snapshot(
            now,
            self._demand.rules,
            self._jenkins_peer.peer,
            self._mesos_peer.peer,
            self._mesos.framework_id,
            agents=dict(self._roster.records),
            tasks=self._mesos.ledger.entries,
            items=self._demand.items,
            nodes=tuple(self._roster.nodes.values()),
            demand=self._demand.demand,
            held=self._mesos.held,
            capped=self._demand.capped,
            pauses=tuple(self._demand.pauses(now).values()),
            drained=self._demand.drained,
            mesos_agents=self._mesos.memory.agents,
            recent=tuple(self._roster.recent),
            counts=dict(self._roster.counts),
        )


def _where(error: Exception) -> str:
    """The line of the innermost code that failed."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""
