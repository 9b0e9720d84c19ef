"""Tasks end, are killed, fall sick and come back; the queue, back-off, routes and environment around them."""

from __future__ import annotations

from pathlib import Path

import pytest
from engine_doubles import CHECKED, FIXED, HOST, World, agent

from ciprov.localcluster.engine.ports import ReadinessReport, StatusReport
from ciprov.localcluster.model import Condition
from ciprov.localcluster.runtimes.port import TaskUpdate


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def only_task(world: World) -> str:
    (task_id,) = world.tasks
    return task_id


def test_a_task_that_ends_is_launched_again_after_growing_delays(world: World) -> None:
    world.put("/a", backoffSeconds=2, backoffFactor=2)
    instance = world.engine.instances("/a")[0].id
    for attempt, delay in enumerate((2, 4, 8), start=1):
        assert only_task(world) == f"{instance}._app.{attempt}"
        world.come_up()
        world.end(only_task(world), Condition.FINISHED)
        assert world.conditions("/a") == ["scheduled"]
        assert not world.engine.queue()[0].overdue
        world.clock.advance(delay - 0.1)
        assert not world.tasks
        world.clock.advance(0.2)
        assert len(world.tasks) == 1


def test_what_a_status_check_says_and_the_address_belong_to_one_task(world: World) -> None:
    world.put("/a", check={"tcp": {"portIndex": 0}})
    task_id = only_task(world)
    assert task_id not in world.probing
    world.up.add(task_id)
    world.engine.task_updated(TaskUpdate(task_id, Condition.RUNNING, address="172.18.0.2"))
    assert task_id in world.probing
    world.engine.probed(StatusReport(task_id, {"tcp": {"succeeded": False}}))
    world.engine.probed(StatusReport("another", {"tcp": {"succeeded": True}}))
    (instance,) = world.engine.instances("/a")
    assert (instance.condition, instance.ip_address) == (Condition.RUNNING, "172.18.0.2")
    assert instance.check_result == {"tcp": {"succeeded": False}}
    told = [fields["ipAddresses"] for kind, fields in world.published if kind == "status_update_event"]
    assert told[-1] == [{"ipAddress": "172.18.0.2", "protocol": "IPv4"}]
    world.restart()
    assert world.engine.instances("/a")[0].address == "172.18.0.2"
    world.end(task_id)
    world.clock.advance(2)
    (again,) = world.engine.instances("/a")
    assert (again.address, again.check_result) == ("", {})
    assert again.ip_address == again.host


def test_a_change_just_when_a_delay_ends_does_not_swallow_the_launch(world: World) -> None:
    world.put("/a")
    world.come_up()
    world.end(only_task(world))
    world.clock.advance(1)
    world.put("/b", instances=0)
    world.clock.advance(0.1)
    assert world.conditions("/a") == ["staging"]


def test_what_is_over_the_count_is_not_launched_again(world: World) -> None:
    world.put("/a", cmd="old")
    world.come_up()
    upgrade = world.put("/a", cmd="new", **CHECKED)
    world.come_up()
    world.engine.cancel(upgrade, force=True)
    world.end(next(task_id for task_id, spec in world.tasks.items() if spec.shell == "old"))
    assert world.conditions("/a") == ["running"]
    world.clock.advance(10)
    assert world.commands() == ["new"]


def test_kills_replace_without_delay_and_keep_the_instance(world: World) -> None:
    world.put("/a")
    world.come_up()
    before = world.engine.instances("/a")[0]
    world.engine.kill([before.id], wipe=False)
    assert world.conditions("/a") == ["killing"]
    world.die()
    after = world.engine.instances("/a")[0]
    assert (after.id, after.attempt, after.condition) == (before.id, 2, Condition.STAGING)
    assert world.deploying == []


def test_a_wipe_gives_a_new_instance(world: World) -> None:
    world.put("/a")
    world.come_up()
    before = world.engine.instances("/a")[0]
    world.engine.kill([before.id], wipe=True)
    world.die()
    (after,) = world.engine.instances("/a")
    assert after.id != before.id
    assert after.attempt == 1


def test_however_a_killed_task_ends_it_was_the_kill(world: World) -> None:
    world.put("/a")
    world.come_up()
    world.engine.kill([world.engine.instances("/a")[0].id], wipe=False)
    world.end(only_task(world), Condition.FAILED)
    assert world.conditions("/a") == ["staging"]
    assert world.engine.last_failure("/a") is None
    assert world.events("status_update_event")[-2]["taskStatus"] == "TASK_KILLED"


def test_a_kill_during_a_deployment_ignores_the_lock(world: World) -> None:
    world.put("/a", **CHECKED)
    world.come_up()
    world.engine.kill([world.engine.instances("/a")[0].id], wipe=False)
    world.settle()
    assert world.deploying == []


def test_the_last_failure_is_kept(world: World) -> None:
    world.put("/a")
    world.come_up()
    task_id = only_task(world)
    world.end(task_id, Condition.FAILED, "Command exited with status 3")
    failure = world.engine.last_failure("/a")
    assert failure is not None
    assert (failure.task_id, failure.state, failure.message) == (
        task_id,
        "TASK_FAILED",
        "Command exited with status 3",
    )
    assert (failure.host, failure.agent_id) == (HOST, "agent-0")


def test_resets_of_the_delay(world: World) -> None:
    world.put("/a", backoffSeconds=100)
    world.come_up()
    world.end(only_task(world))
    assert not world.tasks
    world.put("/a", backoffSeconds=100, instances=2, force=True)
    assert not world.tasks, "scaling resets nothing"
    assert world.engine.reset_delay("/a")
    assert len(world.tasks) == 2
    assert not world.engine.reset_delay("/a"), "nothing waits any more"
    world.come_up()
    world.end(next(iter(world.tasks)))
    world.put("/a", backoffSeconds=100, instances=2, env={"new": "yes"}, force=True)
    assert len(world.tasks) > 1, "a changed definition starts afresh"


def test_a_sick_task_is_killed_and_replaced(world: World) -> None:
    world.put("/a", **CHECKED)
    world.come_up()
    world.probe(False)
    world.clock.advance(11)
    world.probe()
    assert world.deploying == []
    assert world.engine.instances("/a")[0].healthy
    world.probe(False)
    assert not world.dying
    world.probe(False)
    task_id = only_task(world)
    assert list(world.dying) == [task_id]
    assert world.events("unhealthy_instance_kill_event")[0]["taskId"] == task_id
    assert not world.probing
    failure = world.engine.last_failure("/a")
    assert failure is not None
    assert "connection refused" in failure.message
    world.die()
    assert only_task(world) != task_id
    assert world.engine.instances("/a")[0].healthy is False


def test_late_reports_about_earlier_attempts_are_dropped(world: World) -> None:
    world.put("/a", **CHECKED)
    world.come_up()
    old = only_task(world)
    probed = dict(world.probing)
    world.engine.kill([world.engine.instances("/a")[0].id], wipe=False)
    world.die()
    world.probing = probed
    world.probe(True, old)
    assert world.engine.instances("/a")[0].healthy is False


def test_readiness_holds_a_deployment_up(world: World) -> None:
    ports = [{"port": 0, "name": "http-api"}]
    check = {"name": "warm", "preserveLastResponse": True}
    world.put("/a", portDefinitions=ports, readinessChecks=[check])
    world.come_up()
    task_id = only_task(world)
    world.engine.readiness_probed(ReadinessReport(task_id, 0, False, 503, "text/plain", "cold"))
    (view,) = world.engine.deployments()
    assert view.readiness["/a"] == [
        {
            "name": "warm",
            "taskId": task_id,
            "ready": False,
            "lastResponse": {"status": 503, "contentType": "text/plain", "body": "cold"},
        }
    ]
    world.engine.readiness_probed(ReadinessReport(task_id, 0, True, 200))
    assert world.deploying == []
    world.end(task_id)
    world.clock.advance(5)
    world.readiness.clear()
    world.come_up()
    assert world.engine.instances("/a")[0].ready, "outside deployments nobody asks"
    assert not world.readiness


def test_a_task_launched_again_during_a_deployment_is_asked_again(world: World) -> None:
    world.put("/a", instances=2, portDefinitions=[{"port": 0, "name": "http-api"}], readinessChecks=[{}])
    world.come_up()
    first = next(iter(world.tasks))
    world.engine.readiness_probed(ReadinessReport(first, 0, True, 200))
    world.end(first)
    world.clock.advance(2)
    world.come_up()
    assert len(world.readiness) == 2
    for task_id in list(world.readiness)[:1]:
        world.engine.readiness_probed(ReadinessReport(task_id, 0, True, 200))
    assert len(world.deploying) == 1


def test_room_on_an_agent_lets_the_next_one_in(tmp_path: Path) -> None:
    world = World(tmp_path, [agent(cpus=1)])
    world.put("/a", cpus=1)
    world.put("/b", cpus=1, cmd="b")
    world.come_up()
    assert world.commands() == ["serve"]
    assert ("InsufficientCpus", 1, 1) in world.engine.queue()[0].rejects_last
    world.delete("/a")
    assert world.commands() == ["serve"]
    world.die()
    assert world.commands() == ["b"]


def test_a_port_that_a_stranger_holds_is_asked_for_again(world: World) -> None:
    world.foreign.add(31005)
    world.put("/a", **FIXED)
    assert not world.tasks
    assert world.clock.armed == pytest.approx([5.001])
    world.clock.advance(20)
    assert not world.tasks
    world.foreign.clear()
    world.clock.advance(6)
    assert len(world.tasks) == 1
    world.come_up()
    assert not world.clock.armed


def test_a_dynamic_port_avoids_strangers(tmp_path: Path) -> None:
    world = World(tmp_path, [agent(ports=range(31000, 31003))])
    world.foreign.update({31000, 31002})
    world.put("/a", portDefinitions=[{"port": 0}], cpus=0.1)
    assert [spec.environment["PORT0"] for spec in world.tasks.values()] == ["31001"]


def test_ports_that_an_app_insists_on_are_handed_out_last(tmp_path: Path) -> None:
    world = World(tmp_path, [agent(ports=range(31004, 31007))])
    world.put("/fixed", **FIXED, instances=0)
    for name in ("/a", "/b", "/c"):
        world.put(name, portDefinitions=[{"port": 0}], cpus=0.1)
    ports = [spec.environment["PORT0"] for spec in world.tasks.values()]
    assert set(ports[:2]) == {"31004", "31006"}
    assert ports[2] == "31005", "better than to wait"


def test_routes_lead_to_healthy_tasks_only(world: World) -> None:
    ports = [{"port": 20001}]
    world.put("/a", portDefinitions=ports, instances=2, **CHECKED)
    world.come_up()
    assert world.routes == {20001: ()}
    one, two = world.engine.instances("/a")
    world.probe(True, one.task_id)
    assert world.routes == {20001: ((HOST, one.ports[0]),)}
    world.probe(True, two.task_id)
    assert set(world.routes[20001]) == {(HOST, one.ports[0]), (HOST, two.ports[0])}
    world.engine.kill([one.id], wipe=False)
    assert world.routes == {20001: ((HOST, two.ports[0]),)}
    world.delete("/a", force=True)
    assert world.routes == {}


def test_a_port_that_is_the_service_port_is_told_of_processes_only(world: World) -> None:
    """A container is published wherever services are; a process is reached at other addresses by forwarding alone."""
    world.put("/fixed", **FIXED)
    world.put("/dynamic", portDefinitions=[{"port": 20002}], cpus=0.1)
    world.put("/udp", portDefinitions=[{"port": 20003, "protocol": "udp"}], cpus=0.1)
    mapping = {"containerPort": 80, "hostPort": 31007, "servicePort": 31007}
    docker = {"type": "DOCKER", "docker": {"image": "nginx"}, "portMappings": [mapping]}
    world.put("/published", networks=[{"mode": "container/bridge"}], container=docker, cpus=0.1)
    world.come_up()
    assert sorted(world.routes) == [20002, 31005]
    assert world.routes[31005] == ((HOST, 31005),)


def test_an_old_one_that_ends_during_an_upgrade_is_not_launched_again(world: World) -> None:
    world.put("/a", cmd="old")
    world.come_up()
    world.put("/a", cmd="new", **CHECKED)
    old = next(task_id for task_id, spec in world.tasks.items() if spec.shell == "old")
    world.end(old)
    world.clock.advance(400)
    assert world.commands() == ["new"]


def test_an_old_one_that_ends_before_its_layer_comes_stays_old(world: World) -> None:
    world.put("/db", cmd="db")
    world.put("/api", cmd="api", dependencies=["/db"])
    world.settle()
    from ciprov.localcluster.tree.edit import map_apps

    world.change(lambda root: map_apps(root, lambda app: app.model_copy(update={"cmd": f"{app.cmd} 2"})))
    api = next(task_id for task_id, spec in world.tasks.items() if spec.shell == "api")
    world.end(api)
    world.clock.advance(5)
    assert world.commands() == ["api", "db", "db 2"]
    world.settle()
    assert world.commands() == ["api 2", "db 2"]
