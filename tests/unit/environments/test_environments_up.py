"""`up` against a model of Marathon whose clock moves only when somebody waits."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from marathon_model import GROUP, World, app, desired
from operating import CHAIN, ORIGIN, down, up

from ciprov.domain.environment import Phase
from ciprov.domain.marathon import DeploymentRef
from ciprov.environments.names import NameCollision
from ciprov.environments.progress import AppProgress, AppState, Planned
from ciprov.environments.results import (
    UpOptions,
)


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


def test_an_up_with_nothing_to_do_waits_for_nothing():
    world, told = World(), []
    shall = desired(app("plain", healthChecks=[]))
    up(world, shall)
    started = world.now
    up(world, shall, told=told)
    assert world.now == started
    assert [str(one) for one in told if isinstance(one, AppProgress)] == ["plain: healthy 1/1"]


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


def test_each_change_of_an_app_is_told_once():
    world, told = World(), []
    up(world, desired(*CHAIN))
    world.at.append((world.now + 0.4, lambda: world.put_app(f"{GROUP}/db", {"instances": 1}, force=True)))
    up(world, desired(app("db", fixed=31500, cmd="other"), app("api", instances=0)), told=told)
    down(world, told)
    for name in ("db", "api", "web"):
        states = [one for one in told if isinstance(one, AppProgress) and one.app == name]
        assert all(one != after for one, after in itertools.pairwise(states)), name
