"""Decisions against a plain loop in the same run, so that a search that became quadratic is seen on any machine."""

import gc
import time
from datetime import timedelta

from framework_examples import NOW, offer, request

from ciprov.framework.deciding import decide
from ciprov.framework.requests import Algorithm
from ciprov.framework.state import State

AGENTS, REQUESTS, TIMES = 200, 2000, 2


def plain(requests, offers):
    """First fit by cpus and memory, oldest first: no ports, constraints, reasons or records."""
    free = [[part.amount for part in one.parts[:2]] for one in offers]
    there = {}
    for one in sorted(requests, key=lambda r: (r.asked_at, r.id)):
        cpus, mem, _, _ = one.wanted.amounts
        for index, agent in enumerate(free):
            if agent[0] >= cpus and agent[1] >= mem:
                agent[0] -= cpus
                agent[1] -= mem
                there[one.id] = index
                break
    return there


def seconds(call, *arguments):
    """The least of a few runs, without collecting what other tests left behind."""
    gc.disable()
    try:
        took = []
        for _ in range(TIMES):
            start = time.process_time()
            call(*arguments)
            took.append(time.process_time() - start)
        return min(took)
    finally:
        gc.enable()


def test_a_decision_takes_a_few_times_as_long_as_a_plain_loop_that_decides_much_less():
    offers = [offer(f"h{n:03}", 16, 65536) for n in range(AGENTS)]
    ratios = {}
    for algorithm in Algorithm:
        requests = [
            request(f"q{n}", 1 + n * 7 % 40 / 10, 500 + n * 11 % 400 * 20, label=f"l{n % 9}", algorithm=algorithm)
            for n in range(REQUESTS)
        ]
        took = seconds(decide, requests, offers, State(), NOW + timedelta(seconds=1))
        ratios[algorithm] = took / seconds(plain, requests, offers)
    assert max(ratios.values()) < 8, ratios
