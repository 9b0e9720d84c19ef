import random
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from statistics import median

import pytest
from demand_cases import NOW
from hypothesis import given
from hypothesis import strategies as st
from looking_simulation import Simulation

from ciprov.agents.queue.demand import Demand, Need, NoNeed, Spare
from ciprov.agents.queue.looking import IDLE_S, Facts, History, Look, answered, cadence, facts, unanswered
from ciprov.agents.record import AgentRecord, Phase


def arrivals(gap: float, until: float) -> list[float]:
    chance, at, result = random.Random(7), 5.0, []
    while (at := at + chance.expovariate(1 / gap)) < until:
        result.append(at)
    return result


@pytest.mark.parametrize("gap", [0.3, 1, 3, 8, 20, 60])
@pytest.mark.parametrize("build_s", [1, 30])
def test_builds_that_come_in_are_seen_within_half_a_second_at_the_median(gap, build_s):
    until = gap * 150
    delays = Simulation(arrivals(gap, until), build_s).run(until).delays
    assert median(delays) < 0.5
    assert max(delays) < 2.1


def test_where_builds_come_often_all_are_seen_soon():
    delays = sorted(Simulation(arrivals(1, 300), 30).run(300).delays)
    assert delays[int(len(delays) * 0.95)] < 0.45


def test_a_burst_is_seen_as_a_whole_and_looked_after_for_some_seconds():
    seen = Simulation([20.5] * 100, build_s=3000).run(120)
    assert len(seen.delays) == 100
    assert max(seen.delays) < 1.1
    assert seen.rate(22, 26, "queue") >= 2
    assert seen.rate(40, 120) <= 1


@pytest.mark.parametrize("request_s", [0.001, 0.05])
def test_one_request_a_second_where_there_is_nothing_to_do(request_s):
    quiet = Simulation(request_s=request_s).run(300)
    assert all(quiet.rate(begin, begin + 10) <= 1 for begin in range(1, 290))
    assert quiet.rate(1, 300, "queue") > 0.9
    assert 0 < quiet.rate(1, 300, "nodes") < 0.05


def test_one_request_a_second_while_all_agents_have_a_build():
    busy = Simulation([10], build_s=3000).run(300)
    assert all(busy.rate(begin, begin + 10) <= 1 for begin in range(25, 290))
    assert busy.rate(25, 300, "nodes") >= 0.19


def test_agents_that_may_get_a_build_are_looked_at_ten_times_a_second():
    warm = Simulation(warm=1).run(60)
    looks = [at for at, what in warm.requests if what == "nodes"]
    assert max(later - sooner for sooner, later in pairwise(looks)) < 0.13
    assert warm.rate(1, 60, "nodes") <= 10
    assert 0.9 <= warm.rate(1, 60, "queue") <= 1.1


def test_a_jenkins_that_does_not_answer_is_asked_less_and_less():
    down = Simulation(down=lambda at: 10 <= at < 200, request_s=0.01).run(260)
    failed = [at for at, what in down.requests if what == "failed"]
    gaps = [later - sooner for sooner, later in pairwise(failed)]
    assert 0.5 <= gaps[0] < 0.6
    assert gaps == pytest.approx(sorted(gaps))
    assert max(gaps) <= 15.1
    assert len(failed) < 25
    back = min(at for at, what in down.requests if what == "queue" and at > 200)
    assert back < 216
    assert down.rate(back + 1, 260) <= 1


def test_pauses_of_many_services_differ():
    history = History()
    for _ in range(6):
        history = unanswered(history, NOW, NOW)
    pauses = {(cadence(Facts(), history, NOW, jitter / 10).at - NOW).total_seconds() for jitter in range(11)}
    assert len(pauses) == 11
    assert max(pauses) == 15
    assert min(pauses) > 7


def test_a_jenkins_with_agents_of_ours_is_asked_every_second_until_it_is_back():
    history = History()
    for _ in range(9):
        history = unanswered(history, NOW, NOW)
    assert cadence(Facts(ours=True), history, NOW, 0.0).at == NOW + timedelta(seconds=1)


def test_a_slow_jenkins_is_left_in_peace_for_a_while():
    slow = Simulation(warm=1, request_s=2.0).run(300)
    assert slow.rate(0, 300) <= 0.4


@given(
    st.builds(Facts, st.booleans(), st.booleans(), st.booleans()),
    st.lists(st.tuples(st.floats(0, 3), st.booleans(), st.booleans()), min_size=1, max_size=30),
)
def test_it_never_goes_round_without_a_pause(found, looks):
    now, history = NOW, History()
    for took, waits, fails in looks:
        look = cadence(found, history, now, 0.5)
        assert look.nodes or look.queue
        assert look.at >= now
        began = look.at
        now = began + timedelta(seconds=took)
        if fails:
            history = unanswered(history, began, now)
            assert cadence(found, history, now, 0.5).at >= now + timedelta(seconds=0.5)
            continue
        items = (NoNeed(1, Spare.SERVED, ""),) if waits else ()
        history = answered(history, look, began, now, Demand(spared=items))
        again = cadence(found, history, now, 0.5)
        # At once only where the queue alone was asked, and then both are.
        follows = look.queue and not look.nodes and found.waiting
        assert (again.nodes and again.queue) if follows else again.at >= began + timedelta(seconds=0.09)
        assert again.at - now < timedelta(seconds=2)


def test_agents_are_only_made_from_looks_at_both():
    history = answered(History(), Look(True, True, NOW), NOW, NOW, Demand())
    look = cadence(Facts(), history, NOW, 0)
    assert (look.nodes, look.queue) == (False, True)
    found = Demand((Need(1, "a", frozenset("a")),))
    history = answered(history, look, look.at, look.at, found)
    assert cadence(facts(found, ()), history, look.at, 0) == Look(True, True, look.at)


def test_items_that_are_none_of_ours_change_nothing():
    first = answered(History(), Look(True, True, NOW), NOW, NOW, Demand())
    others = Demand(spared=(NoNeed(1, Spare.NO_TEMPLATE, ""), NoNeed(2, Spare.FLYWEIGHT, "")))
    assert answered(first, Look(False, True, NOW), NOW, NOW, others) == first
    assert facts(others, ()) == Facts()
    quiet = answered(first, Look(False, True, NOW), NOW, NOW, Demand(spared=(NoNeed(3, Spare.QUIET, ""),)))
    assert quiet.came_at == NOW


def test_what_waits_for_long_is_looked_at_every_second():
    found = Demand((Need(1, "a", frozenset("a")),))
    history = answered(History(), Look(True, True, NOW), NOW, NOW, found)
    soon = cadence(facts(found, ()), history, NOW, 0)
    assert soon == Look(True, True, NOW + timedelta(seconds=0.4))
    later = NOW + timedelta(seconds=60)
    history = answered(history, soon, later, later, found)
    assert cadence(facts(found, ()), history, later, 0) == Look(True, True, later + timedelta(seconds=1))


def came(gap: float) -> History:
    """An item was seen now, so many seconds after the one before, and is gone again."""
    both, history = Look(True, True, NOW), History()
    for number, moment in enumerate((NOW - timedelta(seconds=gap), NOW)):
        items = (NoNeed(number, Spare.SERVED, ""),)
        history = answered(history, both, moment, moment, Demand(spared=items))
    return history


def test_for_a_while_the_next_item_is_waited_for_closely():
    soon = NOW + timedelta(seconds=0.4)
    assert cadence(Facts(), came(0.1), NOW, 0) == Look(False, True, soon)
    assert cadence(Facts(ours=True), came(0.1), NOW, 0) == Look(True, True, soon)
    for gap, seconds in ((0.1, 10), (8, 16), (14, 28), (16, 10), (1000, 10)):
        history = came(gap)
        for passed, pause in ((seconds - 1, 0.4), (seconds + 1, IDLE_S)):
            now = NOW + timedelta(seconds=passed)
            history = answered(history, Look(False, True, now), now, now, Demand())
            assert cadence(Facts(), history, now, 0).at == now + timedelta(seconds=pause)


def test_nodes_and_queue_that_are_due_at_about_the_same_time_are_asked_together():
    history = answered(History(), Look(True, True, NOW), NOW, NOW, Demand())
    for passed, both in ((0.83, False), (0.86, True)):
        at = NOW + timedelta(seconds=passed)
        later = answered(history, Look(True, False, at), at, at, Demand())
        assert cadence(Facts(watched=True), later, at, 0) == Look(True, both, at + timedelta(seconds=0.1))


def test_facts_of_agents():
    one = AgentRecord("x", "a", ("a",), NOW, NOW)
    assert facts(Demand(), [one]) == Facts(ours=True)
    for phase in (Phase.CONNECTING, Phase.ONLINE, Phase.BUSY):
        assert facts(Demand(), [replace(one, phase=phase)]) == Facts(watched=True, ours=True)
    assert facts(Demand(), [replace(one, phase=Phase.REMOVED)]) == Facts()
