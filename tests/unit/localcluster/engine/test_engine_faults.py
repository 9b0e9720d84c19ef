"""A database that cannot be written any more: nothing is done that is not written, and the next daemon goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from engine_doubles import World

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.errors import NotFound, Unavailable
from ciprov.localcluster.definitions.group import Group
from ciprov.localcluster.engine.database import Database, DatabaseUnusable
from ciprov.localcluster.engine.pruning import KEPT_VERSIONS, PRUNED_AT
from ciprov.localcluster.model import Condition
from ciprov.localcluster.runtimes.port import TaskUpdate

Fault = Callable[[World], None]


def execute(world: World, statement: str) -> int:
    row = world.engine._database._connection.execute(statement).fetchone()
    return int(row[0]) if row else 0


def read_only(world: World) -> None:
    execute(world, "PRAGMA query_only = ON")


def full(world: World) -> None:
    execute(world, f"PRAGMA max_page_count = {execute(world, 'PRAGMA page_count')}")


def locked_by_another(world: World) -> None:
    execute(world, "PRAGMA busy_timeout = 1")
    world.other = Database(world.directory / "cluster.db")  # type: ignore[attr-defined]
    world.other._connection.execute("BEGIN IMMEDIATE")  # type: ignore[attr-defined]


@pytest.fixture(params=[read_only, full, locked_by_another])
def fault(request: pytest.FixtureRequest) -> Fault:
    made: Fault = request.param
    return made


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path)
    world.put("/a")
    world.settle()
    return world


def put_many(world: World) -> None:
    for index in range(200):
        world.put(f"/b{index}", labels={"long": "x" * 10000})


def end_of_fault(world: World) -> None:
    if hasattr(world, "other"):
        world.other.close()
    world.restart()


def test_a_change_that_cannot_be_written_is_not_done(world: World, fault: Fault) -> None:
    fault(world)
    launches = world.launches
    with pytest.raises(DatabaseUnusable, match=r"cluster\.db .*free the disk"):
        put_many(world)
    assert len(world.gave_up) == 1
    done = world.launches
    with pytest.raises(Unavailable):
        world.put("/c")
    assert len(world.gave_up) == 1
    assert world.launches == done
    end_of_fault(world)
    known = {app.id for app in world.engine.root.all_apps()}
    assert len(known) == 1 + done - launches, "what was launched is known, and no more"
    world.settle()
    assert {instance.app_id for instance in world.engine.instances()} == known


def test_an_end_that_cannot_be_written_is_reported_again(world: World, fault: Fault) -> None:
    (task_id,) = world.tasks
    fault(world)
    if fault is full:
        with pytest.raises(DatabaseUnusable):
            world.put("/b", labels={"long": "x" * 1_000_000})
    with pytest.raises(Unavailable):
        world.engine.task_updated(TaskUpdate(task_id, Condition.FAILED, "ended"))
    end_of_fault(world)
    assert world.conditions("/a") == ["running"]
    world.end(task_id)
    assert world.conditions("/a") == ["scheduled"]


def test_a_refused_change_is_no_fault(world: World) -> None:
    def refuse(root: Group, version: str) -> Group:
        raise NotFound.app("/x")

    with pytest.raises(NotFound):
        world.engine.change(refuse, force=False, group_id="/")
    assert world.gave_up == []
    world.put("/b")


def test_a_fault_of_the_engine_itself_stops_it_too(world: World) -> None:
    del world.engine._state.queue
    with pytest.raises(AttributeError):
        world.put("/b")
    assert len(world.gave_up) == 1


def test_a_damaged_database_is_named(tmp_path: Path) -> None:
    database = Database(tmp_path / "cluster.db")
    database._connection.execute("DROP TABLE apps")
    with pytest.raises(DatabaseUnusable, match=r"cluster\.db"):
        database.app("/a", "v")


def test_old_versions_are_forgotten(world: World) -> None:
    steady = world.engine.app_versions("/a")
    world.put("/once")
    world.settle()
    world.delete("/once")
    world.settle()
    for index in range(2 * PRUNED_AT):
        world.put("/g/b", cmd=f"run {index}", force=True)
        world.settle()
    assert world.engine.app_versions("/a") == steady, "what still runs is kept, however old"
    assert world.engine.app_versions("/once") == []
    engine = world.engine
    for versions in (engine.app_versions("/g/b"), engine.group_versions("/"), engine.group_versions("/g")):
        assert KEPT_VERSIONS <= len(versions) <= PRUNED_AT
    for version in world.engine.group_versions("/"):
        assert world.engine.group_version("/", version) is not None
    oldest = world.engine.app_versions("/g/b")[-1]
    assert isinstance(world.engine.app_version("/g/b", oldest), App)
    world.restart()
    world.settle()
    assert world.conditions("/g/b") == ["running"]


def test_what_a_deployment_would_return_to_is_kept(world: World) -> None:
    deployment = world.put("/stuck", cmd="old")
    world.settle()
    deployment = world.put("/stuck", cmd="new")
    for index in range(2 * PRUNED_AT):
        world.put("/b", instances=0, cmd=f"run {index}")
    world.restart()
    world.engine.cancel(deployment, force=False)
    world.settle()
    assert "old" in world.commands()
