"""Tasks as Docker containers.

Recordings `docker_and_more_session.json`, `UPDATE.TASK_FAILED.AGENT.REASON_CONTAINER_LAUNCH_FAILED.json`. The executor
of the real one is a stand-in: its messages are no evidence, and it knows no secrets, so nothing is said of them here.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import launches
import pytest
from docker_image import busybox_image
from implementations import embedded
from plain_mesos import Json, Place
from plain_scheduler import Scheduler
from real_mesos import RealMesos
from task_infos import environment

SANDBOX = "/mnt/mesos/sandbox"
MORTAL = "trap 'exit 0' TERM; while :; do sleep 0.1; done"
"""The first process of a container ends by no signal that it does not expect."""


class WithDocker(RealMesos):
    containerizers = "docker,mesos"


@pytest.fixture(scope="module", params=["real", "embedded"])
def master(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Instead of the suite's own: one whose agents have Docker."""
    busybox_image()
    directory = tmp_path_factory.mktemp(f"docker-{request.param}")
    if request.param == "embedded":
        with embedded(directory) as mesos:
            yield mesos.master
        return
    running = WithDocker(directory, agents=1)
    try:
        running.start()
        yield Place(f"http://{running.address}")
    finally:
        running.stop()


def container(image: str = "", **more: Any) -> Json:
    docker = {"image": image or busybox_image(), "network": "HOST", **more.pop("docker", {})}
    return {"type": "DOCKER", "docker": docker, **more}


def run(scheduler: Scheduler, command: Json | str, *states: str, **more: Any) -> Json:
    return launches.run(scheduler, command, *states, container=container(**more))


def test_a_container_from_start_to_end(scheduler: Scheduler) -> None:
    ended = run(scheduler, "sleep 1")
    assert scheduler.states(ended["task_id"]["value"]) == ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]
    assert ended["message"] == "Container exited with status 0"


def test_a_container_that_fails(scheduler: Scheduler) -> None:
    ended = run(scheduler, "exit 9")
    assert (ended["state"], ended["message"]) == ("TASK_FAILED", "Container exited with status 9")


def test_a_container_is_killed(scheduler: Scheduler) -> None:
    running = run(scheduler, MORTAL, "TASK_RUNNING")
    task_id = running["task_id"]["value"]
    scheduler.kill(task_id, grace_seconds=5)
    scheduler.status(task_id, "TASK_KILLED")
    assert scheduler.states(task_id) == ["TASK_STARTING", "TASK_RUNNING", "TASK_KILLING", "TASK_KILLED"]


def test_an_image_that_is_nowhere(scheduler: Scheduler) -> None:
    failed = run(scheduler, "true", image="127.0.0.1:1/none:1")
    assert (failed["state"], failed["source"]) == ("TASK_FAILED", "SOURCE_AGENT")
    assert failed["reason"] == "REASON_CONTAINER_LAUNCH_FAILED"
    assert failed["message"].startswith("Failed to launch container: ")
    assert "127.0.0.1:1/none:1" in failed["message"]
    assert scheduler.states(failed["task_id"]["value"]) == ["TASK_FAILED"]


def test_the_sandbox_is_in_the_container(scheduler: Scheduler, tmp_path: Path) -> None:
    """And what the container says is in the sandbox."""
    line = f'[ "$MESOS_SANDBOX" = {SANDBOX} ] && echo said && echo written > {SANDBOX}/file'
    assert run(scheduler, line)["state"] == "TASK_FINISHED"
    texts = {name: sandbox_file(scheduler, name) for name in ("stdout", "file")}
    assert texts == {"stdout": "said\n", "file": "written\n"}


def sandbox_file(scheduler: Scheduler, name: str) -> str:
    """Of the task that ran last."""
    status = scheduler.told[-1]
    offer = next(
        one
        for event in scheduler.seen
        if event["type"] == "OFFERS"
        for one in event["offers"]["offers"]
        if one["agent_id"] == status["agent_id"]
    )
    task_id = status["task_id"]["value"]
    directory = next(one["directory"] for one in scheduler.executors(offer) if one["id"] == task_id)
    agent = scheduler.master.agent(offer)
    return str(agent.read("/files/read", path=f"{directory}/{name}", offset=0)["data"])


def test_values_reach_the_container(scheduler: Scheduler) -> None:
    line = '[ "$PLAIN" = "a \'b\'" ] || exit 3'
    ended = run(scheduler, {"value": line, "environment": {"variables": list(environment(PLAIN="a 'b'"))}})
    assert ended["message"] == "Container exited with status 0"


@pytest.mark.parametrize(("mode", "status"), [("RW", 0), ("RO", 1)])
def test_a_directory_of_the_host(scheduler: Scheduler, tmp_path: Path, mode: str, status: int) -> None:
    volume = {"host_path": str(tmp_path), "container_path": "/cache", "mode": mode}
    ended = run(scheduler, "echo kept > /cache/file || exit 1", volumes=[volume])
    assert ended["message"] == f"Container exited with status {status}"
    assert (tmp_path / "file").exists() == (mode == "RW")


def test_parameters_are_handed_to_docker(scheduler: Scheduler) -> None:
    parameters = [{"key": "env", "value": "GIVEN=so"}, {"key": "workdir", "value": "/bin"}]
    line = '[ "$GIVEN" = so ] && [ "$(pwd)" = /bin ]'
    assert run(scheduler, line, docker={"parameters": parameters})["state"] == "TASK_FINISHED"


def test_arguments_for_the_image_s_own_program(scheduler: Scheduler) -> None:
    command = {"shell": False, "value": "sh", "arguments": ["-c", "exit $#", "zero", "a b", "c"]}
    assert run(scheduler, command)["message"] == "Container exited with status 2"


def test_a_bridge_gives_an_address_of_its_own(scheduler: Scheduler) -> None:
    running = run(scheduler, MORTAL, "TASK_RUNNING", docker={"network": "BRIDGE"})
    address = running["container_status"]["network_infos"][0]["ip_addresses"][0]["ip_address"]
    assert not address.startswith("127.")


def test_a_mesos_container_without_an_image_is_a_process(scheduler: Scheduler) -> None:
    ended = launches.run(scheduler, "exit 0", container={"type": "MESOS"})
    assert ended["message"] == "Command exited with status 0"


def test_docker_without_an_image(scheduler: Scheduler) -> None:
    status = launches.run(scheduler, "true", "TASK_ERROR", container={"type": "DOCKER"})
    assert (status["state"], status["reason"]) == ("TASK_ERROR", "REASON_TASK_INVALID")
    assert "DockerInfo 'docker' is not set for DOCKER typed ContainerInfo" in status["message"]
