"""ACCEPT with LAUNCH. Facts: "Several tasks may be launched from one offer, and several offers of one agent joined".

No id is used again soon after its task has ended: a real agent aborts on that (`Check failed: executor == nullptr`).
"""

from __future__ import annotations

from plain_mesos import Place
from plain_scheduler import Scheduler
from task_infos import amounts, id_of, ports, scalar, task

AGENTS = 2


def test_one_task_runs_where_its_offer_was(scheduler: Scheduler, master: Place) -> None:
    offer = scheduler.offer()
    launched = task(offer, "sleep 100")
    scheduler.accept([offer], [launched])
    status = scheduler.status(id_of(launched), "TASK_RUNNING")
    assert status["agent_id"] == offer["agent_id"]
    known = master.framework(scheduler.framework_id)["tasks"]
    assert [(one["id"], one["slave_id"]) for one in known] == [(id_of(launched), offer["agent_id"]["value"])]


def test_several_tasks_on_one_offer(scheduler: Scheduler) -> None:
    offer = scheduler.offer()
    launched = [task(offer, "sleep 100", cpus=0.2, mem=40) for _ in range(3)]
    scheduler.accept([offer], launched)
    for one in launched:
        scheduler.status(id_of(one), "TASK_RUNNING")
    rest = amounts(scheduler.next_of(offer))
    assert (rest["cpus"], rest["mem"]) == (1.4, 512.0 - 3 * 40)


def test_several_operations_in_one_accept(scheduler: Scheduler) -> None:
    offer = scheduler.offer()
    launched = [task(offer, "sleep 100") for _ in range(2)]
    operations = [{"type": "LAUNCH", "launch": {"task_infos": [one]}} for one in launched]
    assert scheduler.call("ACCEPT", accept={"offer_ids": [offer["id"]], "operations": operations}).status == 202
    for one in launched:
        scheduler.status(id_of(one), "TASK_RUNNING")


def test_several_offers_of_one_agent_joined(scheduler: Scheduler) -> None:
    """The task needs more than either of them has."""
    whole = scheduler.offer()
    first = task(whole, "sleep 100", cpus=0.5, mem=64)
    scheduler.accept([whole], [first])
    scheduler.status(id_of(first), "TASK_RUNNING")
    rest = scheduler.next_of(whole)
    scheduler.kill(id_of(first))
    returned = scheduler.next_of(rest)
    assert (amounts(rest)["cpus"], amounts(returned)["cpus"]) == (1.5, 0.5)
    second = task(rest, "sleep 100", cpus=2.0, mem=512)
    scheduler.accept([rest, returned], [second])
    scheduler.status(id_of(second), "TASK_RUNNING")


def test_a_part_of_an_offer_comes_back_at_the_next_round(scheduler: Scheduler) -> None:
    offer = scheduler.offer()
    port = min(amounts(offer)["ports"]) + 3
    wanted = [scalar("cpus", 0.5), scalar("mem", 100), scalar("disk", 12), ports(port)]
    launched = task(offer, "sleep 100", resources=wanted)
    scheduler.accept([offer], [launched])
    rest = amounts(scheduler.next_of(offer))
    assert (rest["cpus"], rest["mem"], rest["disk"]) == (1.5, 412.0, 500.0)
    assert rest["ports"] == amounts(offer)["ports"] - {port}


def test_everything_of_an_agent_may_be_used(scheduler: Scheduler) -> None:
    offer = scheduler.offer()
    launched = task(offer, "sleep 100", resources=offer["resources"])
    scheduler.accept([offer], [launched])
    scheduler.status(id_of(launched), "TASK_RUNNING")


def test_amounts_are_exact_to_a_thousandth(scheduler: Scheduler) -> None:
    """Ten times 0.1 is one cpu, not 0.9999999999999999 of one."""
    offer = scheduler.offer()
    launched = [task(offer, "sleep 100", cpus=0.1, mem=20) for _ in range(10)]
    launched.append(task(offer, "sleep 100", cpus=1.0, mem=20))
    scheduler.accept([offer], launched)
    for one in launched:
        scheduler.status(id_of(one), "TASK_RUNNING")


def test_resources_without_a_role_are_the_offers(scheduler: Scheduler) -> None:
    offer = scheduler.offer()
    plain = [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}}]
    launched = task(offer, "sleep 100", resources=plain)
    scheduler.accept([offer], [launched])
    scheduler.status(id_of(launched), "TASK_RUNNING")
    assert scheduler.master.framework(scheduler.framework_id)["tasks"][0]["role"] == "ci"


def test_tasks_on_both_agents_at_once(scheduler: Scheduler) -> None:
    offers = scheduler.offers_of_all(AGENTS)
    launched = [task(offer, "sleep 100") for offer in offers]
    for offer, one in zip(offers, launched, strict=True):
        scheduler.accept([offer], [one])
    agents = {scheduler.status(id_of(one), "TASK_RUNNING")["agent_id"]["value"] for one in launched}
    assert len(agents) == AGENTS
