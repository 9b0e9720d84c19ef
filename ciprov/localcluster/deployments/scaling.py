"""Which instances go, and how many come, when an app is scaled. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ciprov.localcluster.model import Condition, Instance


@dataclass(frozen=True, slots=True)
class Proposition:
    """`kills` are instance ids in the order in which they go."""

    kills: tuple[str, ...]
    starts: int


def propose(instances: Sequence[Instance], count: int, selection: str, named: Collection[str] = ()) -> Proposition:
    """Scale to `count`. `named` instances go first, in any case; what is decommissioned or inactive does not count."""
    staying = [instance for instance in instances if instance.staying]
    doomed = [instance.id for instance in staying if instance.id in named]
    others = [instance for instance in staying if instance.id not in named]
    surplus = max(0, len(others) - count)
    doomed += [instance.id for instance in kill_order(others, selection)[:surplus]]
    return Proposition(tuple(doomed), max(0, count - (len(staying) - len(doomed))))


def kill_order(instances: Sequence[Instance], selection: str) -> list[Instance]:
    """Waiting ones first, then unreachable ones, staging ones, then running ones by `killSelection`."""
    oldest_first = sorted(instances, key=lambda instance: instance.since)
    chosen = oldest_first if selection == "OLDEST_FIRST" else oldest_first[::-1]
    return sorted(chosen, key=lambda instance: _RANK.get(instance.condition, len(_RANK)))


_RANK = {Condition.SCHEDULED: 0, Condition.UNREACHABLE: 1, Condition.STAGING: 2}
