"""Environments that come and go, many times: whether anything is left behind, on the cluster or in its daemon."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import psutil
from soak_hands import Hand, start

from ciprov.localcluster.runtimes.process import COLLECT_AFTER_SECONDS
from ciprov.localcluster.runtimes.sandbox import KEEP_IN_ALL
from ciprov.wiring.localcluster import descriptor, stop

HANDS = 6
ANEW = 0.7
"""How many of the environments get a name that was never used, as branches do."""
MOST_FILES = 40
"""Besides those in sandboxes."""
MOST_GROWTH_MB = 48.0
"""Of the daemon over all cycles. It remembers some thousand definitions, 10 kB of each cycle at first."""


@dataclass(frozen=True)
class Size:
    """What the daemon and the state directory have, and this process."""

    cycles: int
    rss_mb: float
    fds: int
    threads: int
    children: int
    old_sandboxes: int
    files: int
    disk_mb: float
    own_fds: int
    own_threads: int

    def __str__(self) -> str:
        return (
            f"after {self.cycles} cycles: daemon {self.rss_mb:.0f} MB, {self.fds} fds, {self.threads} threads, "
            f"{self.children} children; {self.files} files, "
            f"{self.old_sandboxes} sandboxes of two minutes ago, {self.disk_mb:.1f} MB in all; "
            f"this process {self.own_fds} fds, {self.own_threads} threads"
        )


@dataclass(frozen=True)
class Report:
    sizes: tuple[Size, ...]
    faults: tuple[str, ...]
    seconds: float


def run(directory: Path, seed: int, cycles: int, tell: Callable[[str], None]) -> Report:
    """`directory` is empty; what was started there is ended again. `tell` gets the sizes in between."""
    state = directory / "state"
    start(state)
    began = time.monotonic()
    try:
        sizes, faults = _soak(state, seed, cycles, tell)
    finally:
        stop(state, purge=True)
    left = [str(path) for path in state.rglob("local/*")] if state.exists() else []
    faults += [f"left after the end: {left}"] if left else []
    return Report(tuple(sizes), tuple(faults), time.monotonic() - began)


def _soak(state: Path, seed: int, cycles: int, tell: Callable[[str], None]) -> tuple[list[Size], list[str]]:
    warm = min(cycles, max(HANDS, cycles // 10))
    sizes, faults = [], []
    hands = [Hand.at(state) for _ in range(HANDS)]
    try:
        for first, last in _stages(warm, cycles):
            faults += _cycles(hands, seed, first, last)
            faults += [f"left after {last} cycles: {what}: {some}" for what, some in hands[0].left().items()]
            sizes.append(_size(state, last))
            tell(str(sizes[-1]))
        faults += _unbounded(sizes)
    finally:
        for hand in hands:
            hand.close()
    return sizes, faults


def _stages(warm: int, cycles: int) -> Iterator[tuple[int, int]]:
    step = max(HANDS, (cycles - warm + 3) // 4)
    bounds = [0, *range(warm, cycles, step), cycles]
    yield from pairwise(bounds)


def _cycles(hands: list[Hand], seed: int, first: int, last: int) -> list[str]:
    """Each hand takes the next one, and has a name of its own that it takes up again and again."""
    faults: list[str] = []
    turns = iter(range(first, last))
    turn = threading.Lock()

    def work(index: int) -> None:
        chance = random.Random(f"{seed} {first} {index}")
        while True:
            with turn:
                number = next(turns, None)
            if number is None:
                return
            name = f"cycle-{number}" if chance.random() < ANEW else f"again-{index}"
            try:
                hands[index].up(name, str(chance.random()))
                if chance.random() < 0.2:
                    hands[index].up(name, str(chance.random()))
                hands[index].down(name)
            except Exception as error:
                faults.append(f"{name}: {type(error).__name__}: {error}")

    with ThreadPoolExecutor(HANDS) as threads:
        list(threads.map(work, range(HANDS)))
    return faults


def _size(state: Path, cycles: int) -> Size:
    running = descriptor(state)
    assert running is not None, "the daemon has ended"
    daemon, here = psutil.Process(running.pid), psutil.Process()
    files = [path for path in state.rglob("*") if path.is_file()]
    sandboxes = Path(state, "local", "tasks")
    collected = time.time() - 2 * COLLECT_AFTER_SECONDS
    return Size(
        cycles,
        daemon.memory_info().rss / 2**20,
        daemon.num_fds(),
        daemon.num_threads(),
        len(daemon.children(recursive=True)),
        sum(path.stat().st_mtime < collected for path in sandboxes.iterdir()),
        sum(sandboxes not in path.parents for path in files),
        sum(path.stat().st_size for path in files) / 2**20,
        here.num_fds(),
        here.num_threads(),
    )


def _unbounded(sizes: list[Size]) -> list[str]:
    """What has grown from the end of the warm-up on."""
    first, last = sizes[0], sizes[-1]
    faults = []
    if last.rss_mb - first.rss_mb > MOST_GROWTH_MB:
        faults.append(f"the daemon grew from {first.rss_mb:.0f} to {last.rss_mb:.0f} MB")
    for what in ("fds", "threads", "own_fds", "own_threads"):
        if getattr(last, what) > getattr(first, what) + HANDS:
            faults.append(f"{what}: {getattr(first, what)} at first, {getattr(last, what)} in the end")
    if last.old_sandboxes > KEEP_IN_ALL:
        faults.append(f"{last.old_sandboxes} sandboxes are kept")
    if last.files > MOST_FILES:
        faults.append(f"{last.files} files are left besides sandboxes")
    if last.children:
        faults.append(f"the daemon still has {last.children} children")
    return faults
