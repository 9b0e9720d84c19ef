"""Changes become deployments: apps come, change, go; locks, cancelling, versions, events."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from engine_doubles import CHECKED, FIXED, NOTHING_KEPT, World

from ciprov.localcluster.api.port import Locked
from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.group import Group
from ciprov.localcluster.tree.edit import with_app, with_group, without_group


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_new_app_runs_and_its_deployment_ends(world: World) -> None:
    deployment = world.put("/shop/api", instances=2)
    assert world.deploying == [deployment]
    assert world.conditions("/shop/api") == ["staging", "staging"]
    world.come_up()
    assert world.conditions("/shop/api") == ["running", "running"]
    assert world.deploying == []
    assert world.engine.queue() == ()
    assert not world.clock.armed, "an idle cluster has no timer"


def test_ids_and_events(world: World) -> None:
    deployment = world.put("/shop/api")
    (task_id,) = world.tasks
    assert task_id.startswith("shop_api.instance-")
    assert task_id.endswith("._app.1")
    world.come_up()
    types = [event_type for event_type, _ in world.published]
    assert types == [
        "group_change_success",
        "deployment_info",
        "deployment_step_success",
        "deployment_info",
        "instance_changed_event",
        "status_update_event",
        "instance_changed_event",
        "status_update_event",
        "instance_changed_event",
        "deployment_step_success",
        "deployment_success",
    ]
    plan = {
        "id": deployment,
        "version": world.engine.root.version,
        "steps": [
            {"actions": [{"action": "StartApplication", "app": "/shop/api"}]},
            {"actions": [{"action": "ScaleApplication", "app": "/shop/api"}]},
        ],
    }
    assert world.events("deployment_success") == [{"id": deployment, "plan": plan}]
    assert world.events("deployment_info")[1] == {"plan": plan, "currentStep": plan["steps"][1]}
    app = world.engine.root.groups["/shop"].apps["/shop/api"]
    running = world.events("status_update_event")[1]
    assert running["taskStatus"] == "TASK_RUNNING"
    assert (running["taskId"], running["appId"], running["version"]) == (task_id, "/shop/api", app.version)
    assert [event["condition"] for event in world.events("instance_changed_event")] == [
        "Scheduled",
        "Staging",
        "Running",
    ]


def test_layers_wait_for_health(world: World) -> None:
    tree = with_app(Group(), App(id="/db", cmd="db", health_checks=CHECKED["healthChecks"]))  # type: ignore[arg-type]
    tree = with_app(tree, App(id="/api", cmd="api", dependencies=("/db",)))
    world.change(lambda root: tree)
    world.come_up()
    assert world.commands() == ["db"]
    assert world.engine.deployments()[0].current_step == 2
    world.probe()
    assert world.commands() == ["api", "db"]
    world.come_up()
    assert world.deploying == []


def test_a_change_without_effect_ends_at_once_and_restarts_nothing(world: World) -> None:
    world.put("/a")
    world.come_up()
    version = world.engine.root.version
    deployment = world.put("/a")
    assert world.deploying == []
    assert world.events("deployment_success")[-1]["id"] == deployment
    assert world.engine.root.version == version
    assert world.launches == 1


def test_scaling_keeps_tasks_and_their_version(world: World) -> None:
    world.put("/a")
    world.come_up()
    (first,) = world.tasks
    world.put("/a", instances=3)
    world.come_up()
    assert first in world.tasks
    assert len({instance.app_version for instance in world.engine.instances("/a")}) == 2
    world.clock.advance(1)
    world.put("/a", instances=1)
    assert len(world.dying) == 2
    assert first not in world.dying, "the youngest go first"
    world.die()
    assert world.deploying == []


def test_a_rolling_upgrade_with_ports_to_spare(world: World) -> None:
    world.put("/a", instances=2)
    world.come_up()
    world.put("/a", instances=2, cmd="new")
    assert world.commands() == ["new", "new", "serve", "serve"]
    world.settle()
    assert world.commands() == ["new", "new"]
    assert world.deploying == []


def test_the_fixed_port_deadlock_and_a_forced_way_out(world: World) -> None:
    world.put("/a", **FIXED)
    world.come_up()
    world.put("/a", **FIXED, env={"new": "yes"})
    world.settle()
    assert len(world.deploying) == 1
    assert world.conditions("/a") == ["running", "scheduled"]
    (entry,) = world.engine.queue()
    assert entry.overdue
    assert ("InsufficientPorts", 1, 1) in entry.rejects_last
    world.put("/a", **FIXED, **NOTHING_KEPT, env={"new": "yes"}, force=True)
    world.settle()
    assert world.deploying == []
    (spec,) = world.tasks.values()
    assert spec.environment["new"] == "yes"
    assert spec.environment["PORT0"] == "31005"


def test_scaling_to_zero_and_back_is_a_way_out_of_the_deadlock(world: World) -> None:
    world.put("/a", **FIXED)
    world.come_up()
    world.put("/a", **FIXED, env={"new": "yes"})
    world.put("/a", **FIXED, env={"new": "yes"}, instances=0, force=True)
    world.settle()
    assert (world.deploying, world.tasks) == ([], {})
    world.put("/a", **FIXED, env={"new": "yes"}, instances=1)
    world.settle()
    assert world.conditions("/a") == ["running"]
    assert world.deploying == []


def test_twenty_fixed_port_changes_in_a_row(world: World) -> None:
    world.put("/a", **FIXED, **NOTHING_KEPT)
    world.settle()
    for number in range(20):
        world.put("/a", **FIXED, **NOTHING_KEPT, env={"n": str(number)})
        world.settle()
        assert world.deploying == []
    assert [spec.environment["n"] for spec in world.tasks.values()] == ["19"]


def test_a_removed_app_waits_for_its_tasks(world: World) -> None:
    world.put("/g/a", instances=2)
    world.come_up()
    world.delete("/g/a")
    assert not world.engine.root.groups["/g"].apps
    assert len(world.dying) == 2
    assert len(world.deploying) == 1
    world.die()
    assert (world.deploying, list(world.engine.instances())) == ([], [])
    assert world.events("app_terminated_event") == [{"appId": "/g/a"}]


def test_waiting_instances_of_a_removed_app_leave_the_queue(world: World) -> None:
    world.put("/a", cpus=1000)
    assert len(world.engine.queue()) == 1
    world.delete("/a", force=True)
    assert (world.deploying, world.engine.queue()) == ([], ())


def test_an_app_under_deployment_is_locked_and_others_are_free(world: World) -> None:
    first = world.put("/g/a")
    with pytest.raises(Locked) as caught:
        world.put("/g/a", cmd="other")
    assert caught.value.deployment_ids == (first,)
    assert world.engine.root.groups["/g"].apps["/g/a"].cmd == "serve"
    assert [event["groupId"] for event in world.events("group_change_failed")] == ["/"]
    world.put("/g/b")
    assert len(world.deploying) == 2


def test_force_cancels_what_is_in_the_way_first(world: World) -> None:
    first = world.put("/a")
    second = world.put("/a", cmd="other", force=True)
    assert world.deploying == [second]
    assert [event["id"] for event in world.events("deployment_failed")] == [first]
    world.settle()
    assert world.commands() == ["other"]
    assert world.deploying == []


def test_a_refused_change_leaves_everything_as_it_was(world: World) -> None:
    def refuse(root: Group) -> Group:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        world.change(refuse)
    assert world.events("group_change_failed")[0]["reason"] == "no"
    assert world.deploying == []
    world.put("/a")
    world.come_up()
    assert world.deploying == []


def test_cancelling_a_creation_deletes_the_app_and_its_new_group(world: World) -> None:
    created = world.put("/g/a", cpus=1000)
    accepted = world.engine.cancel(created, force=False)
    assert accepted is not None
    world.settle()
    assert world.deploying == []
    assert world.engine.root.groups == {}
    assert list(world.engine.instances()) == []


def test_cancelling_an_upgrade_rolls_back_as_a_new_version(world: World) -> None:
    world.put("/a", cmd="old")
    world.settle()
    old = world.engine.root.apps["/a"]
    world.put("/other")
    world.settle()
    upgrade = world.put("/a", cmd="new", **CHECKED)
    world.put("/third")
    world.engine.cancel(upgrade, force=False)
    world.settle()
    restored = world.engine.root.apps["/a"]
    assert (restored.cmd, restored.health_checks) == ("old", ())
    assert restored.version > old.version
    assert set(world.engine.root.apps) == {"/a", "/other", "/third"}
    assert world.deploying == []
    assert world.commands() == ["old", "serve", "serve"]


def test_a_cancelled_restart_is_rolled_back_by_another(world: World) -> None:
    world.put("/a", **CHECKED)
    world.settle()
    restart = world.change(lambda root: root, restart=["/a"])
    world.come_up()
    world.engine.cancel(restart, force=False)
    world.settle()
    assert world.deploying == []
    assert {item.app_version for item in world.engine.instances("/a")} == {world.engine.root.apps["/a"].version}


def test_force_cancelling_reverts_nothing_and_leaves_a_mixture(world: World) -> None:
    world.put("/a", instances=2, cmd="old")
    world.come_up()
    upgrade = world.put("/a", instances=2, cmd="new", **CHECKED)
    world.come_up()
    assert world.engine.cancel(upgrade, force=True) is None
    assert world.deploying == []
    assert world.engine.root.apps["/a"].cmd == "new"
    assert world.commands() == ["new", "new", "old", "old"]
    world.clock.advance(299)
    assert not world.dying
    world.clock.advance(2)
    world.settle()
    assert len(world.tasks) == 2


def test_cancelling_what_does_not_run(world: World) -> None:
    with pytest.raises(KeyError):
        world.engine.cancel("nothing", force=True)


def test_a_restart_replaces_all_tasks(world: World) -> None:
    world.put("/a", instances=2)
    world.come_up()
    before = set(world.tasks)
    world.change(lambda root: root, restart=["/a"])
    world.settle()
    assert not before & set(world.tasks)
    assert len(world.tasks) == 2
    assert world.deploying == []


def test_versions_of_apps_and_groups(world: World) -> None:
    world.put("/g/a", cmd="one")
    world.come_up()
    first = world.engine.root.version
    world.clock.advance(1)
    world.put("/h/b")
    world.come_up()
    second = world.engine.root.version
    world.put("/g/a", cmd="two", force=True)
    versions = world.engine.app_versions("/g/a")
    assert versions == sorted(versions, reverse=True)
    assert [world.engine.app_version("/g/a", version).cmd for version in versions] == ["two", "one"]  # type: ignore[union-attr]
    assert world.engine.app_version("/g/a", "never") is None
    assert world.engine.group_versions("/g") == [world.engine.root.version, first]
    old = world.engine.group_version("/g", first)
    assert old is not None
    assert old.apps["/g/a"].cmd == "one"
    assert world.engine.group_version("/g", second) == old, "as of a version of the root"
    assert world.engine.group_version("/g", "never") is None


def test_versions_grow_even_within_a_millisecond(world: World) -> None:
    versions = []
    for number in range(3):
        world.put(f"/a{number}")
        versions.append(world.engine.root.version)
    assert sorted(set(versions)) == versions


def test_killing_and_scaling_in_one(world: World) -> None:
    world.put("/a", instances=3)
    world.come_up()
    oldest = world.engine.instances("/a")[0]
    accepted = world.engine.scale_down([oldest.id, "unknown"], force=False)
    assert world.deploying == [accepted.deployment_id]
    assert world.engine.root.apps["/a"].instances == 2
    assert list(world.dying) == [oldest.task_id]
    world.die()
    assert world.deploying == []
    assert world.conditions("/a") == ["running", "running"]


def test_a_whole_group_goes_in_one_deployment(world: World) -> None:
    tree: Group = Group()
    for name in ("a", "b", "c"):
        tree = with_app(tree, App(id=f"/g/{name}", cmd=name))
    world.change(lambda root: with_group(root, tree.groups["/g"]))
    world.settle()
    world.change(lambda root: without_group(root, "/g"))
    assert len(world.dying) == 3
    world.settle()
    assert (world.deploying, list(world.engine.instances()), world.engine.root.groups) == ([], [], {})


def test_what_no_runtime_can_run_fails_with_words(world: World) -> None:
    world.put("/a", cmd=None, container={"type": "MESOS"})
    failure = world.engine.last_failure("/a")
    assert failure is not None
    assert failure.state == "TASK_ERROR"
    assert "neither cmd, args nor an image" in failure.message
    container: dict[str, Any] = {"type": "DOCKER", "docker": {"image": "nginx"}}
    world.put("/b", cmd=None, container=container)
    assert world.engine.last_failure("/b") is None
