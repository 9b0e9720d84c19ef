"""A Jenkins in simulated time that is looked at as `looking` says: how soon items are seen, at how many requests."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from demand_cases import NOW

from ciprov.agents.queue.demand import Demand, Need, NoNeed, Spare
from ciprov.agents.queue.looking import History, Look, answered, cadence, facts, unanswered
from ciprov.agents.record import AgentRecord, Phase

TO_LAUNCH_S, TO_ONLINE_S, TO_BUSY_S = 0.1, 0.5, 0.3


@dataclass
class Simulation:
    """Each item gets an agent of its own from the first look that sees it. Times in seconds from the start."""

    arrivals: Iterable[float] = ()
    build_s: float = 10.0
    request_s: float = 0.01
    warm: int = 0
    down: Callable[[float], bool] = lambda _: False
    jitter: float = 0.5
    delays: list[float] = field(default_factory=list)
    requests: list[tuple[float, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._numbers = count(1)
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._waiting: dict[int, float] = {}
        self._seen: set[int] = set()
        self._records: dict[str, AgentRecord] = {}
        for at in self.arrivals:
            self._later(at, self._comes)
        for _ in range(self.warm):
            self._set(f"warm-{next(self._numbers)}", Phase.ONLINE, 0)

    def run(self, seconds: float) -> Simulation:
        now, history, demand = 0.0, History(), Demand()
        while now < seconds:
            look = self._next(demand, history, now)
            at = max(now, (look.at - NOW).total_seconds())
            if self._events and self._events[0][0] < at:
                # What happens may change what is looked at, as it does through Mesos.
                now = max(now, self._events[0][0])
                self._happen(now)
                continue
            now = at
            began = now
            if self.down(now):
                self.requests.append((now, "failed"))
                now += self.request_s
                history = unanswered(history, _moment(began), _moment(now))
                continue
            for what in ("nodes",) * look.nodes + ("queue",) * look.queue:
                self.requests.append((now, what))
                self._happen(now)
                if what == "queue":
                    demand = self._demand()
                    self._look_at_queue(now, both=look.nodes)
                now += self.request_s
            history = answered(history, look, _moment(began), _moment(now), demand)
        return self

    def rate(self, begin: float, end: float, what: str = "") -> float:
        return sum(1 for at, kind in self.requests if begin <= at < end and what in {"", kind}) / (end - begin)

    def _next(self, demand: Demand, history: History, now: float) -> Look:
        return cadence(facts(demand, self._records.values()), history, _moment(now), self.jitter)

    def _later(self, at: float, act: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (at, next(self._numbers), act))

    def _happen(self, now: float) -> None:
        while self._events and self._events[0][0] <= now:
            at, _, act = heapq.heappop(self._events)
            act(at)

    def _comes(self, at: float) -> None:
        self._waiting[next(self._numbers)] = at

    def _demand(self) -> Demand:
        needs = tuple(Need(number, "a", frozenset("a")) for number in self._waiting if number not in self._seen)
        served = tuple(NoNeed(number, Spare.SERVED, "") for number in self._waiting if number in self._seen)
        return Demand(needs, served)

    def _look_at_queue(self, now: float, *, both: bool) -> None:
        for number, came in self._waiting.items():
            if both and number not in self._seen:
                self._seen.add(number)
                self.delays.append(now + self.request_s - came)
                self._launch(f"agent-{number}", number, now)

    def _launch(self, name: str, item: int, now: float) -> None:
        def busy(at: float) -> None:
            self._waiting.pop(item, None)
            self._set(name, Phase.FENCED, at)

        online = now + TO_LAUNCH_S + TO_ONLINE_S
        self._set(name, Phase.WANTED, now)
        self._later(now + TO_LAUNCH_S, lambda at: self._set(name, Phase.CONNECTING, at))
        self._later(online, lambda at: self._set(name, Phase.ONLINE, at))
        self._later(online + TO_BUSY_S, busy)
        self._later(online + TO_BUSY_S + self.build_s, lambda _: self._records.pop(name))

    def _set(self, name: str, phase: Phase, at: float) -> None:
        self._records[name] = AgentRecord(name, "a", ("a",), NOW, _moment(at), phase)


def _moment(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)
