"""Operations cut short at any call: kills, outages, foreign locks, lost leases. What does the next one make of it?"""

from __future__ import annotations

import copy
import functools
from dataclasses import replace
from typing import Any

import pytest
from marathon_model import GROUP, Killed, World, app, desired
from operating import CHAIN, KEEP, down, resume, up

from ciprov.domain.environment import LockHeld, Phase
from ciprov.domain.marathon import DeploymentRef, MarathonConflict, MarathonUnavailable
from ciprov.environments.desired import Desired
from ciprov.environments.results import (
    Interrupted,
    UpFailed,
)


def test_a_lost_answer_is_read_before_it_is_repeated():
    world = World()
    world.lose_answers = {"put_group"}
    up(world, desired(*CHAIN))
    assert world.writes == [f"put_group {GROUP}"]


def test_an_outage_only_costs_time():
    world = World()
    world.outage = (0.1, 20.0)
    up(world, desired(app("db", env={"START": "1"})))
    assert 20 < world.now < 30


@pytest.mark.parametrize("moment", [0.05, 0.5])
def test_an_outage_that_lasts_ends_with_what_was_under_way_and_the_next_up_takes_it_up(moment):
    world, told = World(), []
    world.patience = 5.0
    original = world.put_group

    def away() -> None:
        world.outage = (world.now, world.now + 1000)

    if moment < 0.1:
        world.put_group = lambda *given, **more: (away(), original(*given, **more))[1]  # type: ignore[method-assign]
    else:
        world.at.append((moment, away))
    with pytest.raises(UpFailed, match="Marathon went away: no answer") as failed:
        up(world, desired(*CHAIN, timeout=600), told=told)
    assert world.now < 10
    text = str(failed.value)
    assert ("to put group" if moment < 0.1 else "last seen: api starting, web blocked") in text
    assert "ciprov env resume x" in text
    assert text.count("went away") == 1
    assert "went away" in world.records["x"].failure
    assert "went away" in world.entries[-1].outcome
    world.outage = None
    world.put_group = original  # type: ignore[method-assign]
    up(world, desired(*CHAIN))
    assert world.records["x"].failure == ""


def test_an_outage_in_the_middle_of_down_says_how_to_go_on():
    world = World()
    up(world, desired(*CHAIN))

    def away() -> None:
        world.outage = (world.now, world.now + 1000)

    world.at.append((world.now + 0.3, away))
    started = world.now
    with pytest.raises(MarathonUnavailable, match="removed only in part") as gone:
        down(world)
    assert 60 < world.now - started < 70
    assert "ciprov env down x" in str(gone.value)
    assert world.records["x"].phase is Phase.REMOVING
    world.outage = None
    down(world)
    assert world.records == {}


def test_foreign_deployments_are_waited_for_and_then_named():
    world = World()
    up(world, desired(*CHAIN))
    world.live["/foreign/a"] = world.live[f"{GROUP}/api"].__class__(
        {"id": "/foreign/a", "env": {"SICK": ""}, "healthChecks": [{}]}, "", ""
    )
    foreign = world.put_group(
        "/foreign",
        {"id": "/foreign", "apps": [{"id": "/foreign/a", "cmd": "x", "env": {"SICK": "1"}, "healthChecks": [{}]}]},
    )
    world.running[-1].steps[-1].append(("ScaleApplication", f"{GROUP}/api"))
    with pytest.raises(UpFailed) as failed:
        up(world, desired(CHAIN[0], app("api", cmd="other"), CHAIN[2]), KEEP)
    assert foreign.id in str(failed.value)
    assert "/foreign/a" in str(failed.value)
    assert any(one.id == foreign.id for one in world.running), "it was not forced"


def test_a_lock_whose_holder_has_ended_is_not_forced():
    class Late(World):
        refused = 0

        def put_group(self, path: str, body: dict[str, Any], *, force: bool = False) -> DeploymentRef:
            self.refused += 1
            if self.refused <= 3:
                raise MarathonConflict("App is locked", deployment_ids=["ended by now"])
            return super().put_group(path, body, force=force)

    world = Late()
    up(world, desired(*CHAIN))
    assert world.writes == [f"put_group {GROUP}"]
    world.refused = -1_000_000
    with pytest.raises(UpFailed, match="App is locked"):
        up(world, desired(app("db", cmd="other"), timeout=5), KEEP)


def test_a_lost_lease_stops_the_writing():
    world = World()
    up(world, desired(*CHAIN))
    world.writes.clear()
    world.lease_lost_at = world.now + 0.05
    with pytest.raises(LockHeld):
        up(world, desired(app("db", fixed=31500, cmd="other"), *CHAIN[1:]))
    assert world.writes == [f"put_app {GROUP}/db {{'instances': 0}}"]


def test_interrupting_leaves_everything_and_says_how_to_go_on():
    world = World()

    def interrupt() -> None:
        raise KeyboardInterrupt

    world.at.append((0.5, interrupt))
    with pytest.raises(Interrupted) as interrupted:
        up(world, desired(*CHAIN))
    assert interrupted.value.exit_code == 130
    assert "ciprov env resume x" in str(interrupted.value)
    assert world.running
    assert world.entries[-1].outcome == "interrupted"
    world.writes.clear()
    up(world, desired(*CHAIN))
    assert world.writes == []


def test_interrupting_a_rollback_says_what_it_leaves():
    world = World()
    up(world, desired(*CHAIN))
    rolling: list[Any] = []

    def interrupt() -> None:
        if any("rolling back" in str(one) for one in rolling):
            raise KeyboardInterrupt
        world.at.append((world.now + 0.1, interrupt))

    world.at.append((world.now, interrupt))
    with pytest.raises(Interrupted, match="while rolling back") as interrupted:
        up(world, desired(app("db", fixed=31500, env={"FAIL": "1"}), *CHAIN[1:]), told=rolling)
    assert "status 3" in str(interrupted.value)
    assert interrupted.value.exit_code == 130
    world.at.clear()
    assert world.service().interrupted() == ("x",)
    assert resume(world, None).outcome == "rolled back: what was there before runs again"
    assert {one: a.body for one, a in world.live.items()} == dict(desired(*CHAIN).apps)
    record = world.records["x"]
    assert (record.phase, record.operation) == (Phase.READY, None)
    assert "status 3" in record.failure
    assert world.service().interrupted() == ()


def test_up_after_an_interrupted_down_brings_the_counts_back():
    world = World(agents=3)
    up(world, desired(*CHAIN))
    world.put_app(f"{GROUP}/api", {"instances": 3})
    world.advance(5)
    world.kill_at = world.calls + 12
    with pytest.raises(Killed):
        down(world)
    assert not all(one.instances for one in world.live.values())
    up(world, desired(*CHAIN))
    assert {one: a.instances for one, a in world.live.items()} == {
        f"{GROUP}/db": 1,
        f"{GROUP}/api": 3,
        f"{GROUP}/web": 1,
    }


def killed(world: World, shall: Desired, last_write: str) -> None:
    """`up`, killed by -9 right after the write that starts with `last_write`."""

    def watch() -> None:
        if any(one.startswith(last_write) for one in world.writes):
            raise Killed
        world.at.append((world.now + 0.01, watch))

    world.writes.clear()
    world.at.append((world.now, watch))
    with pytest.raises(Killed):
        up(world, shall)
    world.at.clear()


def test_a_first_up_that_was_killed_still_rolls_back_to_nothing():
    world = World()
    killed(world, desired(*CHAIN), "put_group")
    with pytest.raises(UpFailed, match="nothing is left of it"):
        up(world, desired(CHAIN[0], app("api", env={"FAIL": "1"})))
    assert world.live == {}


def test_what_a_killed_up_had_stopped_runs_again_after_a_rollback():
    world = World(agents=2)
    up(world, desired(app("db", fixed=31500, instances=2), app("api")))
    killed(world, desired(app("db", fixed=31500, instances=2, cmd="other"), app("api")), "put_app")
    assert world.live[f"{GROUP}/db"].instances == 0
    world.writes.clear()
    with pytest.raises(UpFailed) as failed:
        up(world, desired(app("db", fixed=31500, instances=2, cmd="third"), app("api", env={"FAIL": "1"})))
    assert failed.value.rolled_back
    assert world.writes[0].startswith("put_group"), "what is at zero is not scaled to zero again"
    assert len(world.running_tasks(f"{GROUP}/db")) == 2
    assert world.live[f"{GROUP}/db"].body["cmd"] == "run"


CHANGED = (
    app("db", fixed=31500, cmd="other"),
    app("api", dependencies=["db"], cmd="other"),
    app("late", dependencies=["api"]),
)


@functools.cache
def _ready() -> World:
    world = World()
    up(world, desired(*CHAIN))
    return world


def ready_world() -> World:
    """One in which `CHAIN` runs."""
    return copy.deepcopy(_ready())


def state(world: World) -> dict[str, Any]:
    return {one: (a.body, len(world.running_tasks(one))) for one, a in sorted(world.live.items())}


def test_killed_at_any_call_and_run_again_converges():
    """kill -9 at every call to the outside in turn; the next `up` reaches the same state."""
    world = World()
    up(world, desired(*CHAIN))
    world.put_app(f"{GROUP}/db", {"instances": 1})
    calls = world.calls
    up(world, desired(*CHANGED))
    needed, goal = world.calls - calls, state(world)
    assert needed > 20
    for at in range(1, needed + 1):
        world = ready_world()
        world.kill_at = world.calls + at
        with pytest.raises(Killed):
            up(world, desired(*CHANGED))
        world.advance(at % 3)
        up(world, desired(*CHANGED))
        assert state(world) == goal, at
        assert world.running == [], at
        assert world.records["x"].phase is Phase.READY


def test_killed_at_any_call_and_then_asked_for_something_else_converges():
    for at in range(1, 60, 2):
        world = ready_world()
        world.kill_at = world.calls + at
        with pytest.raises(Killed):
            up(world, desired(*CHANGED))
        shall = desired(app("db", fixed=31500, cmd="third"), *CHANGED[1:])
        up(world, shall)
        assert {one: a.body for one, a in world.live.items()} == dict(shall.apps), at
        assert all(len(world.running_tasks(one)) == 1 for one in world.live), at
        assert world.running == [], at


def test_killed_at_any_call_and_resumed_converges():
    """The operation is in the record from the first write on; where nothing was written, nothing is resumed."""
    goal = dict(desired(*CHANGED).apps)
    for at in range(2, 60, 3):
        world = ready_world()
        world.kill_at = world.calls + at
        with pytest.raises(Killed):
            up(world, desired(*CHANGED))
        begun = world.records["x"].operation is not None
        writes = len(world.writes)
        assert begun or len(ready_world().writes) == writes, at
        resumed = resume(world, desired(*CHANGED))
        assert resumed.operation == ("up" if begun else ""), at
        assert {one: a.body for one, a in world.live.items()} == (goal if begun else dict(desired(*CHAIN).apps)), at
        assert world.records["x"].operation is None
        assert world.running == [], at


def test_killed_at_any_call_and_then_an_up_that_fails_goes_back_to_what_was_there_before_the_killed_one():
    before = dict(desired(*CHAIN).apps)
    for at in range(1, 60, 5):
        world = ready_world()
        record = world.records["x"]
        world.kill_at = world.calls + at
        with pytest.raises(Killed):
            up(world, desired(*CHANGED))
        with pytest.raises(UpFailed, match="what was there before runs again"):
            up(world, desired(CHANGED[0], app("api", env={"FAIL": "1"}), app("other")))
        assert {one: a.body for one, a in world.live.items()} == before, at
        assert all(len(world.running_tasks(one)) == 1 for one in world.live), at
        left = world.records["x"]
        kept = {"revision": left.revision, "updated_at": left.updated_at, "expires_at": left.expires_at}
        assert left == replace(record, failure=left.failure, **kept), at


def test_killed_at_any_call_of_the_way_back_and_resumed_goes_back():
    failing = desired(CHANGED[0], app("api", env={"FAIL": "1"}), app("other"))
    world = ready_world()
    calls = world.calls
    with pytest.raises(UpFailed):
        up(world, failing)
    last = world.calls - calls
    seen = 0
    for at in range(1, last, 4):
        world = ready_world()
        world.kill_at = world.calls + at
        with pytest.raises(Killed):
            up(world, failing)
        operation = world.records["x"].operation
        if operation is None or not operation.going_back:
            continue
        seen += 1
        assert resume(world, None).outcome.startswith("rolled back"), at
        assert {one: a.body for one, a in world.live.items()} == dict(desired(*CHAIN).apps), at
    assert seen > 3


def test_an_up_that_fails_after_a_down_was_cut_short_goes_back_to_all_there_was():
    for at in (14, 22, 30, 38):
        world = ready_world()
        world.kill_at = world.calls + at
        with pytest.raises(Killed):
            down(world)
        assert world.records["x"].phase is Phase.REMOVING, at
        with pytest.raises(UpFailed, match="what was there before runs again"):
            up(world, desired(CHANGED[0], app("api", env={"FAIL": "1"})))
        assert {one: a.body for one, a in world.live.items()} == dict(desired(*CHAIN).apps), at
        assert (world.records["x"].phase, world.records["x"].operation) == (Phase.READY, None), at


def test_a_way_back_that_marathon_has_forgotten_is_told():
    world = ready_world()
    world.kill_at = world.calls + 30
    with pytest.raises(Killed):
        up(world, desired(*CHANGED))
    world.past = {version: ({}, {}) for version in world.past}
    with pytest.raises(UpFailed, match="Marathon has forgotten how /ciprov/x was") as failed:
        up(world, desired(CHANGED[0], app("api", env={"FAIL": "1"})))
    assert not failed.value.rolled_back
    assert world.records["x"].phase is Phase.FAILED


def test_a_pin_set_while_an_up_is_under_way_stays():
    world = World()

    def pin() -> None:
        world.save(replace(world.records["x"], pinned="a demonstration"))

    world.at.append((0.5, pin))
    up(world, desired(*CHAIN))
    assert world.records["x"].pinned == "a demonstration"
    assert world.records["x"].phase is Phase.READY


def test_down_killed_at_any_call_and_run_again_leaves_nothing():
    world = World()
    up(world, desired(*CHAIN))
    calls = world.calls
    down(world)
    for at in range(1, world.calls - calls + 1):
        world = ready_world()
        world.kill_at = world.calls + at
        with pytest.raises(Killed):
            down(world)
        if at % 2:
            down(world)
        else:
            outcome = resume(world, None).outcome
            assert outcome == "removed" or outcome.startswith("nothing was cut short")
            down(world)
        assert (world.live, world.records, world.running) == ({}, {}, []), at
