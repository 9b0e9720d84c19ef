"""Which agents are made and which are sent away, so that there is one for each item and what is kept ready. Pure.

1. Agents of templates that are gone, changed, drained or paused leave, unless they have a build.
2. What nothing takes is kept as far as a warm pool wants it, the ones furthest on their way; of the rest those leave
   that are not launched yet, or idle for too long. One that is about to connect is waited for: it may get a build yet.
3. An agent is made for each need, in the order of the needs, within the caps; then what is missing in warm pools.
   Where a cap is in the way, idle agents that nothing takes make room.

What leaves because nothing takes it is not made again by the next look at the same things, nor the other way round.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ciprov.agents.crew import attempts
from ciprov.agents.crew.attempts import Attempts
from ciprov.agents.crew.schedules import warm_count
from ciprov.agents.queue.demand import Demand, Need, Spare
from ciprov.agents.record import AgentRecord, Cause, Phase
from ciprov.agents.template import Rules, Template
from ciprov.agents.template_digest import digest
from ciprov.agents.view.snapshot import Pause

_UNLAUNCHED = frozenset({Phase.WANTED, Phase.NODE_CREATED})
_IN_FLIGHT = frozenset({Phase.LAUNCHED, Phase.CONNECTING})
_GONE = frozenset({Phase.ENDED, Phase.REMOVED})

REQUESTED_FOR = timedelta(minutes=10)
"""An agent that was asked for by its label is launched within that time, or given up."""

NewName = Callable[[str], str]
"""A name that was never used, for an agent of the template of that name."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What staffing looks at besides demand. `records` are all that are not removed, by name; `attempts` what failed of
    the templates, `drained` the templates of which no agents are made.
    """

    records: Mapping[str, AgentRecord]
    rules: Rules
    attempts: Attempts = field(default_factory=Attempts)
    drained: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Staffing:
    """`create` are new records, `release` names and why they are to leave. `capped` tells by item why it gets no agent
    for now. `held` are not to be launched now, as their template failed and is tried with one agent first.
    """

    create: tuple[AgentRecord, ...] = ()
    release: tuple[tuple[str, Cause], ...] = ()
    capped: Mapping[int, str] = field(default_factory=dict)
    held: frozenset[str] = frozenset()


def staff(demand: Demand, standing: Standing, now: datetime, new_name: NewName) -> Staffing:
    """`demand` as of agents that `standing` knows. Raises `ScheduleError` for a schedule that cannot be understood."""
    pauses = attempts.pauses(standing.attempts, now)
    digests = {template.name: digest(template) for template in standing.rules.templates}
    unfit = _Unfit(standing, pauses, digests)
    release = {record.name: cause for record in standing.records.values() if (cause := unfit.cause(record))}
    warm = {template.name: warm_count(template, now) for template in standing.rules.templates}
    spare = [record for name in demand.unused if (record := standing.records.get(name)) and not record.spent]
    idle = _Idle([record for record in spare if record.name not in release], standing.rules, warm, now)
    hidden = {each.item_id for each in demand.spared if each.why is Spare.LABEL_HIDDEN}
    release |= idle.surplus(hidden)
    desk = _Desk(standing, pauses, digests, now, new_name)
    for need in demand.needs:
        desk.meet(need)
    ready = idle.ready(release)
    for template in standing.rules.templates:
        desk.keep_ready(template, warm[template.name] - ready[template.name])
    release |= idle.making_room(desk.short(), release)
    held = held_back(standing, now) - release.keys()
    return Staffing(tuple(desk.created), tuple(release.items()), desk.capped, held)


def avoided(standing: Standing, now: datetime) -> frozenset[str]:
    """Templates that make no agents for longer: another one that fits as well may. For `demand.Policy`."""
    paused = {name for name, pause in attempts.pauses(standing.attempts, now).items() if pause.final}
    of = Counter(record.template for record in standing.records.values() if record.phase is not Phase.REMOVED)
    full = {each.name for each in standing.rules.templates if 0 < each.limits.most <= of[each.name]}
    return standing.drained | paused | full


def held_back(standing: Standing, now: datetime) -> frozenset[str]:
    """Agents that are not to be launched now: their template failed, and waits, or is tried with another one first."""
    pauses = attempts.pauses(standing.attempts, now)
    failed = attempts.probed(standing.attempts)
    waiting: dict[str, list[AgentRecord]] = {}
    in_flight: set[str] = set()
    for record in standing.records.values():
        if record.template in failed and record.leaving is None:
            if record.phase in _UNLAUNCHED:
                waiting.setdefault(record.template, []).append(record)
            elif record.phase in _IN_FLIGHT:
                in_flight.add(record.template)
    held: set[str] = set()
    for template, records in waiting.items():
        records.sort(key=lambda record: (record.phase is Phase.WANTED, record.wanted_at, record.name))
        held |= {record.name for record in records[0 if template in pauses or template in in_flight else 1 :]}
    return frozenset(held)


class _Unfit:
    """Agents that go whether anything takes them or not."""

    def __init__(self, standing: Standing, pauses: Mapping[str, Pause], digests: Mapping[str, str]) -> None:
        self._digests = digests
        self._drained = standing.drained
        self._paused = {name for name, pause in pauses.items() if pause.final}

    def cause(self, record: AgentRecord) -> Cause | None:
        if record.spent:
            return None
        if self._digests.get(record.template) != record.template_digest:
            return Cause.RETIRED
        if record.template in self._drained:
            return Cause.DRAINED
        if record.template in self._paused and record.phase in _UNLAUNCHED:
            return Cause.PAUSED
        return None


class _Idle:
    """Agents that nothing takes."""

    def __init__(self, spare: Iterable[AgentRecord], rules: Rules, warm: Mapping[str, int], now: datetime) -> None:
        self._spare = sorted(spare, key=lambda record: (-record.progress, record.since, record.name))
        self._idle_s = {template.name: template.limits.idle_s for template in rules.templates}
        self._warm = warm
        self._now = now

    def surplus(self, hidden: set[int]) -> dict[str, Cause]:
        """`hidden` are items of which it is not known what they ask for: their agents may be what they wait for."""
        left = Counter(self._warm)
        result: dict[str, Cause] = {}
        for record in self._spare:
            if not record.unique_label and left[record.template] > 0:
                left[record.template] -= 1
            elif record.phase in _UNLAUNCHED and record.item_id not in hidden and not self._is_requested(record):
                result[record.name] = Cause.SURPLUS
            elif record.phase is Phase.ONLINE and self._is_overdue(record):
                result[record.name] = Cause.IDLE
        return result

    def ready(self, without: Mapping[str, Cause]) -> Counter[str]:
        """By template, how many could take the next item that comes."""
        return Counter(
            record.template for record in self._spare if record.name not in without and not record.unique_label
        )

    def making_room(self, short: Sequence[str], without: Mapping[str, Cause]) -> dict[str, Cause]:
        """Idle agents that go as something else is in need of their room: for each of `short`, one of the template that
        is named there, or any where the name is empty. The ones that idle for the shortest time go first.
        """
        usable = [
            record
            for record in reversed(self._spare)
            if record.phase is Phase.ONLINE and record.name not in without and not record.unique_label
        ]
        result: dict[str, Cause] = {}
        for template in short if usable else ():
            found = next((record for record in usable if template in {"", record.template}), None)
            if found is not None:
                usable.remove(found)
                result[found.name] = Cause.SURPLUS
        return result

    def _is_requested(self, record: AgentRecord) -> bool:
        """Whoever asked for it may not be in the queue yet."""
        return bool(record.unique_label) and not record.item_id and self._now < record.wanted_at + REQUESTED_FOR

    def _is_overdue(self, record: AgentRecord) -> bool:
        return self._now >= record.since + timedelta(seconds=self._idle_s.get(record.template, 0.0))


class _Desk:
    """Makes agents within the caps, and tells of those that it does not make."""

    def __init__(
        self,
        standing: Standing,
        pauses: Mapping[str, Pause],
        digests: Mapping[str, str],
        now: datetime,
        new_name: NewName,
    ) -> None:
        self._standing = standing
        self._pauses = pauses
        self._digests = digests
        self._now = now
        self._new_name = new_name
        self._probed = attempts.probed(standing.attempts)
        there = [record for record in standing.records.values() if record.phase is not Phase.REMOVED]
        self._all = len(there)
        self._of = Counter(record.template for record in there)
        staying = [record for record in there if record.leaving is None and record.phase not in _GONE]
        self._leaving_all = self._all - len(staying)
        self._leaving_of = self._of - Counter(record.template for record in staying)
        self._coming = Counter(record.template for record in staying if record.phase in _UNLAUNCHED | _IN_FLIGHT)
        self._short: list[str] = []
        self.created: list[AgentRecord] = []
        self.capped: dict[int, str] = {}

    def meet(self, need: Need) -> None:
        template = self._standing.rules.template(need.template)
        if template is None:
            self.capped[need.item_id] = f"template {need.template} is not in the settings any more"
            return
        refusal = self._unwilling(template.name) or self._no_room(template, count=True)
        if refusal:
            self.capped[need.item_id] = refusal
        else:
            self._create(template, need)

    def keep_ready(self, template: Template, missing: int) -> None:
        """Make so many agents that are for nobody yet, as far as that goes."""
        for _ in range(missing):
            if self._unwilling(template.name) or self._no_room(template, count=False):
                return
            self._create(template, None)

    def short(self) -> list[str]:
        """For each need that found no room and for which none is about to come: the template that is full, or nothing
        where all agents together are too many.
        """
        in_all, of = self._leaving_all, Counter(self._leaving_of)
        result = []
        for template in self._short:
            if template and of[template] > 0:
                of[template] -= 1
            elif not template and in_all > 0:
                in_all -= 1
            else:
                result.append(template)
        return result

    def _unwilling(self, name: str) -> str:
        if name in self._standing.drained:
            return f"template {name} is drained; `ciprov agents undrain {name}` ends that"
        if name in self._pauses:
            return attempts.why(self._pauses[name])
        if name in self._probed and self._coming[name]:
            return f"template {name} failed, and one agent of it is tried first"
        return ""

    def _no_room(self, template: Template, *, count: bool) -> str:
        most, here = template.limits.most, self._of[template.name]
        if most and here >= most:
            if count:
                self._short.append(template.name)
            return f"template {template.name} has {here} agents and may have {most} at once"
        in_all = self._standing.rules.service.most
        if in_all and self._all >= in_all:
            if count:
                self._short.append("")
            return f"there are {self._all} agents and there may be {in_all} in all"
        return ""

    def _create(self, template: Template, need: Need | None) -> None:
        labels = need.labels if need is not None else template.labels
        record = AgentRecord(
            self._new_name(template.name),
            template.name,
            tuple(sorted(labels)),
            self._now,
            self._now,
            exclusive=template.exclusive,
            item_id=need.item_id if need is not None else 0,
            item_since=need.since if need is not None else None,
            job=need.job if need is not None else "",
            unique_label=need.unique_label if need is not None else "",
            template_digest=self._digests[template.name],
            times={Phase.WANTED.value: self._now},
        )
        self.created.append(record)
        self._all += 1
        self._of[template.name] += 1
        self._coming[template.name] += 1
