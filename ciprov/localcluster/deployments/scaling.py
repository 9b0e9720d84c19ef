"""Which instances go, and how many come, when an app is scaled. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from ciprov.localcluster.model import Condition, Instance


@dataclass(frozen=True, slots=True)
class Proposition:
    """`kills` are instance ids in the order in which they go."""

    kills: tuple[str, ...]
    starts: int


Spread = Mapping[str, str | None]
"""What the instances of an app are to be evenly spread over: the value that each is at, by instance id."""


def propose(
    instances: Sequence[Instance],
    count: int,
    selection: str,
    named: Collection[str] = (),
    spreads: Sequence[Spread] = (),
) -> Proposition:
    """Scale to `count`. `named` instances go first, in any case; what is decommissioned or inactive does not count.

    Of those alike the ones go that leave the rest most evenly over the `spreads`.
    """
    staying = [instance for instance in instances if instance.staying]
    doomed = [instance.id for instance in staying if instance.id in named]
    others = kill_order([instance for instance in staying if instance.id not in named], selection)
    surplus = max(0, len(others) - count)
    if spreads and surplus < len(others):
        doomed += _evenly(others, surplus, spreads)
    else:
        doomed += [instance.id for instance in others[:surplus]]
    return Proposition(tuple(doomed), max(0, count - (len(staying) - len(doomed))))


def _evenly(ordered: Sequence[Instance], surplus: int, spreads: Sequence[Spread]) -> list[str]:
    left = list(ordered)
    sizes = [Counter(spread.get(instance.id) for instance in left) for spread in spreads]
    chosen: list[str] = []
    for _ in range(surplus):
        # The first of equals: `ordered` says who goes before whom.
        best = min(left, key=lambda each: (_rank(each), -_crowd(each.id, spreads, sizes)))
        left.remove(best)
        chosen.append(best.id)
        for spread, size in zip(spreads, sizes, strict=True):
            size[spread.get(best.id)] -= 1
    return chosen


def _crowd(instance_id: str, spreads: Sequence[Spread], sizes: Sequence[Mapping[str | None, int]]) -> int:
    return sum(size[spread.get(instance_id)] for spread, size in zip(spreads, sizes, strict=True))


def kill_order(instances: Sequence[Instance], selection: str) -> list[Instance]:
    """Waiting ones first, then unreachable ones, staging ones, then running ones by `killSelection`."""
    oldest_first = sorted(instances, key=lambda instance: instance.since)
    chosen = oldest_first if selection == "OLDEST_FIRST" else oldest_first[::-1]
    return sorted(chosen, key=_rank)


def _rank(instance: Instance) -> int:
    return _RANK.get(instance.condition, len(_RANK))


_RANK = {Condition.SCHEDULED: 0, Condition.UNREACHABLE: 1, Condition.STAGING: 2}
