"""Many who bring environments up and down, extend, pin and reap them at the same time: whether an update is lost."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from soak_hands import Hand, start

from ciprov.domain.environment import EnvironmentRecord, HistoryEntry, Phase
from ciprov.environments.lifetime import amending
from ciprov.environments.lifetime.reaper import Outcome
from ciprov.environments.tree import apps_of
from ciprov.wiring.localcluster import stop

KEPT = ("kept-1", "kept-2")
"""Never taken down: what is extended, pinned and changed there must all be there in the end."""
SHARED = ("shared-1", "shared-2", "shared-3")
"""Brought up and taken down by everybody."""
BRIEF = ("brief-1", "brief-2")
"""Expire at once, so that they are reaped."""
HANDS_AT_THE_END = 6
UNDER_LOCK = {"up", "down"}
BURST = 8
"""Pins and extensions that follow each other: each takes some milliseconds only, beside an `up` of seconds."""


@dataclass(frozen=True)
class Crowd:
    """`processes` with `threads` each, every one of which does `turns` operations."""

    processes: int
    threads: int
    turns: int


@dataclass(frozen=True)
class Deed:
    """One operation and what it gave; `revision` is that of the record which it left, 0 where it left none."""

    name: str
    operation: str
    revision: int = 0
    mark: str = ""
    pinned: str = ""
    expires_at: datetime | None = None
    error: str = ""


@dataclass(frozen=True)
class Report:
    deeds: Counter[str]
    faults: tuple[str, ...]
    seconds: float


def run(directory: Path, store: str, seed: int, crowd: Crowd) -> Report:
    """`directory` is empty, `store` the URL of an empty one or empty; what was started is ended again."""
    state = directory / "state"
    start(state)
    began = time.monotonic()
    hand = Hand.at(state, store)
    try:
        for name in KEPT:
            hand.up(name, ttl=3600)
        created = {name: hand.record(name).created_at for name in KEPT}
        deeds = _at_once(state, store, seed, crowd)
        faults = [f"{deed.name}: {deed.operation}: {deed.error}" for deed in deeds if deed.error]
        names = sorted({*KEPT, *SHARED, *BRIEF, *(deed.name for deed in deeds if deed.name)})
        faults += [fault for name in names for fault in _lost(hand, name, deeds)]
        faults += [f"{name} was made anew" for name in KEPT if hand.record(name).created_at != created[name]]
        faults += _colliding(hand)
        faults += _left_behind(hand, names)
    finally:
        hand.close()
        stop(state, purge=True)
    return Report(Counter(deed.operation for deed in deeds), tuple(faults), time.monotonic() - began)


def _at_once(state: Path, store: str, seed: int, crowd: Crowd) -> list[Deed]:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(crowd.processes, mp_context=spawn) as pool:
        parts = [pool.submit(_process, state, store, f"{seed} {number}", crowd) for number in range(crowd.processes)]
        return [deed for part in parts for deed in part.result()]


def _process(state: Path, store: str, seed: str, crowd: Crowd) -> list[Deed]:
    """Its threads share one store, as a long-lived service would, and each has clients of its own."""
    first = Hand.at(state, store)
    hands = [first, *(first.another() for _ in range(crowd.threads - 1))]
    try:
        with ThreadPoolExecutor(crowd.threads) as threads:
            tasks = [threads.submit(_turns, hand, f"{seed} {number}", crowd.turns) for number, hand in enumerate(hands)]
            return [deed for task in tasks for deed in task.result()]
    finally:
        first.close()


def _turns(hand: Hand, seed: str, turns: int) -> list[Deed]:
    """At first everybody makes an environment of their own, at the same time, and so asks for a service port."""
    chance = random.Random(seed)
    own = list(_turn(hand, "up", f"own {seed}".replace(" ", "-"), chance))
    return own + [deed for _ in range(turns) for deed in _any_turn(hand, chance)]


def _any_turn(hand: Hand, chance: random.Random) -> Iterator[Deed]:
    operation = chance.choices(("up", "down", "reap", "extend", "pin"), (8, 5, 2, 3, 2))[0]
    kinds = {"up": (*KEPT, *SHARED, *BRIEF), "down": (*SHARED, *BRIEF), "reap": ("",)}
    return _turn(hand, operation, chance.choice(kinds.get(operation, KEPT)), chance)


def _turn(hand: Hand, operation: str, name: str, chance: random.Random) -> Iterator[Deed]:
    mark = f"{chance.getrandbits(32):08x}"
    try:
        if operation == "reap":
            failed = [one for one in hand.reap().environments if one.outcome is Outcome.FAILED]
            yield Deed(name, operation, error="; ".join(one.error for one in failed))
        elif operation == "down":
            hand.down(name)
            yield Deed(name, operation)
        elif operation == "up":
            yield _written(operation, hand.up(name, mark, ttl=1 if name in BRIEF else 3600).record)
        else:
            for number in range(BURST):
                yield _written(operation, _amend(hand, operation, name, f"{mark}-{number}", chance))
    except Exception as error:
        yield Deed(name, operation, error=f"{type(error).__name__}: {error}")


def _amend(hand: Hand, operation: str, name: str, reason: str, chance: random.Random) -> EnvironmentRecord:
    ledger = hand.environments.ledger
    if operation == "extend":
        return amending.extend(ledger, name, chance.randrange(7200, 360000))
    return amending.pin(ledger, name, reason)


def _written(operation: str, record: EnvironmentRecord) -> Deed:
    mark = str(record.parameters["mark"])
    return Deed(record.name, operation, record.revision, mark, record.pinned, record.expires_at)


def _lost(hand: Hand, name: str, deeds: Sequence[Deed]) -> Iterator[str]:
    """Where record, cluster, history and what the operations gave do not agree."""
    environments = hand.environments
    record = environments.store.get(environments.cluster.name, name)
    history = list(reversed(environments.store.history(environments.cluster.name, name, 200)))
    locked = [entry for entry in history if entry.operation in UNDER_LOCK]
    yield from _overlapping(locked)
    live = apps_of(environments.marathon.group(environments.group_path(name)))
    of_it = sorted((deed for deed in deeds if deed.name == name and deed.revision), key=_in_order)
    if record is None:
        if locked and locked[-1].operation != "down":
            yield f"{name}: the last operation was {locked[-1].operation}, and there is no record"
        if live:
            yield f"{name}: there is no record, and {sorted(live)} run"
        return
    if record.operation is not None or record.phase is not Phase.READY:
        yield f"{name}: {record.phase}, {record.operation}"
    if of_it and of_it[-1].mark != record.parameters["mark"]:
        yield f"{name}: the last up said {of_it[-1].mark}, the record says {record.parameters['mark']}"
    marks = {app["env"]["MARK"] for app in live.values()}
    if marks != {record.parameters["mark"]}:
        yield f"{name}: the record says {record.parameters['mark']}, and {marks} run"
    ports = {app["portDefinitions"][0]["port"] for app in live.values()}
    if ports != set(record.service_ports.values()):
        yield f"{name}: service ports {ports}, recorded {record.service_ports}"
    if name in KEPT:
        yield from _amendments_lost(record, of_it)


def _in_order(deed: Deed) -> tuple[int, bool]:
    """A pin before an extension that found what it left, and changed nothing."""
    return deed.revision, deed.operation != "pin"


def _amendments_lost(record: EnvironmentRecord, deeds: Sequence[Deed]) -> Iterator[str]:
    """`deeds` in the order of their writes: each must have found what those before it wrote."""
    latest, pinned = None, ""
    for deed in (*deeds, _written("", record)):
        if latest is not None and (deed.expires_at is None or deed.expires_at < latest):
            yield f"{record.name}: extended until {latest}, and revision {deed.revision} expires {deed.expires_at}"
        if deed.operation == "pin":
            pinned = deed.pinned
        if deed.pinned != pinned:
            yield f"{record.name}: pinned {pinned!r}, and revision {deed.revision} says {deed.pinned!r}"
        latest = deed.expires_at


def _overlapping(entries: Sequence[HistoryEntry]) -> Iterator[str]:
    """Two operations at once on one environment, and those that never ended."""
    for entry in entries:
        if entry.ended_at is None:
            yield f"{entry.name}: {entry.operation} of {entry.at} has no end"
    for earlier, later in pairwise(entries):
        if earlier.ended_at is not None and later.at < earlier.ended_at:
            yield f"{later.name}: {later.operation} at {later.at} began before {earlier.operation} had ended"


def _colliding(hand: Hand) -> Iterator[str]:
    environments = hand.environments
    records = environments.store.list(environments.cluster.name)
    ports = Counter(port for record in records for port in record.service_ports.values())
    yield from (f"service port {port} is that of {count} apps" for port, count in ports.items() if count > 1)


def _left_behind(hand: Hand, names: Sequence[str]) -> Iterator[str]:
    environments = hand.environments
    hands = [hand.another() for _ in range(HANDS_AT_THE_END)]
    with ThreadPoolExecutor(len(hands)) as threads:
        parts = [threads.submit(_down, one, names[number :: len(hands)]) for number, one in enumerate(hands)]
        for part in parts:
            part.result()
    yield from (f"left in the end: {what}: {some}" for what, some in hand.left().items())
    cluster = environments.cluster.name
    for key in (f"ports/{cluster}", *(f"env/{cluster}/{name}" for name in names)):
        if (holder := environments.store.holder(key)) is not None:
            yield f"{key} is still locked by {holder.description}"


def _down(hand: Hand, names: Sequence[str]) -> None:
    for name in names:
        hand.down(name)
