"""Events that are lost, repeated, reordered, late or cut change nothing but the delay."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faulty_environment import Environment, connection, upstream
from faulty_events import UNDISTURBED, Disturbance
from faulty_proxy import EVENTS, Fault, FaultyProxy, Kind

from ciprov.clients.marathon.client import HttpMarathon
from ciprov.clients.marathon.events import Pauses
from ciprov.domain.marathon import MarathonEvent

GARBAGE = b"event: deployment_success\ndata: {\n\n: a comment\n\xff\xfe\ndata\n\nid: 1\nretry: x\n\n"
DISTURBANCES = {
    "none at all": Disturbance(drop=1),
    "every second lost": Disturbance(drop=2),
    "each three times": Disturbance(repeat=1),
    "in reverse": Disturbance(reorder=5),
    "late": Disturbance(delay=0.3),
    "cut after each": Disturbance(cut_after=1),
    "cut within": Disturbance(cut_after=2, half=True),
    "garbage between": Disturbance(garbage=GARBAGE),
    "all at once": Disturbance(drop=3, repeat=2, reorder=3, delay=0.05, cut_after=4, half=True, garbage=GARBAGE),
}
REFUSED = Fault(Kind.ANSWER, path=EVENTS, seconds=1000, status=503)
LONGEST_DELAY = 6.0
"""Seconds. A poll is a second apart at the most; the rest is for a busy machine."""


@dataclass(frozen=True)
class Life:
    states: Sequence[dict[str, str]]
    writes: Sequence[str]
    seconds: float


@contextmanager
def cut_again_and_again(proxy: FaultyProxy, active: bool) -> Iterator[None]:
    ended = threading.Event()

    def cut() -> None:
        while not ended.wait(0.15):
            proxy.cut_streams()

    thread = threading.Thread(target=cut)
    if active:
        thread.start()
    yield
    ended.set()


def life(environment: Environment, proxy: FaultyProxy) -> Life:
    began, states = time.monotonic(), []
    for state in ("old", "new", ""):
        environment.up(state) if state else environment.down()
        states.append(environment.states())
    known = [(environment.name, "NAME"), (str(environment.port), "PORT")]
    writes = []
    for one in proxy.log.writes:
        text = f"{one.method} {one.path} {json.dumps(one.body, sort_keys=True)}"
        for told, general in known:
            text = text.replace(told, general)
        writes.append(text)
    return Life(states, writes, time.monotonic() - began)


def test_disturbed_events_change_neither_the_result_nor_the_writes(cluster: Any, tmp_path: Path) -> None:
    cases = {"undisturbed": UNDISTURBED, **DISTURBANCES, "refused": UNDISTURBED, "cut with all else": UNDISTURBED}

    def one(case: tuple[int, str]) -> Life:
        number, name = case
        with FaultyProxy(upstream(cluster)) as proxy, cut_again_and_again(proxy, name == "cut with all else"):
            proxy.events = cases[name]
            proxy.plan = [REFUSED] if name == "refused" else []
            return life(Environment(f"events-{number:02}", 31210 + number, [proxy], tmp_path), proxy)

    with ThreadPoolExecutor(6) as pool:
        lives = dict(zip(cases, pool.map(one, enumerate(cases)), strict=True))
    undisturbed = lives["undisturbed"]
    assert [len(state) for state in undisturbed.states] == [3, 3, 0]
    assert len(undisturbed.writes) == 5
    for name, found in lives.items():
        assert (found.states, found.writes) == (undisturbed.states, undisturbed.writes), name
        assert found.seconds < undisturbed.seconds + LONGEST_DELAY, name


def test_the_stream_comes_back_whatever_ended_it(cluster: Any) -> None:
    """By hints of what happens after the stream was opened anew; events are not replayed."""
    with FaultyProxy(upstream(cluster)) as proxy:
        heard = threading.Event()
        marathon = HttpMarathon(connection(proxy.url), pauses=Pauses(silence=1.0, first=0.01, longest=0.1))

        def wake(_: MarathonEvent) -> None:
            heard.set()

        def changes(number: int) -> bool:
            heard.clear()
            marathon.put_app("/ciprov/stream", {"cmd": f"exec sleep 1{number}", "instances": 0, "portDefinitions": []})
            return heard.wait(0.5)

        with marathon.events(["deployment_success"], wake):
            for number, ending in enumerate(
                [Disturbance(cut_after=1), Disturbance(cut_after=1, half=True), Disturbance(garbage=GARBAGE)]
            ):
                proxy.events = ending
                proxy.cut_streams()
                assert any(changes(10 * number + again) for again in range(10)), ending
            proxy.plan = [Fault(Kind.ANSWER, path=EVENTS, seconds=0.5, status=502)]
            proxy.cut_streams()
            assert any(changes(90 + again) for again in range(10)), "a balancer without a server"
        marathon.delete_app("/ciprov/stream")
