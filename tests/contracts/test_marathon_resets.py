"""A whole life of an environment with a fixed port that is replaced, the connection reset at each request in turn."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from faulty_environment import Environment, upstream
from faulty_proxy import Fault, FaultyProxy, Heard, Kind

PHASES = ("old", "new", "")
"""`up`, `up` with another state, `down`."""
LONGEST = 24
"""About as many requests as a phase has; how many there are depends on how often it polls."""


@dataclass(frozen=True)
class Life:
    """What one life came to, by phase: what was there at its end, and what Marathon had been given."""

    states: Sequence[dict[str, str]]
    writes: Sequence[Sequence[str]]
    versions: Sequence[int]
    befallen: Sequence[Sequence[Heard]]


def told(write: Heard, environment: Environment) -> str:
    """A write as it can be compared; forced or not is no difference where the lock was the environment's own."""
    path = write.path.replace("force=true", "force=false")
    text = f"{write.method} {path} {json.dumps(write.body, sort_keys=True)}"
    return text.replace(environment.name, "NAME").replace(str(environment.port), "PORT")


def looked_before_repeating(heard: Sequence[Heard]) -> bool:
    """Between two equal writes Marathon was read from, whether the first one had reached it or not."""
    since: dict[str, int] = {}
    for number, one in enumerate(heard):
        if one.is_write:
            write = f"{one.method} {one.path.partition('?')[0]} {one.body}"
            between = heard[since.get(write, -1) + 1 : number]
            if write in since and not any(not each.is_write and each.status in (200, 404) for each in between):
                return False
            since[write] = number
    return True


def live(proxy: FaultyProxy, environment: Environment, faults: Sequence[Fault]) -> Life:
    states, writes, versions, befallen = [], [], [], []
    for state in PHASES:
        before, written = len(proxy.log.heard), len(proxy.log.writes)
        proxy.plan = faults
        if state:
            environment.up(state)
        else:
            environment.down()
        proxy.plan = []
        heard = proxy.log.heard[before:]
        assert looked_before_repeating(heard)
        befallen.append([one for one in heard if one.fault])
        writes.append([told(one, environment) for one in proxy.log.writes[written:]])
        states.append(environment.states())
        known = environment.marathon._transport.read(f"/v2/apps{environment.path}/fixed/versions") if state else {}
        versions.append(len(known.get("versions", ())) if isinstance(known, dict) else 0)
    return Life(states, writes, versions, befallen)


def lives(cluster: Any, directory: Path, prefix: str, faults: Sequence[Sequence[Fault]]) -> list[Life]:
    """Each in an environment of its own, several at once. Marathon may remember versions of apps that are deleted."""

    def one(number: int) -> Life:
        with FaultyProxy(upstream(cluster)) as proxy:
            environment = Environment(f"{prefix}-{number:02}", 31100 + number, [proxy], directory)
            return live(proxy, environment, faults[number])

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(one, range(len(faults))))


@pytest.mark.parametrize("kind", [Kind.RESET_BEFORE, Kind.RESET_AFTER, Kind.RESET_WITHIN, Kind.CUT])
def test_a_reset_at_any_request_changes_neither_the_result_nor_the_writes(
    cluster: Any, tmp_path: Path, kind: Kind
) -> None:
    half = LONGEST // 2
    faults = [[Fault(kind, first=number), Fault(kind, first=number + half)] for number in range(1, half + 1)]
    writes = [[Fault(kind, 1, method="PUT")], [Fault(kind, 2, method="PUT")], [Fault(kind, 1, method="DELETE")]]
    undisturbed, *disturbed = lives(cluster, tmp_path, kind.name.lower().replace("_", "-"), [[], *faults, *writes])
    assert undisturbed.states == [
        {"fixed": "old", "idle": "old", "same": "exec sleep 1000"},
        {"fixed": "new", "idle": "new", "same": "exec sleep 1000"},
        {},
    ]
    assert [len(each) for each in undisturbed.writes] == [1, 2, 2]
    for number, life in enumerate(disturbed, start=1):
        hit = [[f"{one.method} {one.path}" for one in phase] for phase in life.befallen]
        assert life.states == undisturbed.states, (number, hit)
        assert life.writes == undisturbed.writes, (number, hit)
        assert life.versions == undisturbed.versions, (number, hit)
    befallen = [one for life in disturbed[-3:] for phase in life.befallen for one in phase]
    assert len(befallen) == sum(map(len, undisturbed.writes)) == 5, "each write was hit"
    assert sum(len(phase) for life in disturbed for phase in life.befallen) > LONGEST * len(PHASES) / 2
