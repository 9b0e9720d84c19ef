from collections import Counter
from dataclasses import replace

import pytest
from demand_cases import NOW
from staffing_world import World, rules, template

from ciprov.agents.crew.attempts import Attempts, failed, succeeded
from ciprov.agents.crew.staffing import REQUESTED_FOR, Staffing, Standing, staff
from ciprov.agents.queue.demand import Demand, NoNeed, Spare
from ciprov.agents.record import AgentRecord, Cause, Phase
from ciprov.agents.template import Rules, Warm
from ciprov.agents.template_digest import digest


def causes(result: Staffing) -> Counter[Cause]:
    return Counter(cause for _, cause in result.release)


def failing(world: World, name: str, cause: Cause = Cause.TASK_FAILED, times: int = 1) -> Attempts:
    attempts = Attempts()
    for _ in range(times):
        record = AgentRecord(name + "-x", name, (), world.now, world.now, cause=cause, detail="no such image")
        attempts = failed(attempts, replace(record, times={"launched": world.now}), template(name).limits, world.now)
        world.passes(3)
    return attempts


def test_one_agent_for_each_item_with_what_the_item_asks_for():
    world = World(rules(template("maven", "linux", "maven")))
    world.comes("maven", 2)
    world.comes("only.maven.abc")
    made = world.look().create
    assert [record.item_id for record in made] == [1, 2, 3]
    assert [record.labels for record in made] == [("linux", "maven"), ("linux", "maven"), ("only.maven.abc",)]
    assert [record.unique_label for record in made] == ["", "", "only.maven.abc"]
    assert {record.template_digest for record in made} == {digest(world.rules.templates[0])}
    assert made[0].phase is Phase.WANTED
    assert made[0].times == {"wanted": made[0].wanted_at}
    assert [record.job for record in made] == ["1", "2", "3"]
    assert world.decide() == Staffing()


def test_a_cancelled_burst_leaves_before_it_is_launched():
    world = World(rules(template("a")))
    world.comes("a", 100)
    assert len(world.look().create) == 100
    for name in list(world.records)[:10]:
        world.put(world.records[name], Phase.LAUNCHED)
    world.items.clear()
    assert causes(world.look()) == {Cause.SURPLUS: 90}
    assert {record.phase for record in world.records.values()} == {Phase.LAUNCHED}
    world.all_are(Phase.ONLINE)
    assert world.decide() == Staffing()
    world.passes(59)
    assert world.decide() == Staffing()
    world.passes(1)
    assert causes(world.look()) == {Cause.IDLE: 10}


def test_a_warm_pool_is_filled_kept_and_no_larger():
    world = World(rules(template("a", warm=2)))
    assert len(world.look().create) == 2
    assert {record.item_id for record in world.records.values()} == {0}
    world.all_are(Phase.ONLINE)
    world.passes(3600)
    assert world.decide() == Staffing()
    world.comes("a")
    assert len(world.look().create) == 1
    world.goes(0)
    assert causes(world.look()) == {Cause.SURPLUS: 1}


def test_more_idle_ones_than_the_warm_pool_wants_go_after_their_time():
    world = World(rules(template("a", warm=1)))
    world.comes("a", 3)
    world.look()
    world.all_are(Phase.ONLINE)
    world.items.clear()
    world.passes(60)
    assert causes(world.look()) == {Cause.IDLE: 3}
    assert [record.item_id for record in world.records.values()] == [1]
    assert world.decide() == Staffing()


def test_a_warm_pool_has_its_hours():
    pool = template("a")
    pool = replace(pool, limits=replace(pool.limits, warm=(Warm(1, "Mon 07:00-19:00"),)))
    world = World(rules(pool), NOW)  # a Monday, 06:00
    assert world.look() == Staffing()
    world.passes(3600)
    assert len(world.look().create) == 1


def test_caps_of_a_template_and_in_all_are_told_with_their_figures():
    world = World(rules(template("a", most=2), template("b"), most=3))
    world.comes("a", 3)
    world.comes("b", 2)
    result = world.look()
    assert Counter(record.template for record in result.create) == {"a": 2, "b": 1}
    assert result.capped == {
        3: "template a has 2 agents and may have 2 at once",
        5: "there are 3 agents and there may be 3 in all",
    }
    assert world.decide().create == ()


def test_what_ended_counts_until_it_is_removed():
    world = World(rules(template("a", most=1)))
    world.comes("a", 2)
    (record,) = world.look().create
    world.put(record, Phase.ENDED)
    assert world.decide().create == ()
    del world.records[record.name]
    assert len(world.decide().create) == 1


def test_idle_agents_make_room_for_what_is_wanted():
    world = World(rules(template("a", warm=2), template("b"), most=2))
    world.look()
    world.all_are(Phase.ONLINE)
    world.comes("b")
    result = world.look()
    assert result.create == ()
    assert causes(result) == {Cause.SURPLUS: 1}
    assert [record.template for record in world.look().create] == ["b"]
    assert world.decide() == Staffing()


def test_as_many_idle_ones_make_room_as_need_it_those_that_came_last_first():
    world = World(rules(template("a", warm=3), template("b"), most=3))
    world.look()
    for name in sorted(world.records):
        world.passes(1)
        world.put(world.records[name], Phase.ONLINE)
    world.comes("b", 2)
    assert [name for name, _ in world.look().release] == ["a-0003", "a-0002"]
    assert len(world.look().create) == 2


def test_an_idle_agent_makes_room_for_one_of_its_own_template_that_is_for_one_item_alone():
    world = World(rules(template("a", warm=2, most=2)))
    world.look()
    world.all_are(Phase.ONLINE)
    world.comes("only.a.x")
    ending = next(iter(world.records.values()))
    world.put(ending, Phase.ENDED)
    assert world.decide().release == ()
    world.put(ending, Phase.ONLINE)
    assert causes(world.look()) == {Cause.SURPLUS: 1}
    assert [record.unique_label for record in world.look().create] == ["only.a.x"]


def test_no_idle_agent_goes_where_room_is_about_to_come():
    world = World(rules(template("a", warm=1), template("b"), most=2))
    world.comes("b")
    world.look()
    world.all_are(Phase.ONLINE)
    world.moves(1)
    gone = next(record for record in world.records.values() if record.phase is Phase.BUSY)
    world.put(gone, Phase.ENDED)
    world.comes("b")
    result = world.decide()
    assert result.release == ()
    assert set(result.capped) == {2}


def test_an_agent_asked_for_by_its_label_is_kept_for_whoever_asked():
    world = World(rules(template("a")))
    label = "only.a.xyz"
    record = AgentRecord("a-x", "a", (label,), NOW, NOW, unique_label=label, template_digest=digest(template("a")))
    world.records = {record.name: record}
    assert world.decide() == Staffing()
    world.now = NOW + REQUESTED_FOR
    assert causes(world.decide()) == {Cause.SURPLUS: 1}
    world.put(record, Phase.ONLINE)
    assert world.decide() == Staffing()
    world.passes(60)
    assert causes(world.decide()) == {Cause.IDLE: 1}


def test_an_agent_for_one_item_alone_is_no_warm_one():
    world = World(rules(template("a", warm=1)))
    label = "only.a.xyz"
    record = AgentRecord("a-x", "a", (label,), NOW, NOW, unique_label=label, template_digest=digest(template("a")))
    world.records = {record.name: record}
    assert [made.unique_label for made in world.look().create] == [""]
    world.now = NOW + REQUESTED_FOR
    assert world.decide().release == (("a-x", Cause.SURPLUS),)


def test_an_agent_stays_while_what_its_item_asks_for_is_hidden():
    world = World(rules(template("a")))
    record = AgentRecord("a-x", "a", ("a",), NOW, NOW, item_id=7, template_digest=digest(template("a")))
    standing = Standing({record.name: record}, world.rules)
    seen = Demand(spared=(NoNeed(7, Spare.LABEL_HIDDEN, "no node"),), unused=(record.name,))
    assert staff(seen, standing, NOW, str) == Staffing()
    assert causes(staff(replace(seen, spared=()), standing, NOW, str)) == {Cause.SURPLUS: 1}


@pytest.mark.parametrize("phase", [Phase.WANTED, Phase.NODE_CREATED, Phase.LAUNCHED, Phase.CONNECTING, Phase.ONLINE])
def test_agents_of_drained_changed_and_removed_templates_leave(phase):
    world = World(rules(template("drained"), template("changed"), template("removed"), template("other")))
    for each in world.rules.templates:
        world.comes(each.name)
    world.look()
    world.all_are(phase)
    world.rules = rules(template("drained"), template("changed", "changed", "new"), template("other"))
    world.drained = frozenset({"drained"})
    result = world.look()
    assert {name.partition("-")[0]: cause for name, cause in result.release} == {
        "drained": Cause.DRAINED,
        "changed": Cause.RETIRED,
        "removed": Cause.RETIRED,
    }
    after = world.look()
    assert [record.template for record in after.create] == ["changed"]
    assert after.capped == {1: "template drained is drained; `ciprov agents undrain drained` ends that"}


def test_agents_with_a_build_stay_whatever_happens_to_their_template():
    world = World(rules(template("a"), template("b")))
    world.comes("a")
    world.comes("b")
    world.look()
    world.all_are(Phase.BUSY)
    world.items.clear()
    world.rules, world.drained = rules(template("b")), frozenset({"b"})
    assert world.decide() == Staffing()


def test_other_limits_make_no_other_agents():
    world = World(rules(template("a", warm=1)))
    world.look()
    world.rules = rules(template("a", warm=1, most=5, idle_s=1))
    assert world.decide() == Staffing()


def test_a_drained_template_keeps_no_pool():
    world = World(rules(template("a", warm=2)), drained=frozenset({"a"}))
    assert world.look() == Staffing()


def test_a_paused_template_gets_no_agents_and_tells_why():
    world = World(rules(template("a", warm=1), template("b")))
    world.attempts = failing(world, "a")
    world.now = NOW
    world.comes("a")
    world.comes("b")
    result = world.look()
    assert [record.template for record in result.create] == ["b"]
    assert "no such image" in result.capped[1]
    assert "template a" in result.capped[1]


def test_after_a_failure_one_agent_is_tried_before_others():
    world = World(rules(template("a")))
    world.comes("a", 5)
    world.attempts = failing(world, "a")
    first = world.look()
    assert len(first.create) == 1
    assert set(first.capped) == {2, 3, 4, 5}
    assert first.capped[2] == "template a failed, and one agent of it is tried first"
    for phase in (Phase.NODE_CREATED, Phase.LAUNCHED, Phase.CONNECTING):
        world.all_are(phase)
        assert world.look().create == ()
    world.all_are(Phase.ONLINE)
    world.attempts = succeeded(world.attempts, "a")
    assert len(world.look().create) == 4


def test_agents_that_wait_when_their_template_fails_are_let_go_one_by_one():
    world = World(rules(template("a"), template("b")))
    world.comes("a", 4)
    world.comes("b", 2)
    world.look()
    world.attempts = failing(world, "a")
    late, world.now = world.now, NOW
    assert world.look().held == {f"a-{number:04d}" for number in range(1, 5)}
    world.now = late
    assert world.look().held == {"a-0002", "a-0003", "a-0004"}
    world.put(world.records["a-0001"], Phase.LAUNCHED)
    assert world.look().held == {"a-0002", "a-0003", "a-0004"} - {"a-0001"}
    world.put(world.records["a-0001"], Phase.ONLINE)
    assert world.look().held == {"a-0003", "a-0004"}
    world.attempts = succeeded(world.attempts, "a")
    assert world.look().held == frozenset()
    assert len(world.created) == 6


def test_what_waits_leaves_when_its_template_gets_no_more_attempts():
    world = World(rules(template("a"), template("b")))
    world.comes("a", 3)
    world.comes("b")
    world.look()
    world.put(world.records["a-0001"], Phase.LAUNCHED)
    world.attempts = failing(world, "a", times=3)
    result = world.look()
    assert result.release == (("a-0002", Cause.PAUSED), ("a-0003", Cause.PAUSED))
    assert world.look().create == ()
    world.passes(template("a").limits.pause_s)
    assert world.look().create == ()  # the launched one tells first
    del world.records["a-0001"]
    assert len(world.look().create) == 1


def test_an_item_of_a_template_that_is_gone_is_told_so():
    world = World(rules(template("a")))
    world.comes("a")
    demand = world.demand()
    result = staff(demand, Standing({}, Rules()), NOW, str)
    assert result.capped == {1: "template a is not in the settings any more"}


@pytest.mark.parametrize("hindrance", ["drained", "paused", "full"])
def test_another_template_that_fits_steps_in(hindrance):
    world = World(rules(template("a", "linux", most=1 if hindrance == "full" else 0), template("b", "linux")))
    world.comes("linux")
    if hindrance == "full":
        world.look()
        world.comes("linux")
    elif hindrance == "drained":
        world.drained = frozenset({"a"})
    else:
        world.attempts = failing(world, "a", times=3)
    result = world.look()
    assert [record.template for record in result.create] == ["b"]
    assert result.capped == {}
