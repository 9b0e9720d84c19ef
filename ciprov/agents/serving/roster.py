"""All agents that are not gone, what is seen of each, and what is done for them."""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from ciprov.agents.lifecycle import Act, Seen, advance, ended
from ciprov.agents.record import AgentRecord, Cause, Phase
from ciprov.agents.serving.books import Books
from ciprov.agents.serving.inbox import Acted, Looked, Signalled
from ciprov.agents.serving.jenkins_desk import ONE_BUILD, JenkinsDesk, NodeAct
from ciprov.agents.serving.mesos_desk import MesosDesk
from ciprov.agents.serving.telling import moved_on, refused
from ciprov.agents.start.start_script import work_dir
from ciprov.agents.template import Template
from ciprov.agents.view.happenings import Tell
from ciprov.domain.jenkins import AgentSecret, JenkinsUnavailable, NewNode, Node, NotOurNode

_FENCES = frozenset({Act.FENCE, Act.WITHDRAW, Act.UNFENCE})
_REMEMBERED = 200
_AHEAD = 64
"""So many nodes of a template may wait for a place: more would only clutter Jenkins."""


class Roster:
    """Owned by the loop's thread. `template` gives the template of an agent, also where the settings lost it.

    `answers_since`: Jenkins answers without a break since then; `restarted_at`: when a restart of it was noticed last.
    `jenkins_answers`: it did when it was looked at last. `held_back` are agents that get no node for now.
    """

    def __init__(
        self,
        books: Books,
        jenkins: JenkinsDesk,
        mesos: MesosDesk,
        template: Callable[[AgentRecord], Template],
        tell: Tell,
    ) -> None:
        self._books = books
        self._jenkins = jenkins
        self._mesos = mesos
        self._template = template
        self._tell = tell
        self._nodes: Mapping[str, Node] = {}
        self._looked_at: datetime | None = None
        self._missed_at: Mapping[str, datetime] = {}
        self._resumed: frozenset[str] = frozenset()
        self._went_on_at: dict[str, datetime] = {}
        self._fenced: set[str] = set()
        self._withdrawn: set[str] = set()
        self._fences_set_at: dict[str, datetime] = {}
        self._deleted: set[str] = set()
        self._jobs_told: dict[str, int] = {}
        self._secrets: dict[str, AgentSecret] = {}
        self._tokens: dict[str, str] = {}
        self.answers_since: datetime | None = None
        self.restarted_at: datetime | None = None
        self.jenkins_answers = False
        self.held_back: frozenset[str] = frozenset()
        self.records: dict[str, AgentRecord] = {}
        self.recent: deque[AgentRecord] = deque(maxlen=_REMEMBERED)
        self.counts: Counter[str] = Counter()

    @property
    def nodes(self) -> Mapping[str, Node]:
        return self._nodes

    def recovered(self, records: Mapping[str, AgentRecord], now: datetime) -> None:
        self.records = {name: _not_ahead(record, now) for name, record in records.items()}

    def add(self, record: AgentRecord) -> None:
        self._change(None, record)
        self.counts["wanted"] += 1

    def secrets_of(self, name: str) -> tuple[AgentSecret, str]:
        """The secret of its node and the token of its task. Raises KeyError where they are not at hand."""
        return self._secrets[name], self._tokens[name]

    def to_launch(self) -> tuple[list[AgentRecord], list[AgentRecord]]:
        """Those whose node is made and whose secrets are at hand, and those that are about to come so far.

        None while Jenkins is away: a task fetches agent.jar from it. Nor before the first look, as what an earlier life
        wanted may be wanted no more, or not like that.
        """
        ready: list[AgentRecord] = []
        coming: list[AgentRecord] = []
        ahead = self._ahead()
        for record in self.records.values() if self.jenkins_answers else ():
            if record.leaving is not None or record.name in self.held_back:
                continue
            if record.phase is Phase.NODE_CREATED:
                (ready if record.name in self._secrets else coming).append(record)
            elif record.phase is Phase.WANTED:
                ahead[record.template] += 1
                if ahead[record.template] <= _AHEAD:
                    coming.append(record)
        return ready, coming

    def looked(self, looked: Looked) -> None:
        if looked.nodes is not None:
            self._nodes = {node.name: node for node in looked.nodes}
            self._looked_at = looked.began
            missed = [each for name, each in self.records.items() if name not in self._nodes]
            # Not before it was made, or a node that no look ever saw would never be missed.
            self._missed_at = {
                each.name: self._missed_at.get(each.name, looked.began)
                for each in missed
                if each.times.get(Phase.NODE_CREATED, looked.began) < looked.began
            }

    def goes_on(self, resumed: frozenset[str], now: datetime) -> None:
        """`resumed` of the last `Demand`. Who is not waited for any more may have its pipeline now:
        only a look at the nodes that begins after `now` tells.
        """
        self._went_on_at |= dict.fromkeys(self._resumed - resumed, now)
        self._resumed = resumed

    def acted(self, acted: Acted, now: datetime) -> None:
        record = self.records.get(acted.agent)
        ends = acted.act is Act.CREATE_NODE and record is not None
        if acted.error is not None and not isinstance(acted.error, JenkinsUnavailable) and not ends:
            self._tell(refused(acted.act, acted.agent, acted.error))
        if record is None:
            return
        if acted.act is Act.CREATE_NODE and record.phase is Phase.ENDED:
            # Its node may have come into being after a look that did not see it: only a later one tells.
            self._change(record, replace(record, since=now))
        elif acted.error is not None:
            if acted.act is Act.CREATE_NODE and not isinstance(acted.error, JenkinsUnavailable):
                told = ": ".join(part for part in (acted.error.place, acted.error.message) if part)
                self._change(record, ended(record, Cause.NODE_REFUSED, told, now))
            elif acted.act is Act.DELETE_NODE and isinstance(acted.error, NotOurNode):
                # Somebody made it theirs, and it is left alone: to this agent it is gone.
                self._deleted.add(record.name)
        elif acted.act is Act.CREATE_NODE and acted.secret is not None:
            token = secrets.token_urlsafe(24)
            self._secrets[record.name], self._tokens[record.name] = acted.secret, token
            self._change(record, replace(record, token_digest=digest(token)))
        elif acted.act in {Act.FENCE, Act.WITHDRAW} and acted.found:
            if not acted.starting:
                self._fenced.add(record.name)
            if acted.act is Act.WITHDRAW:
                self._withdrawn.add(record.name)
            self._fences_set_at[record.name] = now
        elif acted.act is Act.UNFENCE and acted.found:
            self._fenced.discard(record.name)
            self._fences_set_at[record.name] = now
        elif acted.act is Act.DELETE_NODE or not acted.found:
            self._deleted.add(record.name)

    def signalled(self, signal: Signalled) -> None:
        if signal.agent in self.records:
            told = len(set(signal.entries))
            self._jobs_told[signal.agent] = max(told, self._jobs_told.get(signal.agent, 0))

    def release(self, name: str, cause: Cause, detail: str = "") -> None:
        """Send it away as soon as it surely has no build."""
        record = self.records[name]
        if record.leaving is None and record.phase not in {Phase.ENDED, Phase.REMOVED}:
            self._change(record, replace(record, leaving=cause, detail=detail))

    def end(self, name: str, cause: Cause, detail: str, now: datetime) -> None:
        """At once, with what runs on it."""
        record = self.records[name]
        self._change(record, ended(record, cause, detail, now))

    def advance(self, now: datetime) -> None:
        """Move all agents on as far as they go now, and do what that asks for."""
        ahead = self._ahead()
        for record in list(self.records.values()):
            further = advance(record, self._seen(record), self._template(record), now)
            after = self._placed(further.record)
            if after != record:
                self._change(record, after)
            if after.phase is Phase.REMOVED:
                self._forget(after)
            for act in further.acts:
                if act is Act.CREATE_NODE and after.name in self.held_back:
                    continue
                if act in _FENCES and self._is_older(self._fences_set_at.get(after.name)):
                    continue
                if act is Act.CREATE_NODE and after.phase is Phase.WANTED:
                    ahead[after.template] += 1
                    if ahead[after.template] > _AHEAD:
                        continue
                self._do(act, after, now)

    def _ahead(self) -> Counter[str]:
        """By template, how many nodes wait for a place."""
        return Counter(each.template for each in self.records.values() if each.phase is Phase.NODE_CREATED)

    def _seen(self, record: AgentRecord) -> Seen:
        name = record.name
        # Whether a node is there is not known while an act for it is under way.
        known = record.phase is not Phase.ENDED or not self._jenkins.is_busy_with(name)
        return Seen(
            task=self._mesos.task(name),
            confirmed=self._mesos.is_confirmed(name),
            node=self._nodes.get(name),
            looked_at=self._looked_at if known else None,
            created=name in self._secrets,
            fenced=name in self._fenced,
            deleted=name in self._deleted and known,
            signalled=name in self._jobs_told,
            jobs_told=self._jobs_told.get(name, 0),
            answers_since=self.answers_since,
            restarted_at=self.restarted_at,
            resumed=name in self._resumed or self._is_older(self._went_on_at.get(name)),
            withdrawn=name in self._withdrawn,
            missed_at=self._missed_at.get(name),
        )

    def _is_older(self, moment: datetime | None) -> bool:
        """Whether the last look at the nodes may not show what was done at that moment."""
        return moment is not None and (self._looked_at is None or self._looked_at <= moment)

    def _placed(self, record: AgentRecord) -> AgentRecord:
        task = self._mesos.task(record.name)
        if task is None or record.host:
            return record
        return replace(record, host=task.hostname, mesos_agent=task.agent_id)

    def _change(self, before: AgentRecord | None, after: AgentRecord) -> None:
        self.records[after.name] = after
        if after.phase is Phase.REMOVED:
            self._books.without_agent(after.name)
        else:
            self._books.agent(after)
        for happening in moved_on(before, after, self._mesos.task(after.name)):
            self._tell(happening)
        if before is not None and after.phase is Phase.ENDED and before.phase is not Phase.ENDED and after.cause:
            self.counts[f"ended: {after.cause}"] += 1
            self.counts["builds"] += len(after.builds) or int(Phase.BUSY in after.times)
            self.counts["leaks"] += after.leaks
        # What its task needs to start is not kept any longer than it may be needed.
        if after.phase in {Phase.ENDED, Phase.REMOVED}:
            self._secrets.pop(after.name, None)
            self._tokens.pop(after.name, None)

    def _forget(self, record: AgentRecord) -> None:
        del self.records[record.name]
        self.recent.appendleft(record)
        for kept in (self._fenced, self._withdrawn, self._deleted):
            kept.discard(record.name)
        for by_name in (self._jobs_told, self._fences_set_at, self._went_on_at):
            by_name.pop(record.name, None)
        self._jenkins.forget(record.name)

    def _do(self, act: Act, record: AgentRecord, now: datetime) -> None:
        if act is Act.STOP_TASK:
            self._mesos.stop([record.name], now)
            return
        template = self._template(record)
        new = self._node(record, template) if act is Act.CREATE_NODE else None
        message = f"ciprov: {record.leaving}" if record.leaving else ONE_BUILD
        work = NodeAct(record.name, act, new, message)
        self._books.then(lambda: self._jenkins.ask(work, now))

    def _node(self, record: AgentRecord, template: Template) -> NewNode:
        return NewNode(
            record.name,
            record.labels,
            work_dir(record.name, template),
            template=record.template,
            description=f"for {record.job or record.unique_label or 'whoever comes next'}",
            exclusive=record.exclusive,
            web_socket=template.start.web_socket,
        )


def _not_ahead(record: AgentRecord, now: datetime) -> AgentRecord:
    """Where the clock was set back meanwhile, no look would be newer than what was written."""
    times = {phase: min(moment, now) for phase, moment in record.times.items()}
    return replace(record, since=min(record.since, now), times=times)


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
