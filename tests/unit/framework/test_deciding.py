"""Decisions: what goes where, what waits and why, and that every offer is answered."""

from collections import Counter
from datetime import timedelta

import pytest
from framework_examples import NOW, offer, placed, request, where, why

from ciprov.framework.deciding import decide
from ciprov.framework.decisions import Lack
from ciprov.framework.offers import Part, Unavailability
from ciprov.framework.requests import Algorithm, constraint
from ciprov.framework.state import Policy, State


def test_several_tasks_go_onto_one_offer_until_it_is_full():
    made = decide([request(f"q{n}", age=9 - n) for n in range(5)], [offer("a", cpus=3)], State(), NOW)
    assert where(made) == {"q0": "a", "q1": "a", "q2": "a"}
    assert [launch.offer_ids for launch in made.launches] == [("offer-a",)]
    assert made.declines == ()
    assert "it has 0 of 1 cpus" in why(made)["q3"]


def test_several_offers_of_one_agent_are_joined_for_one_large_task():
    made = decide([request("q", cpus=3)], [offer("a", 2, id="o1"), offer("a", 2, id="o2")], State(), NOW)
    (launch,) = made.launches
    assert launch.offer_ids == ("o1", "o2")
    assert [(taken.name, taken.amount) for taken in launch.placements[0].resources] == [
        ("cpus", 2000),
        ("cpus", 1000),
        ("mem", 256000),
    ]


def test_offers_to_different_roles_are_not_joined_as_mesos_refuses_that():
    both = [offer("a", 2, id="o1", role="ci"), offer("a", 2, id="o2", role="batch")]
    made = decide([request("q", cpus=3, roles=("ci", "batch"))], both, State(), NOW)
    assert made.launches == ()
    assert sorted(decline.offer_id for decline in made.declines) == ["o1", "o2"]


def test_what_is_reserved_is_used_first_and_named_in_the_launch():
    reserved = {"role": "ci", "allocation_info": {"role": "ci"}}
    shared = {"role": "*", "allocation_info": {"role": "ci"}}
    parts = (
        Part("cpus", 2000, origin=shared),
        Part("cpus", 500, reserved_for="ci", origin=reserved),
        Part("mem", 10**6, origin=shared),
    )
    made = decide([request("q", roles=("ci",))], [offer("a", role="ci", parts=parts)], State(), NOW)
    assert [taken.as_json() for taken in made.launches[0].placements[0].resources] == [
        {"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.5}, **reserved},
        {"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.5}, **shared},
        {"name": "mem", "type": "SCALAR", "scalar": {"value": 256.0}, **shared},
    ]


def test_ports_are_given_in_the_order_of_the_request_and_none_twice():
    offers = [offer("a", ports=[(31000, 31001), (31005, 31006)])]
    wanted = [request("q", ports=(0, 31005, 0), age=1), request("r", ports=(31005,)), request("s", ports=(0,))]
    made = decide(wanted, offers, State(), NOW)
    placements = {p.request_id: p for p in made.launches[0].placements}
    assert placements["q"].ports == (31000, 31005, 31001)
    assert placements["q"].resources[-1].as_json()["ranges"] == {
        "range": [{"begin": 31000, "end": 31001}, {"begin": 31005, "end": 31005}]
    }
    assert placements["s"].ports == (31006,)
    assert "port 31005 is not free" in why(made)["r"]


@pytest.mark.parametrize(
    ("algorithm", "hosts", "there"),
    [
        (Algorithm.FIRST_FIT, (), "a"),
        (Algorithm.BEST_FIT, (), "c"),
        (Algorithm.SPREAD, (), "b"),
        (Algorithm.STICKY, ("nowhere", "d"), "d"),
        (Algorithm.STICKY, ("nowhere",), "c"),
    ],
)
def test_the_algorithm_that_a_request_names_chooses_the_agent(algorithm, hosts, there):
    offers = [offer("a", 5), offer("b", 4), offer("c", 3), offer("d", 6), offer("e", 1)]
    running = (placed("x", "a"), placed("y", "d"))
    made = decide([request("q", 2, algorithm=algorithm, preferred_hosts=hosts)], offers, State(running), NOW)
    assert where(made) == {"q": there}


def test_spread_puts_tasks_of_a_label_evenly():
    made = decide(
        [request(f"q{n}", algorithm=Algorithm.SPREAD) for n in range(4)], [offer("a", 9), offer("b", 4)], State(), NOW
    )
    assert sorted(where(made).values()) == ["a", "a", "b", "b"]


@pytest.mark.parametrize(
    ("number", "there"), [(30, {"b": 13, "c": 14, "d": 3}), (160, {"a": 39, "b": 59, "c": 59, "d": 3})]
)
def test_spread_stays_even_over_many_tasks_and_what_was_there_before_counts(number, there):
    running = tuple(placed(f"x{n}", "a") for n in range(20))
    waiting = [request(f"q{n:03}", 0.01 + n % 3 / 100, 1, algorithm=Algorithm.SPREAD) for n in range(number)]
    offers = [offer("a", 10), offer("b", 20), offer("c", 30), offer("d", 0.05)]
    assert Counter(where(decide(waiting, offers, State(running), NOW)).values()) == there


def test_agents_with_gpus_are_kept_for_those_who_need_them_even_while_all_gpus_are_in_use():
    offers = [offer("a", gpus=1), offer("b")]
    made = decide([request("plain"), request("gpu", gpus=1, label="cuda")], offers, State(), NOW)
    assert where(made) == {"plain": "b", "gpu": "a"}
    later = decide([request("other")], [offer("a")], State(memory=made.memory), NOW)
    assert later.launches == ()
    assert later.held[0].funnel.refused == {Lack.GPUS_KEPT: 1}
    for_all = State(memory=made.memory, policy=Policy(gpu_agents_for_all=True))
    assert where(decide([request("other")], [offer("a")], for_all, NOW)) == {"other": "a"}


def test_an_agent_whose_maintenance_begins_before_the_task_ends_is_not_used():
    soon = Unavailability(NOW + timedelta(seconds=100), timedelta(seconds=600))
    offers = [offer("a", unavailability=soon)]
    wanted = [request("short", expected_s=99), request("long", expected_s=101), request("unknown")]
    made = decide(wanted, offers, State(), NOW)
    assert where(made) == {"short": "a"}
    assert "maintenance begins at 2026-03-01 12:01 UTC" in why(made)["long"]
    over = decide([request("long", expected_s=101)], offers, State(), NOW + timedelta(seconds=701))
    assert where(over) == {"long": "a"}


def test_a_held_request_tells_how_many_agents_failed_at_what_and_which_came_closest():
    offers = [
        offer("a", attributes={"rack": ("r1",)}),
        offer("b", cpus=1, attributes={"rack": ("r2",)}),
        offer("c", cpus=1.5, attributes={"rack": ("r2",)}),
        offer("d", cpus=8, role="batch"),
    ]
    made = decide([request("q", cpus=2, constraints=(constraint("rack", "is", "r2"),))], offers, State(), NOW)
    assert made.held[0].funnel.refused == {Lack.ROLE: 1, Lack.CONSTRAINT: 1, Lack.CPUS: 2}
    assert why(made)["q"].endswith(
        "4 agents refuse it (1 by role, 1 by constraint, 2 by cpus); c came closest: it has 1.5 of 2 cpus"
    )
    assert made.held[0].never


def test_what_is_just_enough_is_not_lacking():
    made = decide([request("q", 2, 4096, disk=1001)], [offer("a", 2, 4096), offer("b", 2, 100)], State(), NOW)
    assert made.held[0].funnel.refused == {Lack.MEM: 1, Lack.DISK: 1}
    assert made.held[0].funnel.closest == "a"


def test_what_no_agent_could_ever_take_is_told_apart_from_what_only_has_to_wait():
    full = State((placed("x", "a", cpus=3),))
    made = decide([request("fits", cpus=4, age=1), request("never", cpus=5)], [offer("a", cpus=1)], full, NOW)
    assert {held.request_id: held.never for held in made.held} == {"fits": False, "never": True}
    assert "no agent seen so far is large enough for 5 cpus, 256 mem" in why(made)["never"]


def test_ports_that_no_agent_has_are_told_apart_from_those_in_use():
    memory = decide([], [offer("a", ports=[(31000, 31009)])], State(), NOW).memory
    waiting = [
        request("in use", ports=(31000,), age=9),
        request("some", ports=(0, 0), age=8),
        request("nowhere", ports=(80,), age=7),
        request("too many", ports=(0,) * 11, age=6),
    ]
    made = decide(waiting, [offer("a", ports=[(31009, 31009)])], State(memory=memory), NOW)
    assert {held.request_id: held.never for held in made.held} == {
        "in use": False,
        "some": False,
        "nowhere": True,
        "too many": True,
    }


def test_without_offers_everything_waits_and_says_so():
    made = decide([request("q", age=1), request("r")], [], State(), NOW)
    assert why(made) == {"q": "no offers at hand", "r": "no offers at hand"}


def test_offers_are_declined_for_long_when_nothing_is_wanted():
    assert [(d.reason, d.filter_s) for d in decide([], [offer("a")], State(), NOW).declines] == [
        ("nothing is wanted", 300)
    ]


def test_a_request_that_has_a_task_is_not_placed_again():
    made = decide([request("q")], [offer("a")], State((placed("q", "b"),)), NOW)
    assert made.launches == ()
    assert why(made) == {"q": "it has a task already: task-q"}


def test_priority_goes_before_age_and_age_before_the_rest():
    wanted = [request("young", age=1), request("old", age=9), request("urgent", priority=1)]
    assert set(where(decide(wanted, [offer("a", cpus=2)], State(), NOW))) == {"urgent", "old"}


def test_waiting_raises_a_priority_so_that_nothing_starves():
    wanted = [request("urgent", priority=1), request("patient", age=3601)]
    assert set(where(decide(wanted, [offer("a", cpus=1)], State(), NOW))) == {"patient"}


def test_labels_share_by_what_they_have_until_one_is_overdue():
    running = tuple(placed(f"x{n}", "b") for n in range(2))
    wanted = [request("more", age=50), *(request(f"npm{n}", label="npm") for n in range(3))]
    assert set(where(decide(wanted, [offer("a", cpus=2)], State(running), NOW))) == {"npm0", "npm1"}
    weighted = State(running, policy=Policy(weights={"maven": 10}))
    assert "more" in where(decide(wanted, [offer("a", cpus=2)], weighted, NOW))
    overdue = [request("more", age=300), *wanted[1:]]
    assert "more" in where(decide(overdue, [offer("a", cpus=2)], State(running), NOW))


def test_the_order_of_requests_and_offers_changes_nothing():
    offers = [offer(host, cpus) for host, cpus in (("a", 2), ("b", 3), ("c", 1))]
    wanted = [request(f"q{n}", cpus=1 + n % 2, label=f"l{n % 3}", age=n) for n in range(6)]
    assert decide(wanted, offers, State(), NOW) == decide(wanted[::-1], offers[::-1], State(), NOW)


def test_a_kind_that_failed_leaves_other_kinds_alone():
    wanted = [
        request("large", cpus=9, age=9),
        request("larger", cpus=10, age=8),
        request("elsewhere", cpus=9, age=7, roles=("ci",)),
        request("small", cpus=1, age=6),
    ]
    made = decide(wanted, [offer("a"), offer("b", 9, role="ci")], State(), NOW)
    assert where(made) == {"elsewhere": "b", "small": "a"}
    assert {held.request_id: held.as_request for held in made.held} == {"large": "", "larger": "large"}


def test_tasks_share_what_is_reserved_and_then_take_from_the_rest():
    parts = (Part("cpus", 500, reserved_for="ci", origin={"role": "ci"}), Part("cpus", 500, origin={"role": "*"}))
    wanted = [request("q", 0.4, 0, age=1), request("r", 0.4, 0)]
    made = decide(wanted, [offer("a", parts=parts)], State(), NOW)
    first, second = made.launches[0].placements
    assert [(taken.origin["role"], taken.amount) for taken in first.resources] == [("ci", 400)]
    assert [(taken.origin["role"], taken.amount) for taken in second.resources] == [("ci", 100), ("*", 300)]


def test_a_request_that_failed_for_its_ports_does_not_stop_one_that_needs_fewer():
    wanted = [request("many", ports=(0,) * 11, age=9), request("taken", ports=(80,), age=8), request("q", ports=(0,))]
    assert where(decide(wanted, [offer("a")], State(), NOW)) == {"q": "a"}


def test_a_request_that_failed_for_other_tasks_of_its_label_does_not_stop_another_label():
    unique = (constraint("hostname", "UNIQUE"),)
    wanted = [request("q", constraints=unique, age=9), request("r", constraints=unique, label="npm")]
    assert where(decide(wanted, [offer("a")], State((placed("x", "a"),)), NOW)) == {"r": "a"}


def test_a_task_placed_elsewhere_may_open_a_group_again():
    racks = {"a": {"rack": ("r1",)}, "b": {"rack": ("r2",)}}
    running = tuple(placed(name, host, attributes=racks[host]) for name, host in (("x", "a"), ("y", "a"), ("z", "b")))
    evenly = {"constraints": (constraint("rack", "GROUP_BY"),)}
    wanted = [request("q", 2, age=9, **evenly), request("r", 1, age=8, **evenly), request("s", 2, age=7, **evenly)]
    offers = [offer("a", 4, attributes=racks["a"]), offer("b", 1, attributes=racks["b"])]
    assert where(decide(wanted, offers, State(running), NOW)) == {"r": "b", "s": "a"}
