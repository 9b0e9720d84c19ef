"""Launches that cannot be: 202 all the same, and the update tells. Facts: "A bad launch still answers 202"."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from plain_mesos import Json
from plain_scheduler import Scheduler, Subscribe
from task_infos import amounts, id_of, new_id, port_range, ports, scalar, task

AGENTS = 2


def without(name: str, task_info: Json) -> Json:
    return {key: value for key, value in task_info.items() if key != name}


def with_variable(offer: Json, **variable: object) -> Json:
    return task(offer, {"value": "true", "environment": {"variables": [{"name": "A", **variable}]}})


TWO_PLACES = {
    "mode": "RW",
    "container_path": "x",
    "host_path": "/tmp",
    "source": {"type": "HOST_PATH", "host_path": {"path": "/tmp"}},
}
MORE_THAN_OFFERED = " required by task and its executor is more than available "
INVALID: dict[str, tuple[Callable[[Json], Json], str]] = {
    "too many cpus": (lambda offer: task(offer, "true", cpus=2.5), MORE_THAN_OFFERED),
    "too much memory": (lambda offer: task(offer, "true", mem=513), MORE_THAN_OFFERED),
    "a port not offered": (lambda offer: task(offer, "true", resources=[ports(80)]), MORE_THAN_OFFERED),
    "a resource that no agent has": (
        lambda offer: task(offer, "true", resources=[scalar("cpus", 0.1), scalar("beer", 1)]),
        MORE_THAN_OFFERED,
    ),
    "another role": (lambda offer: task({**offer, "allocation_info": {"role": "zz"}}, "true"), MORE_THAN_OFFERED),
    "no resources": (lambda offer: task(offer, "true", resources=[]), "Task uses no resources"),
    "less than nothing": (
        lambda offer: task(offer, "true", cpus=-1),
        "Resource 'cpus(allocated: ci):-1' is invalid: Invalid scalar resource: value <= 0",
    ),
    "next to nothing": (
        lambda offer: task(offer, "true", cpus=0.0004),
        "Resource 'cpus(allocated: ci):0' is invalid: Invalid scalar resource: value <= 0",
    ),
    "a resource without a name": (
        lambda offer: task(offer, "true", resources=[scalar("", 1)]),
        "is invalid: Empty resource name",
    ),
    "half a gpu": (
        lambda offer: task(offer, "true", resources=[scalar("gpus", 0.5)]),
        "The 'gpus' resource must be an unsigned integer",
    ),
    "a port twice": (
        lambda offer: task(offer, "true", resources=[ports(31110, 31111, 31110)]),
        "Resource 'ports(allocated: ci):[31110-31110, 31111-31111, 31110-31110]' is invalid: "
        "Invalid ranges resource: overlapping ranges",
    ),
    "ports from high to low": (
        lambda offer: task(offer, "true", resources=[port_range(31119, 31110)]),
        "Resource 'ports(allocated: ci):[31119-31110]' is invalid: Invalid ranges resource: begin > end",
    ),
    "a port that no network has": (
        lambda offer: task(offer, "true", resources=[ports(70000)]),
        "Total resources ports(allocated: ci):[70000-70000]" + MORE_THAN_OFFERED,
    ),
    "no command": (
        lambda offer: without("command", task(offer, "true")),
        "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present",
    ),
    "command and executor": (
        lambda offer: task(offer, "true", executor={"executor_id": {"value": "x"}, "command": {"value": "true"}}),
        "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present",
    ),
    "a slash in the id": (lambda offer: task(offer, "true", new_id("a/b")), "contains invalid characters"),
    "an empty id": (lambda offer: {**task(offer, "true"), "task_id": {"value": ""}}, "ID must not be empty"),
    "a variable without a value": (
        with_variable,
        "Task's `CommandInfo` is invalid: Environment variable 'A' of type 'VALUE' must have a value set",
    ),
    "a secret that is none": (
        lambda offer: with_variable(offer, type="SECRET"),
        "Task's `CommandInfo` is invalid: Environment variable 'A' of type 'SECRET' must have a secret set",
    ),
    "a secret without a value": (
        lambda offer: with_variable(offer, type="SECRET", secret={"type": "VALUE"}),
        "Task's `CommandInfo` is invalid: Environment variable 'A' specifies an invalid secret: "
        "Secret of type VALUE must have the 'value' field set",
    ),
    "a secret with a NUL": (
        lambda offer: with_variable(offer, type="SECRET", secret={"type": "VALUE", "value": {"data": "AAA="}}),
        "Task's `CommandInfo` is invalid: Environment variable 'A' specifies a secret containing null bytes, "
        "which is not allowed in the environment",
    ),
    "a secret and a value": (
        lambda offer: with_variable(
            offer, type="SECRET", value="x", secret={"type": "VALUE", "value": {"data": "eA=="}}
        ),
        "Task's `CommandInfo` is invalid: Environment variable 'A' of type 'SECRET' must not have a value set",
    ),
    "a volume from two places": (
        lambda offer: task(offer, "true", container={"type": "MESOS", "volumes": [TWO_PLACES]}),
        "Task's `ContainerInfo` is invalid: Invalid volume: Only one of them should be set: "
        "'host_path', 'image' and 'source'",
    ),
    "a negative grace period": (
        lambda offer: task(offer, "true", kill_policy={"grace_period": {"nanoseconds": -5}}),
        "Task's 'kill_policy.grace_period' must be non-negative",
    ),
}


@pytest.mark.parametrize("case", INVALID)
def test_an_invalid_task_is_an_error_of_the_master(scheduler: Scheduler, case: str) -> None:
    """Without a uuid: there is nothing to acknowledge."""
    build, message = INVALID[case]
    offer = scheduler.offer()
    bad = build(offer)
    scheduler.accept([offer], [bad])
    status = scheduler.status(id_of(bad))
    assert (status["state"], status["reason"]) == ("TASK_ERROR", "REASON_TASK_INVALID")
    assert status["source"] == "SOURCE_MASTER"
    assert status["agent_id"] == offer["agent_id"]
    assert message in status["message"]
    assert "uuid" not in status


def test_more_than_offered_is_told_in_full(scheduler: Scheduler) -> None:
    """Recording `UPDATE.TASK_ERROR.MASTER.REASON_TASK_INVALID.json`."""
    offer = scheduler.offer()
    bad = task(offer, "true", cpus=100)
    scheduler.accept([offer], [bad])
    first, last = min(amounts(offer)["ports"]), max(amounts(offer)["ports"])
    assert scheduler.status(id_of(bad))["message"] == (
        "Total resources cpus(allocated: ci):100; mem(allocated: ci):32 required by task and its executor is more than "
        f"available ports(allocated: ci):[{first}-{last}]; cpus(allocated: ci):2; mem(allocated: ci):512; "
        "disk(allocated: ci):512"
    )


def test_what_an_invalid_task_does_not_use_is_offered_again(scheduler: Scheduler) -> None:
    offer = scheduler.offer()
    scheduler.accept([offer], [task(offer, "true", cpus=100)])
    again = scheduler.next_of(offer)
    assert amounts(again) == amounts(offer)


def test_beside_an_invalid_task_the_others_run(scheduler: Scheduler) -> None:
    """What fits is decided one after the other, by what those before have left."""
    offer = scheduler.offer()
    first, large, last = task(offer, "sleep 100", cpus=1.5), task(offer, "true", cpus=1.0), task(offer, "sleep 100")
    scheduler.accept([offer], [first, large, last])
    assert scheduler.status(id_of(large))["state"] == "TASK_ERROR"
    scheduler.status(id_of(first), "TASK_RUNNING")
    scheduler.status(id_of(last), "TASK_RUNNING")


def test_an_id_that_is_in_use(scheduler: Scheduler) -> None:
    offer, other = scheduler.offers_of_all(AGENTS)
    launched = task(offer, "sleep 100")
    scheduler.accept([offer], [launched])
    scheduler.status(id_of(launched), "TASK_RUNNING")
    scheduler.accept([other], [task(other, "true", id_of(launched))])
    status = scheduler.status(id_of(launched))
    assert (status["state"], status["reason"]) == ("TASK_ERROR", "REASON_TASK_INVALID")
    assert status["message"] == f"Task has duplicate ID: {id_of(launched)}"
    assert status["agent_id"] == other["agent_id"]
    scheduler.reconcile((id_of(launched), ""))
    assert scheduler.status(id_of(launched))["state"] == "TASK_RUNNING", "the first one is not concerned"


def test_an_id_twice_in_one_launch(scheduler: Scheduler) -> None:
    offer = scheduler.offer()
    launched = task(offer, "sleep 100")
    scheduler.accept([offer], [launched, launched])
    assert scheduler.status(id_of(launched))["state"] == "TASK_ERROR"
    scheduler.status(id_of(launched), "TASK_RUNNING")


def test_a_task_for_another_agent_than_the_offers(scheduler: Scheduler) -> None:
    offer, other = scheduler.offers_of_all(AGENTS)
    bad = task(other, "true")
    scheduler.accept([offer], [bad])
    status = scheduler.status(id_of(bad))
    wrong, right = other["agent_id"]["value"], offer["agent_id"]["value"]
    assert status["state"] == "TASK_ERROR"
    assert status["message"] == f"Task uses invalid agent {wrong} while agent {right} is expected"


# On offers that are none


def dropped(scheduler: Scheduler, task_info: Json, message: str, state: str = "TASK_DROPPED") -> bool:
    status = scheduler.status(id_of(task_info))
    assert (status["state"], status["reason"]) == (state, "REASON_INVALID_OFFERS")
    assert status["source"] == "SOURCE_MASTER"
    assert status["message"] == f"Task launched with invalid offers: {message}"
    assert status["agent_id"] == task_info["agent_id"]
    assert "uuid" not in status
    return True


def test_an_offer_that_nobody_made(scheduler: Scheduler) -> None:
    offer = scheduler.offer()
    launched = task(offer, "true")
    scheduler.accept([{"id": {"value": "nope-O99"}}], [launched])
    assert dropped(scheduler, launched, "Offer nope-O99 is no longer valid")


def test_an_offer_used_twice(scheduler: Scheduler) -> None:
    offer = scheduler.offer()
    first, second = task(offer, "sleep 100"), task(offer, "sleep 100")
    scheduler.accept([offer], [first])
    scheduler.accept([offer], [second])
    assert dropped(scheduler, second, f"Offer {offer['id']['value']} is no longer valid")
    scheduler.status(id_of(first), "TASK_RUNNING")


def test_an_offer_named_twice(scheduler: Scheduler) -> None:
    offer = scheduler.offer()
    launched = task(offer, "true")
    scheduler.accept([offer, offer], [launched])
    assert dropped(scheduler, launched, f"Duplicate offer {offer['id']['value']} in offer list")


def test_offers_of_two_agents_joined(scheduler: Scheduler) -> None:
    one, other = scheduler.offers_of_all(AGENTS)
    launched = task(one, "true")
    scheduler.accept([one, other], [launched])
    status = scheduler.status(id_of(launched))
    assert (status["state"], status["reason"]) == ("TASK_DROPPED", "REASON_INVALID_OFFERS")
    assert "Aggregated offers must belong to one single agent. Offer " in status["message"]
    assert one["agent_id"]["value"] in status["message"]
    assert other["agent_id"]["value"] in status["message"]


def test_offers_that_were_accepted_in_vain_come_back(scheduler: Scheduler) -> None:
    offers = scheduler.offers_of_all(AGENTS)
    scheduler.accept(offers, [task(offers[0], "true")])
    again = scheduler.offers_of_all(AGENTS)
    assert sorted((amounts(offer)["cpus"], amounts(offer)["mem"]) for offer in again) == [(2.0, 512.0)] * AGENTS


def test_an_offer_of_another_framework(subscribe: Subscribe) -> None:
    """A real master takes it from its owner as well, without a word."""
    owner, thief = subscribe(), subscribe()
    offer = owner.offer()
    thief.subscribed()
    launched = task(offer, "true")
    thief.accept([offer], [launched])
    status = thief.status(id_of(launched))
    assert (status["state"], status["reason"]) == ("TASK_DROPPED", "REASON_INVALID_OFFERS")
    wanted = f"has invalid framework {owner.framework_id} while framework {thief.framework_id} is expected"
    assert status["message"] == f"Task launched with invalid offers: Offer {offer['id']['value']} {wanted}"


def test_who_knows_no_partitions_is_told_that_the_task_is_lost(subscribe: Subscribe) -> None:
    old = subscribe(capabilities=("MULTI_ROLE",))
    launched = task(old.offer(), "true")
    old.accept([{"id": {"value": "nope-O99"}}], [launched])
    assert dropped(old, launched, "Offer nope-O99 is no longer valid", "TASK_LOST")
