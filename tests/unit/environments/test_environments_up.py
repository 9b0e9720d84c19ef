"""`up` and `down` against a model of Marathon whose clock moves only when somebody waits."""

from __future__ import annotations

import copy
import functools
import itertools
import traceback
from dataclasses import replace
from typing import Any

import pytest
from marathon_model import GROUP, Killed, World, app, desired

from ciprov.domain.environment import LockHeld, Phase
from ciprov.domain.marathon import DeploymentRef, MarathonConflict, MarathonInvalid, MarathonUnavailable
from ciprov.environments.desired import Desired
from ciprov.environments.names import NameCollision
from ciprov.environments.progress import AppProgress, AppState, Planned
from ciprov.environments.results import (
    DownOptions,
    Interrupted,
    OnFailure,
    Origin,
    PlanConflict,
    UpFailed,
    UpOptions,
    UpResult,
)

ORIGIN = Origin("courseware.yaml", "blueprint: courseware", "me")
KEEP = UpOptions(ORIGIN, on_failure=OnFailure.KEEP)


def up(world: World, shall: Desired, options: UpOptions | None = None, told: list[Any] | None = None) -> UpResult:
    report = (told if told is not None else []).append
    return world.service().up("x", lambda record, taken: shall, options or UpOptions(ORIGIN), report)


def down(world: World, told: list[Any] | None = None) -> Any:
    return world.service().down("x", GROUP, DownOptions(), (told if told is not None else []).append)


CHAIN = (app("db", fixed=31500), app("api", dependencies=["db"]), app("web", dependencies=["api"]))


def test_up_creates_everything_and_a_second_up_writes_nothing():
    world = World()
    first = up(world, desired(*CHAIN))
    assert first.outcome == "ready"
    assert world.writes == [f"put_group {GROUP}"]
    assert world.records["x"].phase is Phase.READY
    assert world.records["x"].counts == {f"{GROUP}/{name}": 1 for name in ("db", "api", "web")}
    assert world.records["x"].pending_counts == {}
    world.writes.clear()
    second = up(world, desired(*CHAIN))
    assert second.outcome == "unchanged"
    assert world.writes == []
    assert [entry.outcome for entry in world.entries] == ["ready", "unchanged"]


def test_up_and_status_tell_the_same_endpoints():
    world = World()
    found = up(world, desired(app("db", fixed=31500), service_ports={"db/http": 31500})).endpoints
    assert [(one.app, one.host, one.port) for one in found] == [("db", "agent-0", 31500)]
    assert world.service().status("x", GROUP).endpoints == found


class Forgetful(World):
    """Takes fields that it does not know and does not answer them, as Marathon does."""

    def put_group(self, path: str, body: dict[str, Any], *, force: bool = False) -> DeploymentRef:
        apps = [{key: value for key, value in one.items() if key != "foo"} for one in body["apps"]]
        return super().put_group(path, {**body, "apps": apps}, force=force)


def test_fields_that_nobody_knows_are_sent_once_and_change_nothing():
    world = Forgetful()
    shall = desired(app("db", fixed=31500, foo={"a": "hunter2"}), app("api", foo=1))
    up(world, shall)
    world.writes.clear()
    assert up(world, shall).outcome == "unchanged"
    assert world.writes == []
    changed = desired(app("db", fixed=31500, foo={"a": "hunter2"}), app("api", foo=2))
    up(world, changed)
    assert world.writes == [f"put_group {GROUP}"]
    world.writes.clear()
    assert up(world, changed).outcome == "unchanged"
    assert "hunter2" not in str(world.records)


def test_a_field_that_nobody_knows_stops_an_app_once_even_where_the_answer_is_lost():
    world = Forgetful()
    up(world, desired(*CHAIN))
    world.writes.clear()
    world.lose_answers = {"put_group"}
    up(world, desired(app("db", fixed=31500, foo=1), *CHAIN[1:]))
    assert world.writes == [f"put_app {GROUP}/db {{'instances': 0}}", f"put_group {GROUP}"]
    up(world, desired(app("db", fixed=31500, foo=1), *CHAIN[1:]))
    assert len(world.writes) == 2


def test_progress_names_every_app_and_says_what_it_waits_for():
    world, told = World(), []
    up(world, desired(*CHAIN), told=told)
    assert isinstance(told[0], Planned)
    states = {(one.app, one.state) for one in told if isinstance(one, AppProgress)}
    assert {("db", AppState.HEALTHY), ("api", AppState.BLOCKED), ("web", AppState.HEALTHY)} <= states
    blocked = next(one for one in told if isinstance(one, AppProgress) and one.app == "web")
    assert "waits for" in blocked.detail


def test_changing_one_app_restarts_that_one_only():
    world = World()
    up(world, desired(*CHAIN))
    before = {one: world.running_tasks(one) for one in world.live}
    up(world, desired(CHAIN[0], app("api", dependencies=["db"], cmd="other"), CHAIN[2]))
    after = {one: world.running_tasks(one) for one in world.live}
    assert before[f"{GROUP}/api"].isdisjoint(after[f"{GROUP}/api"])
    assert before[f"{GROUP}/db"] == after[f"{GROUP}/db"]
    assert before[f"{GROUP}/web"] == after[f"{GROUP}/web"]


def test_the_model_itself_hangs_where_a_fixed_port_is_rolled():
    world = World()
    up(world, desired(*CHAIN))
    world.put_group(GROUP, desired(app("db", fixed=31500, cmd="other"), *CHAIN[1:]).group)
    world.advance(120)
    assert world.running
    assert world.queue()[0]["app"]["id"] == f"{GROUP}/db"


def test_a_fixed_port_app_is_stopped_first_and_its_port_bound_again_twenty_times():
    world = World()
    up(world, desired(*CHAIN))
    others = world.running_tasks(f"{GROUP}/web")
    for turn in range(20):
        world.writes.clear()
        up(world, desired(app("db", fixed=31500, cmd=f"run {turn}"), *CHAIN[1:]))
        assert world.writes == [f"put_app {GROUP}/db {{'instances': 0}}", f"put_group {GROUP}"]
        assert world.running == []
    assert world.running_tasks(f"{GROUP}/web") == others


def test_the_new_definition_comes_only_when_the_port_is_free_again():
    world = World()
    up(world, desired(*CHAIN))
    world.linger = 4.0
    started = world.now
    up(world, desired(app("db", fixed=31500, cmd="other"), *CHAIN[1:]), UpOptions(ORIGIN, wait=False))
    assert world.now - started > 4
    assert world.lingering == []
    world.advance(5)
    world.linger = 100.0  # a port that does not come back holds nothing up: the queue will tell who has it
    told: list[Any] = []
    up(world, desired(app("db", fixed=31500, cmd="third"), *CHAIN[1:]), UpOptions(ORIGIN, wait=False), told=told)
    assert any("port 31500 on agent-0" in str(one) for one in told)


def test_a_live_count_survives_both_a_change_and_a_replacement():
    world = World(agents=3)
    up(world, desired(*CHAIN))
    world.put_app(f"{GROUP}/db", {"instances": 3})
    world.advance(5)
    up(world, desired(app("db", fixed=31500, cmd="other"), *CHAIN[1:]))
    assert world.live[f"{GROUP}/db"].instances == 3
    up(world, desired(app("db", fixed=31500, cmd="other", instances=2), *CHAIN[1:]))
    assert world.live[f"{GROUP}/db"].instances == 2


def test_an_app_that_somebody_starts_again_is_stopped_once_more_and_never_rolled():
    world = World()
    up(world, desired(*CHAIN))
    world.writes.clear()
    db = f"{GROUP}/db"
    world.put_app(db, {"instances": 1, "env": {"SLOW": "1"}})
    world.advance(120)  # the model's own deadlock, from which the next up has to get out as well
    world.at.append((world.now + 1.15, lambda: world.put_app(db, {"instances": 1}, force=True)))
    told: list[Any] = []
    up(world, desired(app("db", fixed=31500, cmd="other"), *CHAIN[1:]), told=told)
    assert any("started again by somebody else" in str(one) for one in told)
    assert world.live[db].body["cmd"] == "other"
    assert world.running == []


def test_removed_apps_stop_before_those_that_they_need():
    world = World()
    up(world, desired(*CHAIN))
    world.writes.clear()
    up(world, desired(app("other")))
    assert world.writes == [
        f"put_app {GROUP}/web {{'instances': 0}}",
        f"put_app {GROUP}/api {{'instances': 0}}",
        f"put_group {GROUP}",
    ]
    assert set(world.live) == {f"{GROUP}/other"}


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
    assert record.app_ids == ()
    assert "status 3" in record.failure
    up(world, desired(*CHAIN))
    assert world.records["x"].failure == ""


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
    assert "ciprov env up x" in text
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


def test_a_command_that_ends_by_itself_is_told_early():
    world = World()
    with pytest.raises(UpFailed, match="ended by itself with status 0") as failed:
        up(world, desired(app("job", healthChecks=[], env={"END": "1"}), timeout=600))
    assert "failures" not in str(failed.value)
    assert world.now < 20


def test_an_up_with_nothing_to_do_waits_for_nothing():
    world, told = World(), []
    shall = desired(app("plain", healthChecks=[]))
    up(world, shall)
    started = world.now
    up(world, shall, told=told)
    assert world.now == started
    assert [str(one) for one in told if isinstance(one, AppProgress)] == ["plain: healthy 1/1"]


def test_a_failure_is_explained_once():
    world, told = World(), []
    with pytest.raises(UpFailed) as failed:
        up(world, desired(app("api", env={"FAIL": "1"})), told=told)
    everything = "\n".join([*map(str, told), str(failed.value)])
    assert everything.count("Command exited with status 3") == 1


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


def test_the_slug_means_the_environment_and_its_first_name_stays():
    world = World()
    for given in ("X/", "x", "X/"):
        up(world, desired(*CHAIN), UpOptions(replace(ORIGIN, given_name=given)))
        assert world.records["x"].given_name == "X/"
    world.writes.clear()
    with pytest.raises(NameCollision):  # whoever asks has not seen a record that was made just now
        up(world, desired(app("db", cmd="other")), UpOptions(replace(ORIGIN, given_name="X_")))
    assert world.writes == []


def test_no_wait_returns_at_once_and_the_next_up_waits_without_a_write():
    world = World()
    result = up(world, desired(*CHAIN), UpOptions(ORIGIN, wait=False))
    assert result.outcome == "started"
    assert world.now < 1
    world.writes.clear()
    assert up(world, desired(*CHAIN)).outcome == "unchanged"
    assert world.writes == []
    assert world.records["x"].phase is Phase.READY


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
    assert "ciprov env up x" in str(interrupted.value)
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
    assert world.records["x"].phase is Phase.FAILED
    world.at.clear()
    up(world, desired(*CHAIN))
    assert {one: a.body for one, a in world.live.items()} == dict(desired(*CHAIN).apps)


def test_down_stops_in_reverse_dependency_order_and_leaves_nothing():
    world = World()
    up(world, desired(*CHAIN))
    world.writes.clear()
    result = down(world)
    assert set(result.removed) == {"db", "api", "web"}
    assert world.writes == [
        f"put_app {GROUP}/web {{'instances': 0}}",
        f"put_app {GROUP}/api {{'instances': 0}}",
        f"put_app {GROUP}/db {{'instances': 0}}",
        f"delete_group {GROUP}",
    ]
    assert (world.live, world.records, world.running, world.dead) == ({}, {}, [], [])
    assert "/ciprov" in world.groups
    assert down(world).nothing
    assert world.entries[-1].outcome == "removed"


def test_each_change_of_an_app_is_told_once():
    world, told = World(), []
    up(world, desired(*CHAIN))
    world.at.append((world.now + 0.4, lambda: world.put_app(f"{GROUP}/db", {"instances": 1}, force=True)))
    up(world, desired(app("db", fixed=31500, cmd="other"), app("api", instances=0)), told=told)
    down(world, told)
    for name in ("db", "api", "web"):
        states = [one for one in told if isinstance(one, AppProgress) and one.app == name]
        assert all(one != after for one, after in itertools.pairwise(states)), name


def test_down_tells_at_once_that_marathon_cannot_be_reached():
    world = World()
    up(world, desired(*CHAIN))
    started = world.now
    world.outage = (started, started + 1000)
    with pytest.raises(MarathonUnavailable):
        down(world)
    assert world.now - started < 1
    assert world.records["x"].phase is Phase.READY


def test_down_forces_what_an_interrupted_up_left_hanging():
    world = World()
    with pytest.raises(UpFailed):
        up(world, desired(CHAIN[0], app("api", env={"SICK": "1"}), timeout=5), KEEP)
    assert world.running
    down(world)
    assert (world.live, world.running) == ({}, [])


def test_down_refuses_a_group_that_is_not_ours():
    world = World()
    world.put_group(GROUP, {"id": GROUP, "apps": [{"id": f"{GROUP}/a", "cmd": "x"}]})
    world.writes.clear()
    for call in (down, lambda w: up(w, desired(*CHAIN))):
        with pytest.raises(Exception, match="was not made by ciprov"):
            call(world)
    assert world.writes == []


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
    for at in range(1, 60):
        world = ready_world()
        world.kill_at = world.calls + at
        with pytest.raises(Killed):
            up(world, desired(*CHANGED))
        shall = desired(app("db", fixed=31500, cmd="third"), *CHANGED[1:])
        up(world, shall)
        assert {one: a.body for one, a in world.live.items()} == dict(shall.apps), at
        assert all(len(world.running_tasks(one)) == 1 for one in world.live), at
        assert world.running == [], at


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
        down(world)
        assert (world.live, world.records, world.running) == ({}, {}, []), at
