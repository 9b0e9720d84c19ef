"""Whose turn it is: higher priority first; then what is overdue, the oldest first; then the label that has least.

What a label has is its dominant share: the largest of its shares of all cpus, memory, disk and gpus, by its weight.
Within a label the oldest comes first.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

from ciprov.framework.asks import Ask
from ciprov.framework.resources import NOTHING, Amounts
from ciprov.framework.state import PlacedTask, Policy


class Shares:
    """What each label has of `total`."""

    def __init__(self, placed: Iterable[PlacedTask], total: Amounts, weights: Mapping[str, float]) -> None:
        self._total = total
        self._weights = weights
        self._has: dict[str, Amounts] = {}
        for task in placed:
            self.add(task.label, task.amounts)

    def add(self, label: str, amounts: Amounts) -> None:
        self._has[label] = self._has.get(label, NOTHING).plus(amounts)

    def of(self, label: str) -> float:
        return self._has.get(label, NOTHING).dominant_share(self._total) / self._weights.get(label, 1.0)


def turns(asks: Iterable[Ask], shares: Shares, policy: Policy) -> Iterator[Ask]:
    """Every ask once. Who takes one and places it adds to `shares` before taking the next."""
    in_order = sorted(asks, key=lambda ask: (-ask.rank, -ask.age, ask.request.id))
    for _, level in groupby(in_order, key=lambda ask: ask.rank):
        by_label: dict[str, deque[Ask]] = {}
        for ask in level:
            if ask.age >= policy.overdue_after:
                yield ask
            else:
                by_label.setdefault(ask.request.label, deque()).append(ask)
        yield from _fairly(by_label, shares)


def _fairly(by_label: Mapping[str, deque[Ask]], shares: Shares) -> Iterator[Ask]:
    heap = [(shares.of(label), -waiting[0].age, label) for label, waiting in by_label.items()]
    heapq.heapify(heap)
    while heap:
        label = heap[0][2]
        waiting = by_label[label]
        yield waiting.popleft()
        if waiting:
            heapq.heapreplace(heap, (shares.of(label), -waiting[0].age, label))
        else:
            heapq.heappop(heap)
