"""Whatever is asked for and offered: what must always hold of a decision."""

from collections import Counter, defaultdict
from datetime import timedelta

from framework_examples import NOW, offer, placed, request, where
from hypothesis import given
from hypothesis import strategies as st

from ciprov.framework.constraints import Crowd, looks_at_tasks, meets, values
from ciprov.framework.deciding import decide
from ciprov.framework.offers import Unavailability
from ciprov.framework.requests import Algorithm, Constraint, Operator
from ciprov.framework.state import Memory, Policy, State

HOSTS = ("a", "b", "c", "d")
RACK_OF = {"a": "r1", "b": "r1", "c": "r2", "d": None}

constraints = st.sampled_from(
    [
        Constraint("rack", Operator.EQUAL, "r1"),
        Constraint("rack", Operator.LIKE, "r[12]"),
        Constraint("rack", Operator.UNLIKE, "r1"),
        Constraint("rack", Operator.MAX_PER, "2"),
        Constraint("rack", Operator.GROUP_BY),
        Constraint("rack", Operator.GROUP_BY, "2"),
        Constraint("rack", Operator.CLUSTER),
        Constraint("hostname", Operator.UNIQUE),
        Constraint("hostname", Operator.UNLIKE, "a|c"),
    ]
)


@st.composite
def offers(draw):
    result = []
    for number in range(draw(st.integers(0, 7))):
        host = draw(st.sampled_from(HOSTS))
        begin = 31000 + 10 * number
        maintenance = draw(st.sampled_from([None, None, None, 50, 500]))
        result.append(
            offer(
                host,
                draw(st.sampled_from([0.5, 1, 2, 4])),
                draw(st.sampled_from([100, 512, 2048])),
                id=f"o{number}",
                role=draw(st.sampled_from(["*", "*", "ci"])),
                gpus=draw(st.sampled_from([0, 0, 0, 1])),
                ports=draw(st.sampled_from([[], [(begin, begin)], [(begin, begin + 1), (begin + 5, begin + 5)]])),
                attributes={"rack": (RACK_OF[host],)} if RACK_OF[host] else {},
                unavailability=Unavailability(NOW + timedelta(seconds=maintenance)) if maintenance else None,
            )
        )
    return result


@st.composite
def requests(draw):
    return [
        request(
            f"q{number}",
            draw(st.sampled_from([0.1, 0.5, 1, 2, 5])),
            draw(st.sampled_from([64, 300, 1024])),
            label=draw(st.sampled_from(["x", "y"])),
            age=draw(st.sampled_from([0, 1, 2, 100, 400, 2000])),
            priority=draw(st.integers(0, 1)),
            gpus=draw(st.sampled_from([0, 0, 0, 1])),
            ports=draw(st.sampled_from([(), (), (0,), (0, 0), (31000,), (0, 31015)])),
            roles=draw(st.sampled_from([("*",), ("ci",), ("ci", "*")])),
            constraints=tuple(draw(st.lists(constraints, max_size=2))),
            algorithm=draw(st.sampled_from(list(Algorithm))),
            preferred_hosts=draw(st.sampled_from([(), ("c", "a")])),
            expected_s=draw(st.sampled_from([None, 10.0, 100.0])),
        )
        for number in range(draw(st.integers(0, 12)))
    ]


@st.composite
def states(draw):
    tasks = []
    for number in range(draw(st.integers(0, 3))):
        host = draw(st.sampled_from(HOSTS))
        attributes = {"rack": (RACK_OF[host],)} if RACK_OF[host] else {}
        tasks.append(placed(f"p{number}", host, label=draw(st.sampled_from(["x", "y"])), attributes=attributes))
    return State(
        tuple(tasks),
        policy=Policy(gpu_agents_for_all=draw(st.booleans())),
    )


@given(requests(), offers(), states())
def test_every_offer_and_every_request_is_answered_once(wanted, offered, state):
    made = decide(wanted, offered, state, NOW)
    answered = [d.offer_id for d in made.declines] + [o for launch in made.launches for o in launch.offer_ids]
    assert sorted(answered) == sorted(o.id for o in offered)
    told = [h.request_id for h in made.held] + [p.request_id for launch in made.launches for p in launch.placements]
    assert sorted(told) == sorted(r.id for r in wanted)


@given(requests(), offers(), states())
def test_no_resource_is_given_twice_and_each_request_gets_what_it_wants(wanted, offered, state):
    by_id, offer_of = {r.id: r for r in wanted}, {o.id: o for o in offered}
    for launch in decide(wanted, offered, state, NOW).launches:
        left = Counter()
        free_ports = set()
        for part in (part for offer_id in launch.offer_ids for part in offer_of[offer_id].parts):
            left[part.name, str(part.origin)] += part.amount
            free_ports |= {port for begin, end in part.ranges for port in range(begin, end + 1)}
        assert {(offer_of[o].agent_id, offer_of[o].role) for o in launch.offer_ids} == {(launch.agent_id, launch.role)}
        for placement in launch.placements:
            got = Counter()
            for taken in placement.resources:
                left[taken.name, str(taken.origin)] -= taken.amount
                got[taken.name] += taken.amount
            one = by_id[placement.request_id].wanted
            assert got == Counter(
                {k: v for k, v in zip(("cpus", "mem", "disk", "gpus"), one.amounts, strict=True) if v}
                | ({"ports": len(one.ports)} if one.ports else {})
            )
            named = {p for t in placement.resources for begin, end in t.ranges for p in range(begin, end + 1)}
            assert named == set(placement.ports)
            assert all(want in {0, port} for want, port in zip(one.ports, placement.ports, strict=True))
            assert named <= free_ports
            free_ports -= named
        assert min(left.values()) >= 0


@given(requests(), offers(), states())
def test_no_constraint_role_maintenance_drain_or_gpu_rule_is_broken(wanted, offered, state):
    by_id = {r.id: r for r in wanted}
    made = decide(wanted, offered, state, NOW)
    there = defaultdict(list)
    for task in state.placed:
        there[task.label].append((task.hostname, task.attributes))
    for launch in made.launches:
        for placement in launch.placements:
            there[placement.label].append((launch.hostname, launch.attributes))
    for launch in made.launches:
        has_gpus = any(part.name == "gpus" for o in offered if o.agent_id == launch.agent_id for part in o.parts)
        for one in (by_id[placement.request_id] for placement in launch.placements):
            assert launch.role in one.roles
            assert one.wanted.gpus or not has_gpus or state.policy.gpu_agents_for_all
            seconds = state.policy.unknown_task if one.expected_s is None else one.expected_s
            of_agent = [o.unavailability for o in offered if o.agent_id == launch.agent_id and o.unavailability]
            assert not any(maintenance.start < NOW + timedelta(seconds=seconds) for maintenance in of_agent)
            for constraint in one.constraints:
                value = values(constraint.field, launch.hostname, launch.attributes)
                counts = Counter(values(constraint.field, *at) for at in there[one.label])
                assert meets(constraint, value)
                if not all(constraint in r.constraints for r in wanted if r.label == one.label):
                    continue  # Tasks of the label without this constraint may come after it.
                if constraint.operator is Operator.UNIQUE:
                    assert counts[value] == 1
                if constraint.operator is Operator.MAX_PER:
                    assert counts[value] <= 2
                if constraint.operator is Operator.CLUSTER:
                    assert len(counts) == 1


@given(requests(), offers(), states())
def test_the_same_input_gives_the_same_decision_in_whatever_order_it_comes(wanted, offered, state):
    assert decide(wanted, offered, state, NOW) == decide(wanted[::-1], offered[::-1], state, NOW)


@given(requests(), offers(), states())
def test_nothing_waits_for_which_there_still_is_room(wanted, offered, state):
    """So no short cut in the search passes over a place."""
    wanted = [r for r in wanted if not any(c.operator is Operator.GROUP_BY for c in r.constraints)]
    made = decide(wanted, offered, state, NOW)
    by_id = {r.id: r for r in wanted}
    crowd = Crowd(state.placed)
    for launch in made.launches:
        for placement in launch.placements:
            crowd.add(placement.label, launch.hostname, launch.attributes)
    held_agents = {hold.agent_id for hold in made.memory.holds}
    room = left_over(offered, made)
    for one in (by_id[held.request_id] for held in made.held):
        for (agent_id, role), (at, left, ports, starts) in room.items():
            if agent_id in held_agents or role not in one.roles:
                continue
            if made.memory.agents[agent_id].has_gpus and not one.wanted.gpus and not state.policy.gpu_agents_for_all:
                continue
            seconds = state.policy.unknown_task if one.expected_s is None else one.expected_s
            if any(start < NOW + timedelta(seconds=seconds) for start in starts):
                continue
            there = [(c, values(c.field, at.hostname, at.attributes)) for c in one.constraints]
            if not all(meets(c, v) for c, v in there):
                continue
            if not all(crowd.allows(c, one.label, v) for c, v in there if looks_at_tasks(c)):
                continue
            amounts = zip(("cpus", "mem", "disk", "gpus"), one.wanted.amounts, strict=True)
            fits = all(left[name] >= amount for name, amount in amounts)
            fits = fits and len(ports) >= len(one.wanted.ports) and set(one.wanted.ports) - {0} <= ports
            assert not fits, f"{one.id} would fit on {at.hostname}"


def left_over(offered, made):
    """By agent and role: an offer of it, what is left by name, which ports, and the starts of maintenances."""
    room = {}
    starts = defaultdict(list)
    for o in offered:
        at = room.setdefault((o.agent_id, o.role), (o, Counter(), set(), starts[o.agent_id]))
        for part in o.parts:
            at[1][part.name] += part.amount
            at[2].update(port for begin, end in part.ranges for port in range(begin, end + 1))
        if o.unavailability:
            at[3].append(o.unavailability.start)
    for launch in made.launches:
        for placement in launch.placements:
            _, left, ports, _ = room[launch.agent_id, launch.role]
            left.subtract({taken.name: 0 for taken in placement.resources})
            for taken in placement.resources:
                left[taken.name] -= taken.amount
            ports.difference_update(placement.ports)
    return room


@given(requests(), offers(), states())
def test_of_equal_requests_the_oldest_goes_first(wanted, offered, state):
    models = wanted[:3]
    old = [request(f"old-{r.id}", r.wanted.cpus, age=2500, label=r.label) for r in models]
    young = [request(f"young-{r.id}", r.wanted.cpus, age=1, label=r.label) for r in models]
    there = where(decide([*young, *wanted, *old], offered, state, NOW))
    assert all(f"young-{r.id}" not in there or f"old-{r.id}" in there for r in models)


@given(st.integers(1, 40), st.integers(1, 3), st.sampled_from(list(Algorithm)))
def test_a_large_old_request_is_not_passed_by_small_ones_for_ever(lasting, cpus, algorithm):
    """Two agents, always full of small tasks that last up to so many seconds, and new ones come all the time."""
    hold_after = 30
    policy = Policy(hold_after=hold_after)
    running = {f"first{n}": (placed(f"first{n}", "ab"[n % 2]), 1 + n * lasting // 8) for n in range(8)}
    memory, number = Memory(), 0
    for second in range(hold_after + lasting + 2):
        running = {name: (task, end) for name, (task, end) in running.items() if end > second}
        used = Counter()
        for task, _ in running.values():
            used[task.hostname] += task.amounts.cpus / 1000
        offered = [offer(host, 4 - used[host], 10**6) for host in "ab" if used[host] < 4]
        small = [request(f"small{number + n}", cpus, age=-second, algorithm=algorithm) for n in range(8)]
        waiting = [request("large", 4, algorithm=algorithm), *small]
        state = State(tuple(task for task, _ in running.values()), memory, policy=policy)
        made = decide(waiting, offered, state, NOW + timedelta(seconds=second))
        if "large" in where(made):
            return
        for n, (name, host) in enumerate(where(made).items()):
            running[name] = placed(name, host, cpus=cpus), second + 1 + (number + n) % lasting
        memory, number = made.memory, number + 8
    raise AssertionError("the large request got no place in time")
