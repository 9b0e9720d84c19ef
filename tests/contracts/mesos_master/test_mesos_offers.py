"""What an offer says. Facts: "Offers: one role each"; recordings `events/OFFERS.json`, `basic_session.json`."""

from __future__ import annotations

import pytest
from plain_mesos import Json, Place
from plain_scheduler import Scheduler, Subscribe
from task_infos import amounts

AGENTS = 2


def known_agents(master: Place) -> dict[str, Json]:
    return {agent["id"]: agent for agent in master.read("/slaves")["slaves"]}


def test_every_agent_is_offered_whole_and_at_once(scheduler: Scheduler, master: Place) -> None:
    offers = scheduler.offers_of_all(AGENTS)
    assert {offer["agent_id"]["value"] for offer in offers} == set(known_agents(master))
    for offer in offers:
        found = amounts(offer)
        assert (found["cpus"], found["mem"], found["disk"], len(found["ports"])) == (2.0, 512.0, 512.0, 100)
    first, other = (amounts(offer)["ports"] for offer in offers)
    assert not first & other


def test_an_offer_names_its_framework_and_its_agent(scheduler: Scheduler, master: Place) -> None:
    for offer in scheduler.offers_of_all(AGENTS):
        agent = known_agents(master)[offer["agent_id"]["value"]]
        assert offer["framework_id"] == {"value": scheduler.framework_id}
        assert offer["hostname"] == agent["hostname"]
        address, path = offer["url"]["address"], offer["url"]["path"]
        assert offer["url"]["scheme"] == "http"
        assert agent["pid"] == f"{path.strip('/')}@{address['ip']}:{address['port']}"
        assert agent["port"] == address["port"]


@pytest.mark.parametrize("by", ["ip", "hostname"])
def test_the_url_of_an_offer_leads_to_that_agent(scheduler: Scheduler, master: Place, by: str) -> None:
    for offer in scheduler.offers_of_all(AGENTS):
        state = master.agent(offer, by).read(f"{offer['url']['path']}/state")
        assert state["id"] == offer["agent_id"]["value"]


def test_attributes_have_their_type(scheduler: Scheduler) -> None:
    attributes = [offer["attributes"] for offer in scheduler.offers_of_all(AGENTS)]
    racks = [{"name": "rack", "type": "TEXT", "text": {"value": f"r{number}"}} for number in (1, 2)]
    assert sorted(attributes, key=str) == [[rack] for rack in racks]


def test_resources_have_their_type_and_role(scheduler: Scheduler) -> None:
    """Those of nobody's reservation have role `*`; the role that they are offered to stands in `allocation_info`."""
    offer = scheduler.offer()
    assert offer["allocation_info"] == {"role": "ci"}
    kinds = {resource["name"]: resource["type"] for resource in offer["resources"]}
    assert kinds == {"cpus": "SCALAR", "mem": "SCALAR", "disk": "SCALAR", "ports": "RANGES"}
    for resource in offer["resources"]:
        assert resource["role"] == "*"
        assert resource["allocation_info"] == {"role": "ci"}


def test_several_roles_split_the_agents_between_them(subscribe: Subscribe) -> None:
    both = subscribe(roles=["red", "blue"])
    offers = both.offers_of_all(AGENTS)
    assert {offer["allocation_info"]["role"] for offer in offers} == {"red", "blue"}
    for offer in offers:
        assert {each["allocation_info"]["role"] for each in offer["resources"]} == {offer["allocation_info"]["role"]}


def test_a_role_may_be_suppressed_from_the_start(subscribe: Subscribe) -> None:
    """`suppressed_roles` in SUBSCRIBE; REVIVE brings it back."""
    both = subscribe(roles=["red", "blue"], subscribe={"suppressed_roles": ["red"]})
    offers = both.offers_of_all(AGENTS)
    assert {offer["allocation_info"]["role"] for offer in offers} == {"blue"}
    both.decline(offers, 600)
    both.revive("red")
    assert {offer["allocation_info"]["role"] for offer in both.offers_of_all(AGENTS)} == {"red"}


def test_a_framework_of_one_role_is_told_of_no_allocation(subscribe: Subscribe) -> None:
    """Without MULTI_ROLE it has `role`, `*` by default, and its offers are in the old form."""
    old = subscribe(capabilities=(), roles=[], role="old")
    offer = old.offer()
    assert "allocation_info" not in offer
    assert not any("allocation_info" in resource for resource in offer["resources"])


def test_while_a_framework_holds_an_offer_no_other_gets_it(subscribe: Subscribe) -> None:
    first = subscribe()
    held = first.offers_of_all(AGENTS)
    second = subscribe(roles=["other"])
    second.subscribed()
    first.decline(held[:1], 600)
    offer = second.offer()
    assert offer["agent_id"] == held[0]["agent_id"]
    assert offer["id"] != held[0]["id"]
    assert [event["type"] for event in second.pending()] == []


def test_an_offer_has_an_id_that_was_never_used(scheduler: Scheduler) -> None:
    seen = set()
    for _ in range(3):
        offers = scheduler.offers_of_all(AGENTS)
        assert not seen & {offer["id"]["value"] for offer in offers}
        seen |= {offer["id"]["value"] for offer in offers}
        scheduler.decline(offers, 0)
    assert len(seen) == 3 * AGENTS
