"""Which agents there are to be: what the queue asks for, what is kept ready, what is drained, paused or too much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from ciprov.agents.crew import attempts
from ciprov.agents.crew.attempts import Attempts
from ciprov.agents.crew.names import fresh_name, unique_label
from ciprov.agents.crew.staffing import Standing, avoided, staff
from ciprov.agents.lifecycle import RESUMED_WITHIN, Act, had_build_before
from ciprov.agents.queue.anchors import missing
from ciprov.agents.queue.asked_labels import Agent, ItemKey
from ciprov.agents.queue.demand import Demand, Policy, Seen, demand
from ciprov.agents.record import FAILURES, AgentRecord, Cause, Phase
from ciprov.agents.requesting import at_hand, check_label, check_place
from ciprov.agents.serving.books import ATTEMPTS, DRAINED, Books, Read
from ciprov.agents.serving.inbox import Looked
from ciprov.agents.serving.jenkins_desk import JenkinsDesk, NodeAct
from ciprov.agents.serving.roster import Roster
from ciprov.agents.serving.telling import mislabelled
from ciprov.agents.template import Limits, Rules, Template
from ciprov.agents.template_digest import Difference, difference, digest
from ciprov.agents.view.happenings import Happening, Severity, Tell, What
from ciprov.agents.view.snapshot import Pause
from ciprov.domain.jenkins import QueueItem

_SURE_AFTER = timedelta(seconds=0.75)
_COMES_BACK = timedelta(seconds=30)
"""So long an agent that lost its connection is counted on: it tries again every ten seconds."""


class DemandDesk:
    """Owned by the loop's thread."""

    def __init__(self, rules: Rules, books: Books, jenkins: JenkinsDesk, roster: Roster, tell: Tell) -> None:
        self.rules = rules
        self._books = books
        self._jenkins = jenkins
        self._roster = roster
        self._tell = tell
        self._labels: Mapping[ItemKey, str] = {}
        self._attempts = Attempts()
        self._ahead_of_us = timedelta(0)
        self._since: datetime | None = None
        self._surplus_since: dict[str, datetime] = {}
        self.items: tuple[QueueItem, ...] = ()
        self.demand = Demand()
        self.capped: Mapping[int, str] = {}
        self.drained: frozenset[str] = frozenset()

    def recovered(self, read: Read, now: datetime) -> None:
        self._since = now
        self.drained = frozenset(read.document(DRAINED).get("templates", ()))
        self._attempts = read.decoded(ATTEMPTS, attempts.decode)

    def pauses(self, now: datetime) -> Mapping[str, Pause]:
        return attempts.pauses(self._attempts, now)

    def looked(self, looked: Looked, now: datetime) -> None:
        """Who is wanted now, and who is not any more.

        Of a look at the nodes alone nothing follows for items that were seen before: an agent may have taken them. Nor
        are agents made from a look at the queue alone: those that it would be given to may be idle by now.
        """
        if looked.server is not None and looked.server.time is not None:
            self._ahead_of_us = looked.server.time - looked.began
        if looked.nodes is not None:
            self._keep_anchors(now)
        if looked.items is None and self.items:
            return
        self.items = self.items if looked.items is None else looked.items
        nodes = tuple(self._roster.nodes.values())
        agents = tuple(self._agent(record, looked.began) for record in self._roster.records.values())
        seen = Seen(self.items, nodes, agents, self._labels)
        standing = Standing(self._roster.records, self.rules, self._attempts, self.drained)
        before, self.demand = self.demand, demand(seen, self._policy(standing, now), now + self._ahead_of_us)
        for happening in mislabelled(before, self.demand, self.items):
            self._tell(happening)
        self._labels = self.demand.labels
        if looked.nodes is None and self.demand.needs:
            return
        staffing = staff(self.demand, standing, now, self._fresh_name)
        self._roster.held_back = staffing.held
        self.capped = staffing.capped
        for record in staffing.create:
            self._roster.add(record)
        self._release(staffing.release, now)
        self._make_room(looked.began)

    def moved_on(self, record: AgentRecord, now: datetime) -> None:
        """For each agent that has just come into another phase, perhaps by way of others at the same moment."""
        template = self.rules.template(record.template)
        limits = template.limits if template is not None else Limits()
        before = self._attempts
        if record.phase is Phase.ENDED and record.cause in FAILURES:
            if self._is_blameless(record):
                return
            self._attempts = attempts.failed(before, record, limits, now)
        elif record.since in {record.times.get(Phase.ONLINE.value), record.times.get(Phase.BUSY.value)}:
            # Not one that worked before: it proves nothing of what its template is now.
            self._attempts = attempts.succeeded(before, record.template)
        self._write_attempts(before, now)

    def requested(self, template: Template, label: str, now: datetime) -> AgentRecord:
        """An agent that bears `label` alone, or a new label of its own. Raises `CiprovError` where that cannot be."""
        records = self._roster.records
        if (there := at_hand(label, template, records)) is not None:
            return there
        if label:
            check_label(label, template, self.rules)
        check_place(template, self.rules, records.values(), self.pauses(now).get(template.name), self.drained)
        label = label or unique_label(template.unique_prefix or f"{self.rules.service.name}.{template.name}.")
        record = AgentRecord(
            self._fresh_name(template.name),
            template.name,
            (label,),
            now,
            now,
            exclusive=template.exclusive,
            unique_label=label,
            template_digest=digest(template),
            times={Phase.WANTED.value: now},
        )
        self._roster.add(record)
        return record

    def drain(self, templates: frozenset[str]) -> frozenset[str]:
        """Those that were not drained before, as `undrain` those that were."""
        new = templates - self.drained
        self._set_drained(self.drained | templates)
        for record in self._roster.records.values():
            if record.template in templates and not record.spent:
                self._roster.release(record.name, Cause.DRAINED)
        return new

    def undrain(self, templates: frozenset[str]) -> frozenset[str]:
        undone = templates & self.drained
        self._set_drained(self.drained - templates)
        return undone

    def resume(self, templates: frozenset[str], now: datetime) -> frozenset[str]:
        """Those that failed since they were resumed last."""
        before = self._attempts
        for template in templates:
            self._attempts = attempts.resumed(self._attempts, template)
        self._write_attempts(before, now)
        after = self._attempts.troubles
        return frozenset(name for name in templates if before.troubles.get(name) != after.get(name))

    def follow(self, rules: Rules, now: datetime) -> Difference:
        """Agents that the new settings would not make so are sent away by the next look."""
        before, differs = self._attempts, difference(self.rules, rules)
        for name in differs.changed:
            self._attempts = attempts.resumed(self._attempts, name)
        self._attempts = attempts.retained(self._attempts, {each.name for each in rules.templates})
        self.rules = rules
        self._tell(Happening(What.RELOADED, f"the settings were read again: {differs}"))
        self._write_attempts(before, now)
        return differs

    def _policy(self, standing: Standing, now: datetime) -> Policy:
        service, templates = self.rules.service, tuple(each.for_demand for each in self.rules.templates)
        return Policy(templates, service.lead_s, service.patience_s, avoided(standing, now))

    def _fresh_name(self, template: str) -> str:
        return fresh_name(self.rules.service.name, template)

    def _agent(self, record: AgentRecord, looked_at: datetime) -> Agent:
        """As it was when the look began: an item that it took since then may still be in the queue of that look."""
        busy = record.times.get(Phase.BUSY.value)
        spent = record.spent and not (busy is not None and busy > looked_at)
        spent = spent or self._is_lost(record, looked_at)
        return Agent(
            record.name,
            record.template,
            frozenset(record.labels),
            record.exclusive,
            spent,
            record.progress,
            record.wanted_at,
            had_build_before(record, self._roster.restarted_at),
        )

    def _is_lost(self, record: AgentRecord, looked_at: datetime) -> bool:
        """Whether it lost its connection so long ago that nobody should wait for it, though it may come back yet."""
        if record.offline_since is None or record.phase is not Phase.CONNECTING:
            return False
        begun = max(record.offline_since, self._roster.answers_since or record.offline_since)
        return looked_at > begun + _COMES_BACK

    def _is_blameless(self, record: AgentRecord) -> bool:
        """Whether it failed for want of somebody who was away since its launch: this service, which in an earlier
        life may not have given out its secrets, or Jenkins, without which agent.jar ends at once.
        """
        launched = record.times.get(Phase.LAUNCHED.value)
        if launched is None or self._since is None:
            return False
        answers_since = self._roster.answers_since if self._roster.jenkins_answers else None
        met_nobody = answers_since is None or launched < answers_since
        return launched < self._since or (record.cause is Cause.TASK_FAILED and met_nobody)

    def _make_room(self, looked_at: datetime) -> None:
        """Agents that are lost go before their time where there is no room for others, which items wait for."""
        short = {need.template for need in self.demand.needs if need.item_id in self.capped}
        full = 0 < self.rules.service.most <= len(self._roster.records)
        for record in list(self._roster.records.values()):
            if short and (full or record.template in short) and self._is_lost(record, looked_at):
                self._roster.release(record.name, Cause.DISCONNECTED, "others are wanted in its place")

    def _keep_anchors(self, now: datetime) -> None:
        for anchor in missing(self.rules, self._roster.nodes.values()):
            self._jenkins.ask(NodeAct(anchor.name, Act.CREATE_NODE, anchor, wants_secret=False), now)

    def _release(self, release: Sequence[tuple[str, Cause]], now: datetime) -> None:
        """What nothing wants has to be so for a while: an item that an agent took between the look at the nodes and
        that at the queue is missed by both, so that for a moment there seems to be an agent too many.
        """
        surplus = {name for name, cause in release if cause is Cause.SURPLUS}
        self._surplus_since = {name: self._surplus_since.get(name, now) for name in surplus}
        for name, cause in release:
            if self._may_have_a_build(name, now):
                continue
            if name not in surplus or now >= self._surplus_since[name] + _SURE_AFTER:
                self._roster.release(name, cause)

    def _may_have_a_build(self, name: str, now: datetime) -> bool:
        """A pipeline goes on some seconds after a restart of Jenkins, perhaps on an agent that seems to have had no
        build: it came to it while this service was away.
        """
        restarted_at = self._roster.restarted_at
        online = self._roster.records[name].times.get(Phase.ONLINE.value)
        if restarted_at is None or online is None or online >= restarted_at:
            return False
        return now < restarted_at + RESUMED_WITHIN

    def _set_drained(self, templates: frozenset[str]) -> None:
        self.drained = templates
        self._books.put(DRAINED, {"templates": sorted(templates)})

    def _write_attempts(self, before: Attempts, now: datetime) -> None:
        if self._attempts == before:
            return
        self._books.put(ATTEMPTS, attempts.encode(self._attempts))
        was, is_now = attempts.pauses(before, now), self.pauses(now)
        for name, pause in is_now.items():
            if name not in was or was[name] != pause:
                what, severity = (
                    (What.PAUSED, Severity.ERROR) if pause.final else (What.ATTEMPT_FAILED, Severity.WARNING)
                )
                self._tell(Happening(what, attempts.told(pause), severity, template=name, cause=pause.cause))
        for name in (was.keys() - is_now.keys()) & {each.name for each in self.rules.templates}:
            self._tell(Happening(What.RESUMED, f"template {name} is tried again", template=name))
