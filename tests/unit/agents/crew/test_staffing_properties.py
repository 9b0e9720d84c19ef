"""Whatever comes, in whatever order: no more agents than there is use for, none made and sent away in turn."""

from collections import Counter

from hypothesis import example, given
from hypothesis import strategies as st
from staffing_world import UNLAUNCHED, World, rules, template

from ciprov.agents.record import AgentRecord, Phase
from ciprov.agents.template import Rules

EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("comes"), st.sampled_from(["a", "b", "both", "only.a.x", "only.b.y"]), st.integers(1, 4)),
        st.tuples(st.just("goes"), st.integers(0, 9)),
        st.tuples(st.just("moves"), st.integers(0, 9)),
        st.tuples(st.just("moves"), st.integers(0, 9)),
        st.tuples(st.just("all_move")),
        st.tuples(st.just("passes"), st.sampled_from([1, 20, 70])),
    ),
    max_size=25,
)
POOLS = st.integers(0, 2)


def two_templates(warm_a: int, warm_b: int, most: int, most_a: int) -> Rules:
    return rules(
        template("a", "a", "both", warm=warm_a, most=most_a), template("b", "b", "both", warm=warm_b), most=most
    )


RULES = st.builds(two_templates, POOLS, POOLS, st.sampled_from([0, 3, 6]), st.sampled_from([0, 2]))


@given(RULES, EVENTS)
@example(  # an agent for an item that went makes room for one of the pool, once it is gone
    two_templates(2, 0, 0, 2),
    [("goes", 0), *[("moves", 0), ("all_move",)] * 2, ("comes", "only.a.x", 1), ("goes", 0)],
)
def test_no_agent_is_made_without_use_and_none_in_turn(settings, events):
    world = World(settings)
    limited = {each.name for each in settings.templates if each.limits.most}
    for event, *arguments in events:
        getattr(world, event)(*arguments)
        demand = world.demand()
        before = dict(world.records)
        result = world.look()
        within_caps(world, before)
        # As many are on their way as there are items and room in the pools, and no more.
        pools = sum(each.limits.warm[0].count for each in settings.templates if each.limits.warm)
        assert len(world.unspent(UNLAUNCHED)) <= len(world.items) + pools
        assert len(result.create) <= len(demand.needs) + pools
        # What left is not wanted again, and what came does not leave again: the next look has nothing to do, save
        # that what found no room is served by the room that was made, or by another template.
        left = {before[name].template for name, _ in result.release}
        again = world.look()
        assert again.release == ()
        made = {record.template for record in again.create}
        assert not made or result.capped or (settings.service.most and left) or made <= left & limited
        assert len(again.create) <= len(result.release) + len(result.capped) + pools
        assert world.look().release == ()
        assert world.decide().create == ()
        assert world.decide().release == ()


def within_caps(world: World, before: dict[str, AgentRecord]) -> None:
    there = {**before, **world.records}
    if world.rules.service.most:
        assert len(there) <= max(world.rules.service.most, len(before))
    for each in world.rules.templates:
        if each.limits.most:
            of = [record for record in there.values() if record.template == each.name]
            assert len(of) <= max(each.limits.most, sum(1 for name in before if before[name].template == each.name))


@given(RULES, EVENTS)
@example(two_templates(2, 0, 0, 2), [("comes", "only.a.x", 1), ("all_move",), ("moves", 0), ("goes", 0)])
def test_everything_is_served_in_the_end_and_nothing_is_left(settings, events):
    world = World(settings)
    for event, *arguments in events:
        getattr(world, event)(*arguments)
        world.look()
    for _ in range(12 * (len(world.items) + 2)):
        if not world.items and all(record.phase is Phase.ONLINE for record in world.records.values()):
            break
        world.all_move()
        world.look()
    assert world.items == {}
    world.passes(3600)
    world.look()
    world.look()  # a full template makes those of its pool only now that others of it are gone
    world.all_are(Phase.ONLINE)
    left = Counter(record.template for record in world.records.values())
    pools = Counter({each.name: each.limits.warm[0].count for each in settings.templates if each.limits.warm})
    assert left <= pools
    assert left.total() == min(pools.total(), settings.service.most or pools.total())


@given(EVENTS)
def test_labels_do_not_disturb_each_other(events):
    apart = rules(template("a", "a", warm=1, most=3), template("b", "b", warm=1))
    both, alone = World(apart), World(apart)
    for event, *arguments in events:
        if event in {"goes", "moves", "all_move"} or (event == "comes" and arguments[0] == "both"):
            continue
        getattr(both, event)(*arguments)
        if event != "comes" or arguments[0] in {"a", "only.a.x"}:
            getattr(alone, event)(*arguments)
        both.look()
        alone.look()
        made = [[record for record in world.records.values() if record.template == "a"] for world in (both, alone)]
        assert [(record.labels, record.phase) for record in made[0]] == [
            (record.labels, record.phase) for record in made[1]
        ]


@given(st.integers(1, 40), st.integers(0, 40), st.lists(st.integers(0, 200), max_size=60))
def test_a_burst_leaves_no_surplus(burst, later, moves):
    world = World(rules(template("a")))
    world.comes("a", burst)
    world.look()
    world.comes("a", later)
    for which in moves:
        world.moves(which)
        world.look()
    while world.items:
        world.all_move()
        world.look()
    assert len(world.created) == burst + later
