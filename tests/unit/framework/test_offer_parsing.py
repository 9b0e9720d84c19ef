"""Offers as they come from a master."""

import copy
from datetime import UTC, datetime, timedelta

import pytest

from ciprov.framework.offer_parsing import OfferUnreadable, parse_offer

ALLOCATED = {"allocation_info": {"role": "ci"}}


def scalar(name, value, **more):
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, "role": "*", **ALLOCATED, **more}


OFFER = {
    "id": {"value": "o1"},
    "framework_id": {"value": "f"},
    "agent_id": {"value": "s1"},
    "hostname": "host1",
    "resources": [
        scalar("cpus", 2.5),
        scalar("mem", 2048.0),
        {
            "name": "ports",
            "type": "RANGES",
            "ranges": {"range": [{"begin": 31003, "end": 31005}, {"begin": 31000, "end": 31002}]},
            "role": "*",
            **ALLOCATED,
        },
        {"name": "licences", "type": "SET", "set": {"item": ["b", "a"]}, "role": "*", **ALLOCATED},
    ],
    "attributes": [
        {"name": "rack", "type": "TEXT", "text": {"value": "r1"}},
        {"name": "generation", "type": "SCALAR", "scalar": {"value": 7.0}},
        {"name": "tools", "type": "SET", "set": {"item": ["maven", "docker"]}},
        {"name": "vlans", "type": "RANGES", "ranges": {"range": [{"begin": 1, "end": 9}]}},
        {"name": "rack", "type": "TEXT", "text": {"value": "r2"}},
    ],
    **ALLOCATED,
}


def offer_with(*resources, **fields):
    return parse_offer({**copy.deepcopy(OFFER), "resources": list(resources), **fields})


def test_an_offer_is_read_with_all_kinds_of_resources_and_attributes():
    offer = parse_offer(OFFER)
    assert (offer.id, offer.agent_id, offer.hostname, offer.role) == ("o1", "s1", "host1", "ci")
    assert [(p.name, p.amount, p.ranges, p.items) for p in offer.parts] == [
        ("cpus", 2500, (), ()),
        ("mem", 2048000, (), ()),
        ("ports", 6, ((31000, 31005),), ()),
        ("licences", 2, (), ("b", "a")),
    ]
    assert offer.parts[0].origin == {"role": "*", **ALLOCATED}
    assert offer.attributes == {
        "rack": ("r1", "r2"),
        "generation": ("7",),
        "tools": ("docker", "maven"),
        "vlans": ("1-9",),
    }


def test_reservations_are_read_in_the_old_and_in_the_refined_form():
    refined = {"type": "STATIC", "role": "ci"}, {"type": "DYNAMIC", "role": "ci/maven", "principal": "ops"}
    old = scalar("cpus", 1, role="ci")
    dynamic = scalar("cpus", 1, role="ci", reservation={"principal": "ops"})
    new = {**scalar("cpus", 1), "reservations": list(refined)}
    del new["role"]
    offer = offer_with(old, dynamic, new)
    assert [part.reserved_for for part in offer.parts] == ["ci", "ci", "ci/maven"]
    assert offer.parts[1].origin["reservation"] == {"principal": "ops"}
    assert offer.parts[2].origin == {"reservations": list(refined), **ALLOCATED}


def test_what_no_task_of_ours_may_use_is_left_alone_and_said_so():
    labels = {"labels": {"labels": [{"key": "kafka", "value": "1"}]}}
    offer = offer_with(
        scalar("cpus", 1, revocable={}),
        scalar("disk", 1, disk={"persistence": {"id": "v"}}),
        scalar("disk", 1, disk={"source": {"type": "MOUNT"}}),
        scalar("mem", 1, role="ci", reservation=labels),
        scalar("mem", 1, reservations=[{"type": "DYNAMIC", "role": "ci", **labels}]),
        scalar("mem", 2),
    )
    assert [part.amount for part in offer.parts] == [2000]
    assert offer.left_alone == (
        "cpus: revocable",
        "disk: a persistent volume",
        "disk: a disk of its own",
        "mem: reserved with labels",
        "mem: reserved with labels",
    )


def test_a_maintenance_is_read_with_and_without_an_end():
    start = {"start": {"nanoseconds": 1795415657761547776}}
    unavailability = offer_with(unavailability=start).unavailability
    assert unavailability.start == datetime(2026, 11, 23, 6, 34, 17, 761548, UTC)
    assert unavailability.end is None
    bounded = offer_with(unavailability={**start, "duration": {"nanoseconds": 60 * 10**9}}).unavailability
    assert bounded.end == bounded.start + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({}, "an offer: cannot be read: the field 'id' is missing"),
        ({"id": {"value": "o1"}}, "offer o1: cannot be read: the field 'agent_id' is missing"),
        (
            {**OFFER, "resources": [{"name": "x", "type": "ODD"}]},
            "offer o1: cannot be read: x is of the unknown type ODD",
        ),
        ({**OFFER, "attributes": [{"name": "x", "type": "ODD"}]}, "the attribute x is of the unknown type ODD"),
        ({**OFFER, "resources": [scalar("cpus", "many")]}, "offer o1: cannot be read"),
        ({**OFFER, "resources": "none"}, "offer o1: cannot be read"),
        ({**OFFER, "agent_id": "s1"}, "offer o1: cannot be read"),
        ({**OFFER, "hostname": ["h"]}, "a text is expected instead of ['h']"),
        ({**OFFER, "agent_id": {"value": {}}}, "a text is expected instead of {}"),
    ],
)
def test_an_offer_that_cannot_be_read_is_named(broken, message):
    with pytest.raises(OfferUnreadable) as refused:
        parse_offer(broken)
    assert message in str(refused.value)
