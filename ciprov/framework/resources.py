"""Amounts of resources and ranges of ports, counted exactly: Mesos keeps three decimals, so we count thousandths."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

Ranges = tuple[tuple[int, int], ...]
"""Port numbers as ascending ranges that do not touch, both ends included."""


class Amounts(NamedTuple):
    """Thousandths of cores, of MiB of memory, of MiB of disk, and of gpus."""

    cpus: int = 0
    mem: int = 0
    disk: int = 0
    gpus: int = 0

    def plus(self, other: Amounts) -> Amounts:
        return Amounts(self.cpus + other.cpus, self.mem + other.mem, self.disk + other.disk, self.gpus + other.gpus)

    def covers(self, other: Amounts) -> bool:
        """Whether `other` fits into this."""
        return self.cpus >= other.cpus and self.mem >= other.mem and self.disk >= other.disk and self.gpus >= other.gpus

    def most(self, other: Amounts) -> Amounts:
        """The larger of each."""
        return Amounts(*map(max, self, other))

    def dominant_share(self, total: Amounts) -> float:
        """The largest of the four shares of `total`, between 0 and 1; what `total` has none of does not count."""
        return max((mine / whole for mine, whole in zip(self, total, strict=True) if whole), default=0.0)


NOTHING = Amounts()


def thousandths(value: float) -> int:
    return round(value * 1000)


def shown(amount: int) -> str:
    """An amount in thousandths as people write it: `0.5`, `2`."""
    whole, rest = divmod(amount, 1000)
    return f"{whole}.{rest:03d}".rstrip("0") if rest else str(whole)


def merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Any ranges in the normal form."""
    result: list[tuple[int, int]] = []
    for begin, end in sorted(ranges):
        if begin > end:
            continue
        if result and begin <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(result[-1][1], end))
        else:
            result.append((begin, end))
    return tuple(result)


def without(ranges: Ranges, port: int) -> Ranges:
    result: list[tuple[int, int]] = []
    for begin, end in ranges:
        if begin <= port <= end:
            result += [part for part in ((begin, port - 1), (port + 1, end)) if part[0] <= part[1]]
        else:
            result.append((begin, end))
    return tuple(result)


def contains(ranges: Ranges, port: int) -> bool:
    return any(begin <= port <= end for begin, end in ranges)


def size(ranges: Ranges) -> int:
    return sum(end - begin + 1 for begin, end in ranges)
