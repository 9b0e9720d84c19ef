"""A small world for staffing: items come and go, agents come online and take them, and looks are taken in between."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count

from demand_cases import NOW, item

from ciprov.agents.crew.attempts import Attempts
from ciprov.agents.crew.staffing import Staffing, Standing, avoided, staff
from ciprov.agents.queue.asked_labels import Agent
from ciprov.agents.queue.demand import Demand, Policy, Seen, demand
from ciprov.agents.record import AgentRecord, Phase
from ciprov.agents.template import Limits, Rules, ServiceRules, Template, Warm
from ciprov.framework.requests import Wanted

UNLAUNCHED = {Phase.WANTED, Phase.NODE_CREATED}
_NEXT = {
    Phase.WANTED: Phase.NODE_CREATED,
    Phase.NODE_CREATED: Phase.LAUNCHED,
    Phase.LAUNCHED: Phase.CONNECTING,
    Phase.CONNECTING: Phase.ONLINE,
}


def template(name: str, *labels: str, warm: int = 0, most: int = 0, idle_s: float = 60.0) -> Template:
    limits = Limits(most=most, warm=(Warm(warm),) if warm else (), idle_s=idle_s)
    return Template(name, labels or (name,), Wanted(cpus=1), unique_prefix=f"only.{name}.", limits=limits)


def rules(*templates: Template, most: int = 0) -> Rules:
    return Rules(ServiceRules(most=most), templates)


@dataclass
class World:
    rules: Rules
    now: datetime = NOW
    attempts: Attempts = field(default_factory=Attempts)
    drained: frozenset[str] = frozenset()
    items: dict[int, str] = field(default_factory=dict)
    records: dict[str, AgentRecord] = field(default_factory=dict)
    created: list[AgentRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._names = count(1)
        self._ids = count(1)

    # What happens

    def comes(self, label: str, times: int = 1) -> list[int]:
        ids = [next(self._ids) for _ in range(times)]
        self.items |= dict.fromkeys(ids, label)
        return ids

    def goes(self, which: int) -> None:
        waiting = sorted(self.items)
        if waiting:
            del self.items[waiting[which % len(waiting)]]

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def moves(self, which: int) -> None:
        """One agent comes one step further; one that is online takes an item, one that has a build ends it."""
        names = sorted(self.records)
        if not names:
            return
        record = self.records[names[which % len(names)]]
        if record.phase in _NEXT:
            self.put(record, _NEXT[record.phase])
        elif record.phase is Phase.BUSY:
            del self.records[record.name]
        else:
            fitting = [number for number, label in sorted(self.items.items()) if label in record.labels]
            if fitting:
                del self.items[fitting[0]]
                self.put(record, Phase.BUSY)

    def put(self, record: AgentRecord, phase: Phase) -> None:
        self.records[record.name] = record.at(phase, self.now)

    def all_move(self) -> None:
        for index in range(len(self.records)):
            self.moves(index)

    # Looks

    def demand(self) -> Demand:
        items = [item({"id": number, "label": label}) for number, label in self.items.items()]
        agents = [
            Agent(
                each.name,
                each.template,
                frozenset(each.labels),
                each.exclusive,
                each.spent,
                each.progress,
                each.wanted_at,
            )
            for each in self.records.values()
        ]
        templates = [each.for_demand for each in self.rules.templates]
        policy = Policy(templates, avoided=avoided(self.standing, self.now))
        return demand(Seen(items, [], agents), policy, self.now)

    @property
    def standing(self) -> Standing:
        return Standing(self.records, self.rules, self.attempts, self.drained)

    def decide(self) -> Staffing:
        return staff(self.demand(), self.standing, self.now, lambda name: f"{name}-{next(self._names):04d}")

    def look(self) -> Staffing:
        """Decide, and let what leaves be gone at once."""
        self.passes(0.001)
        result = self.decide()
        for name, _ in result.release:
            del self.records[name]
        self.records |= {record.name: record for record in result.create}
        self.created += result.create
        return result

    # What is so

    def unspent(self, phases: Iterable[Phase] = tuple(Phase)) -> list[AgentRecord]:
        return [record for record in self.records.values() if not record.spent and record.phase in set(phases)]

    def all_are(self, phase: Phase) -> None:
        self.records = {
            name: replace(record, phase=phase, since=self.now, times={**record.times, phase.value: self.now})
            for name, record in self.records.items()
        }
