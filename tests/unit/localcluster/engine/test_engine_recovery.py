"""kill -9 of the daemon at any point, and a new one on the same database."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from engine_doubles import CHECKED, Crash, World

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.group import Group
from ciprov.localcluster.engine.database import Database, DatabaseUnusable
from ciprov.localcluster.tree.edit import with_app, with_group


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_running_tasks_are_adopted(world: World) -> None:
    world.put("/g/a", instances=2, portDefinitions=[{"port": 20001}], **CHECKED)
    world.settle()
    before = {item.id: (item.ports, item.attempt, item.started_at) for item in world.engine.instances()}
    routes = world.routes
    world.restart()
    assert {item.id: (item.ports, item.attempt, item.started_at) for item in world.engine.instances()} == before
    assert world.conditions("/g/a") == ["running", "running"]
    assert len(world.probing) == 2
    assert world.routes == routes
    assert world.launches == 2
    assert world.deploying == []


def test_the_tree_versions_and_failures_survive(world: World) -> None:
    world.put("/g/a", cmd="one")
    world.come_up()
    world.end(next(iter(world.tasks)))
    world.put("/g/a", cmd="two", force=True)
    root, versions = world.engine.root, world.engine.app_versions("/g/a")
    failure = world.engine.last_failure("/g/a")
    world.restart()
    assert world.engine.root == root
    assert world.engine.app_versions("/g/a") == versions
    assert world.engine.last_failure("/g/a") == failure is not None


def test_a_task_that_ended_meanwhile_is_launched_again(world: World) -> None:
    world.put("/a")
    world.settle()
    (task_id,) = world.tasks
    del world.tasks[task_id]
    world.restart()
    assert world.conditions("/a") == ["scheduled"]
    world.settle()
    assert world.conditions("/a") == ["running"]
    assert world.engine.instances("/a")[0].attempt == 2


def test_a_deployment_goes_on(world: World) -> None:
    world.put("/a", instances=2, cmd="old")
    world.settle()
    deployment = world.put("/a", instances=2, cmd="new", **CHECKED)
    world.come_up()
    one = next(task_id for task_id, spec in world.tasks.items() if spec.shell == "new")
    world.probe(True, one)
    assert len(world.dying) == 1
    world.restart()
    assert world.deploying == [deployment]
    assert len(world.dying) == 1, "the credit of the healthy one is spent only once"
    world.settle()
    assert world.deploying == []
    assert world.commands() == ["new", "new"]


def test_the_database_follows_a_deployment_through_its_steps(world: World) -> None:
    world.put("/old")
    world.settle()
    tree = with_app(Group(), App(id="/a", cmd="a", dependencies=("/b",)))
    tree = with_app(tree, App(id="/b", cmd="b", instances=2))
    world.change(lambda root: with_group(root, replace(tree, version=root.version)))
    seen = set()
    for _ in range(8):
        database = Database(world.directory / "cluster.db")
        assert database.deployments() == list(world.engine._state.deployments.values())
        assert database.root() == world.engine.root
        database.close()
        seen.add(max((view.current_step for view in world.engine.deployments()), default=0))
        world.die()
        for task_id in [task for task in world.tasks if task not in world.up][:1]:
            world.come_up(task_id)
    assert seen == {1, 3, 4, 0}


def test_a_report_that_ends_a_step_during_recovery_waits(world: World) -> None:
    world.put("/a", cmd="old")
    world.settle()
    world.put("/a", cmd="new")
    new = next(task_id for task_id in world.tasks if task_id not in world.up)
    world.up.add(new)
    world.restart()
    assert len(world.dying) == 1
    world.settle()
    assert world.deploying == []


def test_a_kill_that_was_ordered_is_ordered_again(world: World) -> None:
    world.put("/a")
    world.settle()
    world.delete("/a")
    world.dying.clear()
    world.restart()
    assert len(world.dying) == 1
    world.settle()
    assert (world.deploying, list(world.engine.instances())) == ([], [])


def test_a_launch_that_was_written_but_not_done_is_repeated(world: World) -> None:
    world.crash_in = 1
    with pytest.raises(Crash):
        world.put("/a")
    world.restart()
    world.settle()
    assert world.conditions("/a") == ["running"]
    assert world.deploying == []


def test_nothing_is_launched_before_the_runtime_knows_what_runs(world: World) -> None:
    world.put("/a", portDefinitions=[{"port": 31005}], requirePorts=True)
    world.settle()
    world.tasks["orphan._app.1"] = next(iter(world.tasks.values()))
    world.up.add("orphan._app.1")
    world.restart()
    assert "orphan._app.1" not in world.tasks
    assert world.launches == 1


def test_readiness_is_asked_for_again(world: World) -> None:
    world.put("/a", portDefinitions=[{"port": 0, "name": "http-api"}], readinessChecks=[{}])
    world.come_up()
    world.restart()
    assert len(world.readiness) == 1
    world.settle()
    assert world.deploying == []


def test_what_waits_is_not_launched_before_the_runtime_knows_what_runs(world: World) -> None:
    world.put("/a", backoffSeconds=60)
    world.settle()
    world.end(next(iter(world.tasks)))
    assert world.conditions("/a") == ["scheduled"]
    world.restart()
    assert world.conditions("/a") == ["staging"]


def test_waiting_instances_wait_again(world: World) -> None:
    world.put("/a", cpus=1000)
    world.restart()
    assert [entry.count for entry in world.engine.queue()] == [1]
    assert len(world.deploying) == 1


def test_a_first_start_has_an_empty_root_with_a_version(world: World) -> None:
    version = world.engine.root.version
    assert version
    world.restart()
    assert world.engine.root.version == version


def test_a_broken_or_newer_file_is_refused_with_a_way_out(tmp_path: Path) -> None:
    broken = tmp_path / "broken.db"
    broken.write_bytes(b"this is no database" * 100)
    with pytest.raises(DatabaseUnusable, match=r"broken\.db .* move the file away"):
        Database(broken)
    newer = tmp_path / "newer.db"
    database = Database(newer)
    database.close()
    with sqlite3.connect(newer) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(DatabaseUnusable, match="schema 99"):
        Database(newer)


def test_the_file_is_for_its_owner_only(world: World) -> None:
    assert (world.directory / "cluster.db").stat().st_mode & 0o077 == 0
