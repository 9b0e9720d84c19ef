"""`up` that cannot succeed: refused, diagnosed, rolled back or kept."""

from __future__ import annotations

import traceback
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from marathon_model import GROUP, START, World, app, desired
from operating import CHAIN, KEEP, ORIGIN, up

from ciprov.domain.environment import Phase
from ciprov.domain.marathon import DeploymentRef, MarathonInvalid
from ciprov.environments.lifetime import amending
from ciprov.environments.lifetime.amending import Ledger
from ciprov.environments.results import (
    PlanConflict,
    UpFailed,
    UpOptions,
)


def test_a_failing_app_is_diagnosed_early_and_what_was_there_comes_back():
    world, told = World(), []
    up(world, desired(*CHAIN))
    started = world.now
    broken = desired(
        CHAIN[0], app("api", dependencies=["db"], env={"FAIL": "1", "PW": "hunter2"}), CHAIN[2], timeout=600
    )
    broken = desired(*broken.apps.values(), timeout=600, secrets=frozenset({"hunter2"}))
    with pytest.raises(UpFailed) as failed:
        up(world, broken, told=told)
    text = str(failed.value)
    assert f"{GROUP}/api" in text
    assert "failed 4 times in a row" in text
    assert "Command exited with status 3" in text
    assert "the database is missing" in text
    assert "hunter2" not in text + "".join(map(str, told)) + str(world.records["x"]) + str(world.entries)
    assert failed.value.rolled_back
    assert world.now - started < 60, "it did not wait for the whole deadline"
    assert world.live[f"{GROUP}/api"].env == {}
    assert len(world.running_tasks(f"{GROUP}/api")) == 1
    assert world.running == []
    record = world.records["x"]
    assert (record.phase, "status 3" in record.failure) == (Phase.READY, True)
    world.writes.clear()
    up(world, desired(*CHAIN))
    assert world.writes == []


def test_rolling_back_a_fixed_port_app_never_rolls_it():
    world = World()
    up(world, desired(*CHAIN))
    world.writes.clear()
    with pytest.raises(UpFailed) as failed:
        up(world, desired(app("db", fixed=31500, env={"FAIL": "1"}), *CHAIN[1:]))
    assert failed.value.rolled_back
    stop = f"put_app {GROUP}/db {{'instances': 0}}"
    assert world.writes == [stop, f"put_group {GROUP}", f"{stop} (forced)", f"put_group {GROUP}"]


def test_a_first_up_that_fails_leaves_nothing_but_the_reason():
    world = World()
    with pytest.raises(UpFailed):
        up(world, desired(CHAIN[0], app("api", env={"FAIL": "1"})))
    assert world.live == {}
    assert GROUP not in world.groups
    record = world.records["x"]
    assert record.phase is Phase.FAILED
    assert (record.app_ids, record.cpus, record.mem) == ((), 0, 0)
    assert "status 3" in record.failure
    up(world, desired(*CHAIN))
    assert world.records["x"].failure == ""


@pytest.mark.parametrize(("ttl", "tried"), [(None, 3600), (86400, 3600), (86400, None), (3600, 30 * 86400)])
@pytest.mark.parametrize("extended", [False, True])
def test_an_up_that_fails_leaves_the_time_to_live_as_it_was(ttl, tried, extended):
    world = World()
    up(world, replace(desired(*CHAIN), ttl=ttl, team="a"))
    if extended:
        amending.extend(Ledger(world, "model", "ann@ci", lambda: START), "x", 7 * 86400)
    before = world.records["x"]
    broken = desired(CHAIN[0], app("api", env={"FAIL": "1"}), CHAIN[2])
    with pytest.raises(UpFailed):
        up(world, replace(broken, ttl=tried, team="b"), UpOptions(replace(ORIGIN, owner="eve")))
    after = world.records["x"]
    assert (after.ttl_seconds, after.team, after.owner) == (ttl, "a", before.owner)
    if before.expires_at is None:
        assert after.expires_at is None
    else:
        assert timedelta() <= after.expires_at - before.expires_at < timedelta(minutes=5)


def test_what_runs_without_a_record_survives_an_up_that_fails():
    world = World()
    up(world, desired(*CHAIN))
    world.records.clear()
    before = world.running_tasks(f"{GROUP}/db")
    with pytest.raises(UpFailed, match="what was there before runs again"):
        up(world, desired(CHAIN[0], app("api", dependencies=["db"], env={"FAIL": "1"}), CHAIN[2]))
    assert {one: a.body for one, a in world.live.items()} == dict(desired(*CHAIN).apps)
    assert world.running_tasks(f"{GROUP}/db") == before


def test_what_nobody_waited_for_survives_a_later_up_that_fails():
    world = World()
    up(world, desired(*CHAIN), UpOptions(ORIGIN, wait=False))
    world.advance(60)
    with pytest.raises(UpFailed, match="what was there before runs again"):
        up(world, desired(CHAIN[0], app("api", dependencies=["db"], env={"FAIL": "1"}), CHAIN[2]))
    assert {one: a.body for one, a in world.live.items()} == dict(desired(*CHAIN).apps)


def test_a_refusal_that_repeats_a_secret_is_told_without_it():
    said = f"bad: {'hunter'}2"  # in two parts, as a traceback shows lines of code

    class Refusing(World):
        def put_group(self, path: str, body: dict[str, Any], *, force: bool = False) -> DeploymentRef:
            raise MarathonInvalid(said, details=[("/env", said)])

    world = Refusing()
    with pytest.raises(UpFailed) as failed:
        up(world, desired(*CHAIN, secrets=frozenset({said[-7:]})))
    traced = "".join(traceback.format_exception(failed.value))
    assert said not in traced + str(world.records) + str(world.entries)
    assert "bad: (hidden)" in str(failed.value)


def test_keep_leaves_what_failed_and_the_next_up_goes_on():
    world = World()
    with pytest.raises(UpFailed):
        up(world, desired(CHAIN[0], app("api", env={"FAIL": "1"})), KEEP)
    assert len(world.live) == 2
    assert world.records["x"].phase is Phase.FAILED
    up(world, desired(*CHAIN))
    assert world.running == []


def test_an_app_that_never_turns_healthy_fails_at_its_own_deadline():
    world = World()
    shall = desired(app("db", env={"START": "20"}), app("api", dependencies=["db"], env={"SICK": "1"}), timeout=30)
    with pytest.raises(UpFailed, match="not ready after 30 s, 0 of 1 instances"):
        up(world, shall, KEEP)
    assert 50 < world.now < 53, "its time starts when its dependency is ready"


def test_what_failed_under_an_earlier_definition_explains_nothing():
    world = World()
    with pytest.raises(UpFailed):
        up(world, desired(app("api", env={"FAIL": "1"})), KEEP)
    with pytest.raises(UpFailed) as failed:
        up(world, desired(app("api", env={"SICK": "1"}), timeout=30), KEEP)
    assert "not ready after 30 s" in str(failed.value)
    assert "status 3" not in str(failed.value)
    running = next(iter(world.running_tasks(f"{GROUP}/api")))
    assert failed.value.diagnoses[0].stderr.startswith(f"{running} says")


def test_an_app_that_fails_until_another_is_there_gets_its_chance():
    world = World()
    eager = app("eager", env={"FAIL": "1"})
    slow = app("slow", env={"START": "20"})
    world.at.append((21, lambda: world.live[f"{GROUP}/eager"].env.pop("FAIL")))
    up(world, desired(eager, slow))
    assert world.live[f"{GROUP}/eager"].failures > 4


def test_a_conflict_is_refused_before_any_write():
    world = World()
    up(world, desired(*CHAIN))
    world.live["/ciprov/y/db"] = world.live.pop(f"{GROUP}/db")
    world.live["/ciprov/y/db"].body["id"] = "/ciprov/y/db"
    world.writes.clear()
    with pytest.raises(PlanConflict) as refused:
        up(world, desired(app("new", fixed=31500), *CHAIN[1:]))
    assert "31500" in str(refused.value)
    assert "/ciprov/y/db" in str(refused.value)
    assert world.writes == []


def test_a_port_that_no_agent_offers_is_refused_before_any_write():
    world = World()
    with pytest.raises(PlanConflict, match=r"port 80, which no agent offers \(offered: 31000-32000\)"):
        up(world, desired(app("web", fixed=80)))
    assert world.writes == []
    assert world.records == {}


def test_a_command_that_ends_by_itself_is_told_early():
    world = World()
    with pytest.raises(UpFailed, match="ended by itself with status 0") as failed:
        up(world, desired(app("job", healthChecks=[], env={"END": "1"}), timeout=600))
    assert "failures" not in str(failed.value)
    assert world.now < 20


def test_a_failure_is_explained_once():
    world, told = World(), []
    with pytest.raises(UpFailed) as failed:
        up(world, desired(app("api", env={"FAIL": "1"})), told=told)
    everything = "\n".join([*map(str, told), str(failed.value)])
    assert everything.count("Command exited with status 3") == 1
