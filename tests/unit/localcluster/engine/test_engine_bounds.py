"""Bounds: absurd counts, tasks that end at once, deployments beyond the allowed number, tree rules in a rollback."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine_doubles import World, agent

from ciprov.localcluster.definitions.errors import InvalidObject, TooManyDeployments
from ciprov.localcluster.engine.launching import WAITING_AT_MOST

MOST = 2**31 - 1
NO_PORTS = {"portDefinitions": []}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def small(tmp_path: Path) -> World:
    return World(tmp_path, agents=[agent(cpus=3)])


def test_the_largest_count_is_queued_but_not_materialised(small: World) -> None:
    deployment = small.put("/a", instances=MOST, **NO_PORTS)
    assert len(small.tasks) == 3
    assert len(small.engine.instances("/a")) == 3 + WAITING_AT_MOST
    (entry,) = small.engine.queue()
    assert entry.count == MOST - 3
    small.come_up()
    small.end(next(iter(small.tasks)))
    assert [view.id for view in small.engine.deployments()] == [deployment]
    assert small.engine.queue()[0].count == MOST - 2
    small.restart()
    # A delay ends with the daemon, as with a Marathon leader, so the one that ended is launched again at once.
    assert sum(entry.count for entry in small.engine.queue()) == MOST - 3


def test_what_was_not_materialised_comes_as_the_others_are_launched(tmp_path: Path) -> None:
    world = World(tmp_path, agents=[agent(cpus=WAITING_AT_MOST + 10)])
    world.put("/a", instances=WAITING_AT_MOST + 3, mem=1, **NO_PORTS)
    world.settle()
    assert len(world.tasks) == WAITING_AT_MOST + 3
    assert world.deploying == []
    assert world.engine.queue() == ()


def test_from_the_largest_count_to_a_few_and_to_another_version(small: World) -> None:
    small.put("/a", instances=MOST, **NO_PORTS)
    small.come_up()
    small.put("/a", instances=MOST, cmd="new", force=True, **NO_PORTS)
    assert len(small.engine.instances("/a")) <= 3 + 2 * WAITING_AT_MOST
    small.put("/a", instances=2, cmd="new", force=True, **NO_PORTS)
    small.settle()
    assert len(small.tasks) == 2
    assert small.deploying == []
    assert small.engine.queue() == ()


def test_an_app_that_can_never_run_and_has_no_delay_does_not_hold_up_everything(world: World) -> None:
    world.put("/a", cmd=None, container={"type": "MESOS"}, backoffSeconds=0, maxLaunchDelaySeconds=0)
    assert world.conditions("/a") == ["scheduled"]
    world.clock.advance(5)
    assert world.engine.instances("/a")[0].attempt < 20


def test_the_hundred_and_first_deployment_is_refused_unless_forced(small: World) -> None:
    for index in range(100):
        small.put(f"/a{index}", cpus=1000)
    root, published = small.engine.root, len(small.published)
    with pytest.raises(TooManyDeployments) as refusal:
        small.put("/b")
    assert refusal.value.status == 403
    assert "100" in refusal.value.message
    assert small.engine.root is root
    assert [event for event, _ in small.published[published:]] == ["group_change_failed"]
    small.put("/b", force=True)
    small.engine.cancel(small.deploying[0], force=False)
    assert len(small.deploying) <= 101


def test_a_rollback_that_would_break_the_tree_is_refused_and_cancels_nothing(world: World) -> None:
    world.put("/a")
    world.settle()
    deletion = world.delete("/a")
    world.put("/a/b")
    with pytest.raises(InvalidObject):
        world.engine.cancel(deletion, force=False)
    assert deletion in world.deploying
    world.settle()
    assert [app.id for app in world.engine.root.all_apps()] == ["/a/b"]
