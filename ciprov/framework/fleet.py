"""The agents on offer in one decision, in the orders in which placement algorithms ask for them.

What is free only shrinks while a decision is made. So an agent too small for anything that is wanted leaves all orders
for good, and a group of agents in which nothing fitted may be judged by its largest members from then on.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence

from ciprov.framework.asks import Ask
from ciprov.framework.joined_offers import JoinedOffers
from ciprov.framework.resources import Amounts
from ciprov.framework.state import PlacedTask

_GROUP = 32
_COUNT_EVERY = 16


class Fleet:
    """Every order leaves out agents with too little cpus or memory, and only those: the rest is asked elsewhere."""

    def __init__(self, joined: Sequence[JoinedOffers], placed: Iterable[PlacedTask], least: Amounts) -> None:
        """`least` of each amount is wanted by every request."""
        self.joined = joined
        self.least = least
        self._cpus = [one.free.cpus for one in joined]
        self._mem = [one.free.mem for one in joined]
        self._groups = [range(at, min(at + _GROUP, len(joined))) for at in range(0, len(joined), _GROUP)]
        self._most = [self._most_of(group) for group in self._groups]
        self._by_free = sorted((j.free.cpus, j.free.mem, j.index) for j in joined if j.free.covers(least))
        self._by_host: dict[str, list[JoinedOffers]] = {}
        for one in joined:
            self._by_host.setdefault(one.hostname, []).append(one)
        self._counts: dict[str, dict[str, int]] = {}
        for task in placed:
            self._count(task.label, task.agent_id)
        self._fewest: dict[str, int] = {}
        self._missed: dict[str, int] = {}

    def in_order(self, ask: Ask) -> Iterator[JoinedOffers]:
        """By host name."""
        cpus, mem = ask.amounts.cpus, ask.amounts.mem
        for number, (most_cpus, most_mem) in enumerate(self._most):
            if most_cpus >= cpus and most_mem >= mem:
                for index in self._groups[number]:
                    if self._cpus[index] >= cpus and self._mem[index] >= mem:
                        yield self.joined[index]
                self._most[number] = self._most_of(self._groups[number])

    def fullest_first(self, ask: Ask) -> Iterator[JoinedOffers]:
        """The fewest cpus left first, then the least memory."""
        mem = ask.amounts.mem
        for at in range(bisect_left(self._by_free, (ask.amounts.cpus,)), len(self._by_free)):
            entry = self._by_free[at]
            if entry[1] >= mem:
                yield self.joined[entry[2]]

    def emptiest_first(self, ask: Ask) -> Iterator[JoinedOffers]:
        """Those with the fewest tasks of the label first, then those with the most cpus and memory left."""
        label, (cpus, mem, _, _) = ask.request.label, ask.amounts
        counts, fewest = self._counts.get(label, {}), self._fewest.get(label, 0)
        fuller: list[tuple[int, int, int]] = []
        for at in range(len(self._by_free) - 1, bisect_left(self._by_free, (cpus,)) - 1, -1):
            _, free_mem, index = self._by_free[at]
            if free_mem >= mem:
                count = counts.get(self.joined[index].agent_id, 0)
                if count <= fewest:
                    yield self.joined[index]
                else:
                    fuller.append((count, -at, index))
        self._count_fewest(label)
        for _, _, index in sorted(fuller):
            yield self.joined[index]

    def _count_fewest(self, label: str) -> None:
        """Now and then find out how few tasks of the label any agent with room has: that only grows."""
        self._missed[label] = self._missed.get(label, 0) + 1
        if self._missed[label] % _COUNT_EVERY == 0 and self._by_free:
            counts = self._counts.get(label, {})
            self._fewest[label] = min(counts.get(self.joined[index].agent_id, 0) for _, _, index in self._by_free)

    def on_host(self, hostname: str) -> Iterator[JoinedOffers]:
        yield from self._by_host.get(hostname, ())

    def take(self, one: JoinedOffers, ask: Ask) -> None:
        """Place `ask` on `one`, where it must fit."""
        before = (one.free.cpus, one.free.mem, one.index)
        one.take(ask)
        self._cpus[one.index], self._mem[one.index] = one.free.cpus, one.free.mem
        self._count(ask.request.label, one.agent_id)
        at = bisect_left(self._by_free, before)
        if at < len(self._by_free) and self._by_free[at] == before:
            del self._by_free[at]
            if one.free.covers(self.least):
                insort(self._by_free, (one.free.cpus, one.free.mem, one.index))

    def _most_of(self, group: range) -> tuple[int, int]:
        return max(self._cpus[group.start : group.stop]), max(self._mem[group.start : group.stop])

    def _count(self, label: str, agent_id: str) -> None:
        counts = self._counts.setdefault(label, {})
        counts[agent_id] = counts.get(agent_id, 0) + 1
