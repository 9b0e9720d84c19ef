"""Several frameworks on the same agents, what is left of them, and many tasks at once."""

from __future__ import annotations

from collections import Counter

import pytest
from plain_mesos import Json, Place
from plain_scheduler import Scheduler, Subscribe
from real_mesos import eventually
from task_infos import amounts, id_of, ports, scalar, task

AGENTS = 2


def whole(scheduler: Scheduler) -> None:
    """Waits until both agents are offered with all that they have; what comes in parts is given back."""
    wanted = {"cpus": 2.0, "mem": 512.0, "disk": 512.0}
    full: set[str] = set()
    while len(full) < AGENTS:
        offer = scheduler.offer(lambda offer: offer["agent_id"]["value"] not in full)
        found = amounts(offer)
        if {name: found.get(name) for name in wanted} == wanted and len(found["ports"]) == 100:
            full.add(offer["agent_id"]["value"])
        else:
            scheduler.decline([offer], 0)


def used(master: Place) -> list[Json]:
    return [agent["used_resources"] for agent in master.read("/slaves")["slaves"]]


def test_two_frameworks_fill_the_agents_and_no_more(subscribe: Subscribe, master: Place) -> None:
    """Each takes what it gets, half a cpu at a time, until there are no cpus to be had."""
    both = [subscribe(roles=["red"]), subscribe(roles=["blue"])]
    launched: Counter[str] = Counter()
    while sum(launched.values()) < 8:
        for framework in both:
            framework.pending()
            for offer in list(framework.offers.values()):
                fits = amounts(offer).get("cpus", 0.0) >= 0.5
                framework.accept([offer], [task(offer, "sleep 100", cpus=0.5, mem=16)] if fits else [])
                launched[framework.framework_id] += fits
    for framework in both:
        for _ in range(launched[framework.framework_id]):
            eventually_running(framework, launched[framework.framework_id])
    assert [one["cpus"] for one in used(master)] == [2.0] * AGENTS
    for framework in both:
        framework.pending()
        assert not any("cpus" in amounts(offer) for offer in framework.offers.values())


def eventually_running(framework: Scheduler, count: int) -> None:
    def running() -> int:
        framework.pending()
        return sum(status["state"] == "TASK_RUNNING" for status in framework.told)

    eventually(lambda: running() == count, 10, f"{count} tasks run")


def test_what_one_gives_back_another_gets(subscribe: Subscribe) -> None:
    first = subscribe(roles=["red"])
    launched = []
    for offer in first.offers_of_all(AGENTS):
        launched.append(task(offer, "sleep 100", resources=offer["resources"]))
        first.accept([offer], [launched[-1]])
        first.status(id_of(launched[-1]), "TASK_RUNNING")
    first.suppress()
    second = subscribe(roles=["blue"])
    second.subscribed()
    assert not second.offers
    first.kill(id_of(launched[0]))
    first.status(id_of(launched[0]), "TASK_KILLED")
    offer = second.offer()
    assert offer["agent_id"] == launched[0]["agent_id"]
    assert amounts(offer)["cpus"] == 2.0


@pytest.mark.parametrize("end", ["true", "exit 3", "sleep 100"])
def test_what_a_task_had_is_whole_again_after_it(scheduler: Scheduler, end: str) -> None:
    """With ports and disk, however it ended."""
    offer = scheduler.offer()
    first = min(amounts(offer)["ports"])
    wanted = [scalar("cpus", 0.7), scalar("mem", 100.5), scalar("disk", 10), ports(first, first + 1, first + 7)]
    launched = task(offer, end, resources=wanted)
    scheduler.accept([offer], [launched])
    scheduler.status(id_of(launched), "TASK_RUNNING")
    if end == "sleep 100":
        scheduler.kill(id_of(launched))
    scheduler.status(id_of(launched), "TASK_FINISHED", "TASK_FAILED", "TASK_KILLED")
    whole(scheduler)


def test_thirty_short_tasks(scheduler: Scheduler, master: Place) -> None:
    """Each tells its states once and in order, and nothing is left of them."""
    launched = []
    for offer in scheduler.offers_of_all(AGENTS):
        tasks = [task(offer, "true", cpus=0.1, mem=30) for _ in range(15)]
        scheduler.accept([offer], tasks)
        launched += tasks
    for one in launched:
        scheduler.status(id_of(one), "TASK_FINISHED", seconds=30)
    for one in launched:
        assert scheduler.states(id_of(one)) == ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]
    whole(scheduler)
    eventually(lambda: not master.framework(scheduler.framework_id)["tasks"], 5, "all is acknowledged")
    assert len(master.framework(scheduler.framework_id)["completed_tasks"]) == 30
