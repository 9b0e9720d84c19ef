"""Agents held for what waited long, what is remembered of agents, and how long offers are declined."""

from datetime import timedelta

from framework_examples import NOW, offer, placed, request, where, why

from ciprov.framework.deciding import decide
from ciprov.framework.requests import constraint
from ciprov.framework.state import Hold, Memory, Policy, State

POLICY = Policy(hold_after=60, hold_for=100)


def seconds(number):
    return NOW + timedelta(seconds=number)


def full(memory, **more):
    """Two agents of 4 cpus; three small tasks on a, two on b."""
    tasks = [placed(f"a{n}", "a") for n in range(3)] + [placed(f"b{n}", "b") for n in range(2)]
    return State(tuple(tasks), memory, policy=POLICY, **more)


OFFERS = [offer("a", 1, mem=1000), offer("b", 2)]


def test_the_agent_of_which_the_least_is_missing_is_held_and_small_requests_go_elsewhere():
    waiting = [request("large", 4, age=60), *(request(f"s{n}") for n in range(3))]
    made = decide(waiting, OFFERS, full(Memory()), NOW)
    assert made.memory.holds == (Hold("agent-b", "large", NOW),)
    assert where(made) == {"s0": "a"}
    assert "agent agent-b is held for it" in why(made)["large"]
    assert "it is held for large" in why(made)["s1"]
    assert [str(decline) for decline in made.declines] == ["decline offer-b for 1 s: held for large"]
    later = decide(waiting[:1], [offer("b", 4)], State(memory=made.memory, policy=POLICY), seconds(5))
    assert (where(later), later.memory.holds) == ({"large": "b"}, ())


def test_what_is_free_on_a_held_agent_again_goes_to_others_once_its_request_is_placed():
    memory = decide([request("large", 4, age=60), request("s")], OFFERS, full(Memory()), NOW).memory
    made = decide([request("large", 4, age=70), request("s")], [offer("b", 5)], State(memory=memory), seconds(10))
    assert where(made) == {"large": "b", "s": "b"}


def test_nothing_is_held_before_the_time_or_for_what_fits_nowhere_or_for_what_is_smallest():
    for waiting in (
        [request("large", 4, age=59), request("s", 3)],
        [request("huge", 9, age=60), request("s", 3)],
        [request("q", 3, age=60), request("r", 3)],
        [request("tied", 4, age=60, constraints=(constraint("rack", "IS", "r1"),)), request("s", 3)],
        [request("once", 4, age=60, constraints=(constraint("hostname", "UNIQUE"),)), request("s", 3)],
        [request("port", 4, age=60, ports=(80,)), request("s", 3)],
        [request("ports", 4, age=60, ports=(0,) * 11), request("s", 3)],
    ):
        assert decide(waiting, OFFERS, full(Memory()), NOW).memory.holds == ()


def test_a_higher_priority_passes_a_hold():
    waiting = [request("large", 4, age=60), request("urgent", 2, priority=1)]
    memory = decide([*waiting[:1], request("s")], OFFERS, full(Memory()), NOW).memory
    assert memory.holds
    assert where(decide(waiting, [offer("b", 2)], full(memory), seconds(1))) == {"urgent": "b"}


def test_what_is_older_passes_a_hold_too():
    waiting = [request("large", 4, age=60), request("a twin", 2, age=60), request("older", 2, age=61)]
    memory = Memory(holds=(Hold("agent-b", "large", NOW),))
    assert where(decide(waiting, [offer("b", 3)], full(memory), NOW)) == {"older": "b"}
    assert where(decide(waiting[:2], [offer("b", 3)], full(memory), NOW)) == {}


def test_what_an_agent_is_held_for_gets_it_even_if_a_smaller_one_failed_before_it_in_this_turn():
    waiting = [request("large", 4, age=100), request("s", 3, age=50, label="npm")]
    memory = Memory(holds=(Hold("agent-b", "large", NOW),))
    assert where(decide(waiting, [offer("b", 4)], full(memory), NOW)) == {"large": "b"}


def test_what_is_older_passes_a_hold_also_where_a_younger_one_of_a_poorer_label_did_not():
    memory = Memory(holds=(Hold("agent-b", "large", NOW),))
    state = State(placed=(placed("x", "a", 4, label="rich"),), memory=memory, policy=POLICY)
    large, older = request("large", 6, age=60, label="large"), request("older", 2, age=200, label="rich")
    made = decide([large, older, request("younger", 2, label="poor")], [offer("b", 4)], state, NOW)
    assert where(made) == {"older": "b"}


def test_what_is_left_of_an_agent_that_is_held_no_more_is_offered_again_soon():
    memory = Memory(holds=(Hold("agent-b", "large", NOW),))
    state = State(placed=(placed("x", "a", 4, label="rich"),), memory=memory, policy=POLICY)
    waiting = [request("large", 2, age=60, label="rich"), request("s", 1, label="poor")]
    made = decide(waiting, [offer("b", 8)], state, NOW)
    assert (where(made), list(why(made))) == ({"large": "b"}, ["s"])
    assert made.launches[0].filter_s == POLICY.held_filter


def test_a_hold_ends_and_its_request_gets_no_other_one_for_as_long():
    waiting = [request("large", 4, age=60), request("s", 2)]
    memory = Memory(holds=(Hold("agent-b", "large", NOW),))
    lasting = decide(waiting, OFFERS, full(memory), seconds(99))
    assert (where(lasting), lasting.memory.holds) == ({}, memory.holds)
    over = decide(waiting, OFFERS, full(memory), seconds(100))
    assert where(over) == {"s": "b"}
    assert over.memory.holds == memory.holds
    again = decide(waiting, [offer("a", 1)], full(over.memory), seconds(200))
    assert again.memory.holds == (Hold("agent-b", "large", seconds(200)),) or again.memory.holds == (
        Hold("agent-a", "large", seconds(200)),
    )


def test_a_hold_ends_when_its_request_is_gone():
    memory = Memory(holds=(Hold("agent-b", "large", NOW),))
    made = decide([request("s", 2)], OFFERS, full(memory), seconds(1))
    assert (where(made), made.memory.holds) == ({"s": "b"}, ())


def test_of_agents_with_nothing_to_offer_the_one_seen_last_is_held_as_another_may_be_gone():
    memory = decide([], [offer("a")], State(), NOW).memory
    memory = decide([], [offer("b")], State(memory=memory), seconds(3600)).memory
    made = decide([request("q", 2), request("s")], [], State(memory=memory, policy=POLICY), seconds(3700))
    assert [hold.agent_id for hold in made.memory.holds] == ["agent-b"]


def test_no_more_than_a_share_of_the_agents_is_held():
    offers = [offer(f"h{n:02}", 1) for n in range(20)]
    tasks = tuple(placed(f"t{n}", f"h{n:02}", cpus=3) for n in range(20))
    waiting = [*(request(f"large{n}", 4, age=70 - n) for n in range(5)), request("s", 2)]
    made = decide(waiting, offers, State(tasks), NOW)
    assert [hold.request_id for hold in made.memory.holds] == ["large0", "large1"]


def test_an_agent_is_remembered_as_large_as_it_ever_was_until_it_is_forgotten():
    memory = decide([], [offer("a", 4, id="o1"), offer("a", 2, id="o2", role="ci")], State(), NOW).memory
    known = decide([], [offer("a", 1, ports=[(1, 2)])], State(memory=memory), seconds(1)).memory.agents["agent-a"]
    assert (known.capacity.cpus, known.roles, known.ports) == (6000, {"*", "ci"}, ((1, 2), (31000, 31009)))
    tomorrow = NOW + timedelta(hours=25)
    assert decide([], [], State(memory=memory), tomorrow).memory.agents == {}
    assert decide([], [], State((placed("x", "a"),), memory), tomorrow).memory.agents.keys() == {"agent-a"}


def test_leftovers_come_again_soon_only_if_something_might_use_them():
    made = decide([request("q")], [offer("a"), offer("b", role="ci")], State(), NOW)
    assert made.launches[0].filter_s == 300
    waiting = decide([request("q", age=1), request("r", 4)], [offer("a"), offer("b", role="ci")], State(), NOW)
    assert (waiting.launches[0].filter_s, [d.filter_s for d in waiting.declines]) == (30, [300])
    assert [d.reason for d in waiting.declines] == ["nothing is wanted that may use the role ci"]
