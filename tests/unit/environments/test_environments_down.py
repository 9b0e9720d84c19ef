"""`down` against a model of Marathon whose clock moves only when somebody waits."""

from __future__ import annotations

import pytest
from marathon_model import GROUP, World, app, desired
from operating import CHAIN, KEEP, down, up

from ciprov.domain.environment import Phase
from ciprov.domain.marathon import MarathonUnavailable
from ciprov.environments.results import (
    UpFailed,
)


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
