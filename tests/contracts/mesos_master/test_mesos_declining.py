"""DECLINE with filters, REVIVE and SUPPRESS. Facts: "DECLINE filters", "REVIVE triggers offers at once"."""

from __future__ import annotations

import time

from plain_mesos import Place
from plain_scheduler import Scheduler
from task_infos import amounts, id_of, task

AGENTS = 2
LONG = 600.0


def test_refuse_seconds_are_honoured_for_each_agent(scheduler: Scheduler) -> None:
    short, longer = scheduler.offers_of_all(AGENTS)
    declined = time.monotonic()
    scheduler.decline([longer], 1.0)
    scheduler.decline([short], 0.3)
    scheduler.next_of(short)
    assert 0.3 <= time.monotonic() - declined < 0.9
    scheduler.next_of(longer)
    assert 1.0 <= time.monotonic() - declined < 2.5


def test_nothing_refused_is_offered_again_at_the_next_round(scheduler: Scheduler) -> None:
    offers = scheduler.offers_of_all(AGENTS)
    declined = time.monotonic()
    scheduler.decline(offers, 0)
    again = scheduler.offers_of_all(AGENTS)
    assert time.monotonic() - declined < 1.5
    assert {offer["agent_id"]["value"] for offer in again} == {offer["agent_id"]["value"] for offer in offers}


def test_revive_clears_the_filters_at_once(scheduler: Scheduler) -> None:
    scheduler.decline(scheduler.offers_of_all(AGENTS), LONG)
    scheduler.heard_all()
    assert scheduler.offers == {}
    revived = time.monotonic()
    scheduler.revive()
    scheduler.offers_of_all(AGENTS)
    assert time.monotonic() - revived < 0.5


def test_suppress_stops_offers_until_they_are_revived(scheduler: Scheduler, master: Place) -> None:
    offers = scheduler.offers_of_all(AGENTS)
    scheduler.suppress()
    scheduler.decline(offers, 0)
    told = time.monotonic()
    while time.monotonic() - told < 0.5:  # several rounds
        scheduler.heard_all()
    assert scheduler.offers == {}
    assert master.framework(scheduler.framework_id)["offered_resources"]["cpus"] == 0
    scheduler.revive()
    scheduler.offers_of_all(AGENTS)


def test_what_was_offered_before_a_suppress_stays_valid(scheduler: Scheduler) -> None:
    offer = scheduler.offer()
    scheduler.suppress()
    launched = task(offer, "true")
    scheduler.accept([offer], [launched])
    scheduler.status(id_of(launched), "TASK_FINISHED")
    assert not [event for event in scheduler.seen if event["type"] == "RESCIND"]


def test_a_declined_offer_that_was_not_ours_changes_nothing(scheduler: Scheduler) -> None:
    offer = scheduler.offer()
    scheduler.decline([{"id": {"value": "an-offer-of-nobody"}}])
    launched = task(offer, "true")
    scheduler.accept([offer], [launched])
    scheduler.status(id_of(launched), "TASK_FINISHED")


def test_a_declined_offer_is_no_longer_valid(scheduler: Scheduler) -> None:
    offer = scheduler.offer()
    scheduler.decline([offer], LONG)
    launched = task(offer, "true")
    scheduler.accept([offer], [launched])
    status = scheduler.status(id_of(launched))
    assert (status["state"], status["reason"]) == ("TASK_DROPPED", "REASON_INVALID_OFFERS")


def test_the_rest_of_an_accepted_offer_is_refused_for_as_long(scheduler: Scheduler) -> None:
    """An ACCEPT without operations is a DECLINE."""
    one, other = scheduler.offers_of_all(AGENTS)
    begun = time.monotonic()
    scheduler.accept([one], [], refuse_seconds=0.4)
    scheduler.decline([other], LONG)
    scheduler.next_of(one)
    assert 0.4 <= time.monotonic() - begun < 1.5


def test_more_than_was_refused_is_offered_in_spite_of_the_filter(scheduler: Scheduler) -> None:
    """A filter holds for what was refused: when the task ends there is more, and all of it comes at once."""
    offer, other = scheduler.offers_of_all(AGENTS)
    scheduler.decline([other], LONG)
    launched = task(offer, "sleep 100", cpus=0.5, mem=64)
    scheduler.accept([offer], [launched], refuse_seconds=LONG)
    scheduler.status(id_of(launched), "TASK_RUNNING")
    scheduler.heard_all()
    assert scheduler.offers == {}
    scheduler.kill(id_of(launched))
    assert amounts(scheduler.next_of(offer))["cpus"] == 2.0
