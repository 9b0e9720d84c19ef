"""What goes away under a build, and comes back: the service, Jenkins, the Mesos master, a host, a node."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator

import pytest
from agents_mesos import tasks
from agents_world import ON, World, world

TEMPLATES = {"linux": {"labels": ["linux"], "unreachable": "1s"}}


@pytest.fixture(scope="module", params=ON)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(request.param, tmp_path_factory.mktemp("agents"), TEMPLATES) as found:
        yield found


def nothing_twice(running: World, *jobs: str) -> None:
    """Each of these was built once, on one agent, and no agent was launched more than once or for nothing."""
    builds = [build for job in jobs for build in running.http.builds(job)]
    assert [(build["number"], build["result"]) for build in builds] == [(1, "SUCCESS")] * len(jobs)
    times = Counter(running.mesos.launched())
    assert not [name for name, count in times.items() if count > 1]
    assert all(times[build["builtOn"]] == 1 for build in builds)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_build_survives_the_end_of_the_service(running: World, number: signal.Signals) -> None:
    before = len(running.mesos.launched())
    job = f"long-{number.name.lower()}"
    running.freestyle(job, "linux", "sleep 2.5")
    on = running.running(job)["builtOn"]
    running.service.wait_for("fenced", task_id=on)
    code = running.service.end(number)
    assert code == (0 if number is signal.SIGTERM else -number)
    assert on in tasks(running.mesos)
    running.freestyle(f"{job}-meanwhile", "linux", "sleep 0.2")
    running.serve()
    assert running.built(job)["builtOn"] == on
    running.built(f"{job}-meanwhile")
    running.gone()
    nothing_twice(running, job, f"{job}-meanwhile")
    assert len(running.mesos.launched()) - before == 2


def test_a_service_that_dies_while_agents_are_on_their_way_launches_none_twice(running: World) -> None:
    """Those that have not fetched their secrets yet are lost with it, and others take their place."""
    jobs = [f"burst-{number}" for number in range(6)]
    for job in jobs:
        running.freestyle(job, "linux", "sleep 0.5")
    for _ in range(4):
        told = len(running.service.told("node created"))
        running.eventually(
            lambda told=told: done(running, jobs) or len(running.service.told("node created")) > told, ""
        )
        running.service.end(signal.SIGKILL)
        running.serve()
    for job in jobs:
        running.built(job)
    running.gone()
    nothing_twice(running, *jobs)
    assert not running.status()["pauses"]


def done(running: World, jobs: list[str]) -> bool:
    return all(build["result"] for job in jobs for build in running.http.builds(job)) and not running.http.queue()


def test_a_stand_in_takes_over(running: World) -> None:
    stand_in = running.new_service("stand-in")
    stand_in.start()
    assert "stand-in" in stand_in.wait_for("refused")["text"]
    assert stand_in.process is not None
    stand_in.process.send_signal(signal.SIGHUP)  # as a reload of all services sends it
    running.freestyle("taken-over", "linux", "sleep 2")
    on = running.running("taken-over")["builtOn"]
    running.service.end(signal.SIGKILL)
    stand_in.wait_for("mesos back", 30)
    running.service = stand_in
    running.freestyle("by-the-stand-in", "linux")
    assert running.built("taken-over")["builtOn"] == on
    running.built("by-the-stand-in")
    running.gone()
    nothing_twice(running, "taken-over", "by-the-stand-in")


def test_a_master_that_restarts_takes_no_build_along(running: World) -> None:
    running.freestyle("masterless", "linux", "sleep 4")
    on = running.running("masterless")["builtOn"]
    running.mesos.kill_master()
    running.service.wait_for("mesos lost", 30)
    running.freestyle("meanwhile", "linux")
    running.mesos.start_master()
    assert running.built("masterless", 30)["builtOn"] == on
    running.built("meanwhile", 30)
    running.gone(30)
    nothing_twice(running, "masterless", "meanwhile")


def test_agents_outlive_a_restart_of_jenkins(running: World) -> None:
    idle = running.cli.ok("agents", "request", "linux", "-o", "json").json
    running.service.wait_for("online", task_id=idle["agent"])
    running.freestyle("lost", "linux", "sleep 60")
    running.running("lost")
    running.restart_jenkins(away_s=0.5)
    running.freestyle("kept", idle["label"])
    assert running.built("kept")["builtOn"] == idle["agent"]
    assert running.built("lost")["result"] == "FAILURE"
    # Had it been a pipeline, it would go on there: see RESUMED_WITHIN.
    running.gone(45)


def test_a_host_that_is_lost_takes_its_agents_along_and_no_others(running: World) -> None:
    running.freestyle("unlucky", "linux", "sleep 60")
    on = running.running("unlucky")["builtOn"]
    host = running.agents()[on]["mesos_agent"]
    running.mesos.lose_host(host)
    try:
        running.freestyle("lucky", "linux")
        assert running.built("lucky")["result"] == "SUCCESS"
        assert running.built("unlucky", 30)["result"] == "FAILURE"
        running.eventually(lambda: on not in running.nodes(), "its node is deleted", 30)
    finally:
        running.mesos.return_hosts()
    running.gone(30)
    assert running.mesos.launched().count(on) <= 1


def test_a_host_that_is_drained_is_left_and_no_template_is_to_blame(running: World) -> None:
    running.freestyle("drained", "linux", "sleep 60")
    on = running.running("drained")["builtOn"]
    host = running.agents()[on]["mesos_agent"]
    running.mesos.drain_host(host)
    try:
        assert running.built("drained", 30)["result"] == "FAILURE"
        running.eventually(lambda: on not in running.nodes(), "its node is deleted")
        running.freestyle("elsewhere", "linux", "sleep 4")
        other = running.running("elsewhere")["builtOn"]
        assert running.agents()[other]["mesos_agent"] != host
        assert running.built("elsewhere")["result"] == "SUCCESS"
        assert not running.status()["pauses"]
    finally:
        running.mesos.return_hosts()
    running.gone(30)


def test_a_node_that_somebody_deletes_ends_its_agent(running: World) -> None:
    idle = running.cli.ok("agents", "request", "linux", "-o", "json").json
    running.service.wait_for("online", task_id=idle["agent"])
    running.http.post(f"computer/{idle['agent']}/doDelete")
    told = running.service.wait_for("ended", task_id=idle["agent"])
    assert told["cause"] == "node_deleted"
    running.gone()
