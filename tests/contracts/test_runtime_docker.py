"""Containers with a real Docker engine. Every test ends all that it started."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from container_driver import SLEEPING, TASK, Driver, client, container, drive, spec
from docker_image import busybox_image

from ciprov.localcluster.daemon.files import Layout
from ciprov.localcluster.daemon.leftovers import end_leftovers
from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.model import Condition
from ciprov.localcluster.probes.answers import ProbeFailed
from ciprov.localcluster.runtimes.docker.creation import CLUSTER_LABEL
from ciprov.localcluster.runtimes.port import PublishedPort, VolumeMount


@pytest.fixture(scope="module")
def image() -> str:
    return busybox_image()


def free_port(address: str) -> int:
    with socket.socket() as found:
        found.bind((address, 0))
        return int(found.getsockname()[1])


def test_a_command_runs_in_the_image_with_its_environment_sandbox_limits_and_output(tmp_path: Path, image: str) -> None:
    async def work(driver: Driver) -> None:
        command = "env; ls /proc/self/ns >/dev/null; echo kept > $MESOS_SANDBOX/file; echo oops >&2; sleep 1; exit 3"
        driver.runtime.launch(spec(container(image, driver, network="host"), command, GREETING="hello"))
        await driver.until(driver.conditions, "running")
        limits = client().inspect_container(driver.own_containers()[0]["Id"])["HostConfig"]
        assert (limits["Memory"], limits["CpuShares"]) == (32 * 1024**2, 102)
        update = await driver.ended()
        assert (update.condition, update.message) == (Condition.FAILED, "Container exited with status 3")
        assert driver.conditions() == [Condition.RUNNING, Condition.FAILED]
        assert {"GREETING=hello", "MESOS_SANDBOX=/mnt/mesos/sandbox"} <= set(driver.output().splitlines())
        assert driver.output("stderr") == "oops\n"
        assert driver.output("file") == "kept\n"

    drive(tmp_path, work)


def test_arguments_go_to_the_entry_point_and_nothing_means_the_images_own_command(tmp_path: Path, image: str) -> None:
    async def work(driver: Driver) -> None:
        wanted = container(image, driver, network="host")
        assert (await driver.run(spec(wanted, None))).condition is Condition.FINISHED
        assert driver.output() == "own\n"
        wanted = replace(wanted, parameters=(("entrypoint", "/bin/echo"),))
        other = replace(spec(wanted, None), task_id="args.instance-1._app.1", argv=("$HOME", "a b"))
        assert (await driver.run(other)).condition is Condition.FINISHED
        assert driver.output(task_id=other.task_id) == "$HOME a b\n"

    drive(tmp_path, work)


def test_ports_are_published_at_the_clusters_address_and_the_gateway_leads_back(tmp_path: Path, image: str) -> None:
    async def work(driver: Driver) -> None:
        port = free_port(driver.address)
        wanted = container(image, driver, network="bridge", ports=(PublishedPort(80, port),))
        command = "echo served > index.html; exec httpd -f -p 80"
        await driver.running(spec(replace(wanted, parameters=(("workdir", "/tmp"),)), command))
        asking = replace(
            spec(
                replace(wanted, ports=(), instance_id="b"), f"wget -qO- http://{driver.address}:{port}; echo $ADDRESS"
            ),
            task_id="b.instance-1._app.1",
            environment={"ADDRESS": f"http://{driver.address}:{port}/x"},
        )
        await driver.run(asking)
        gateway = driver.gateways[-1]
        inside = client().inspect_container(driver.own_containers()[0]["Id"])["NetworkSettings"]["Networks"]
        assert [it.address for it in driver.updates if it.task_id == TASK] == [
            network["IPAddress"] for network in inside.values()
        ]
        assert driver.output(task_id=asking.task_id) == f"served\nhttp://{gateway}:{port}/x\n"
        reader, writer = await asyncio.open_connection(driver.address, port)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        assert b"served" in await reader.read()
        writer.close()
        driver.runtime.kill(TASK, 0.0)
        await driver.ended()
        assert free(driver.address, port)

    drive(tmp_path, work)


def free(address: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind((address, port))
            return True
    return False


def test_a_named_network_with_an_alias_and_a_missing_one(tmp_path: Path, image: str) -> None:
    name = f"ciprov-test-{uuid.uuid4()}"
    client().create_network(name, driver="bridge")

    async def work(driver: Driver) -> None:
        wanted = container(image, driver, network=name, network_is_named=True, parameters=(("net-alias", "first"),))
        await driver.running(spec(wanted, SLEEPING))
        asking = replace(spec(replace(wanted, parameters=()), "ping -c 1 first"), task_id="b.instance-1._app.1")
        assert (await driver.run(asking)).condition is Condition.FINISHED, driver.output("stderr", asking.task_id)
        missing = replace(spec(replace(wanted, network="no-such-net"), "true"), task_id="c.instance-1._app.1")
        update = await driver.run(missing)
        assert update.condition is Condition.FAILED
        assert (
            "there is no docker network 'no-such-net' on this machine: make it (docker network create" in update.message
        )

    try:
        drive(tmp_path, work)
    finally:
        client().remove_network(name)


def test_volumes_of_every_kind_and_persistent_ones_outlive_the_task(tmp_path: Path, image: str) -> None:
    outside, volume = tmp_path / "outside", f"ciprov-test-{uuid.uuid4()}"
    outside.mkdir()
    (outside / "given").write_text("given\n")

    async def work(driver: Driver) -> None:
        wanted = container(
            image,
            driver,
            network="host",
            volumes=(
                VolumeMount("/given", read_only=True, host_path=str(outside)),
                VolumeMount("beside", host_path=str(outside)),
                VolumeMount("data", persistent=True),
                VolumeMount("/var/lib/data", host_path="data"),
                VolumeMount("/cache", volume=volume),
            ),
        )
        command = (
            "cat /given/given; touch /given/x || echo read-only; cat $MESOS_SANDBOX/beside/given; "
            "echo again >> /var/lib/data/count; cat $MESOS_SANDBOX/data/count; echo c >> /cache/count; cat /cache/count"
        )
        assert (await driver.run(spec(wanted, command))).condition is Condition.FINISHED, driver.output("stderr")
        assert driver.output() == "given\nread-only\ngiven\nagain\nc\n"
        second = replace(spec(wanted, command), task_id="app.instance-1._app.2")
        await driver.run(second)
        assert driver.output(task_id=second.task_id) == "given\nread-only\ngiven\nagain\nagain\nc\nc\n"
        driver.instances = ["app.instance-2"]
        third = replace(
            second, task_id="app.instance-2._app.1", container=replace(wanted, instance_id="app.instance-2")
        )
        await driver.run(third)
        assert driver.output(task_id=third.task_id).count("again") == 3
        driver.apps = ["/other"]
        other = container(image, driver, app_id="/other", instance_id="other.instance-1", network="host")
        await driver.run(replace(spec(other, "true"), task_id="other.instance-1._app.1"))
        await driver.until(lambda: not any(driver.layout.volumes.iterdir()), "the removed app loses its volumes")

    try:
        drive(tmp_path, work)
    finally:
        client().remove_volume(volume)


@pytest.mark.parametrize(
    ("changes", "command", "condition", "says"),
    [
        ({"image": "no-registry.invalid/app:1"}, "true", Condition.FAILED, "Failed to pull image 'no-registry.invalid"),
        ({"force_pull": True}, "true", Condition.FAILED, "(forcePullImage asks for it)"),
        ({"parameters": (("gpus", "all"),)}, "true", Condition.ERROR, "the docker parameter 'gpus' is not supported"),
        ({"parameters": (("entrypoint", "/nope"),)}, None, Condition.FAILED, "/nope"),
    ],
)
def test_what_cannot_run_says_why(
    tmp_path: Path, image: str, changes: dict[str, Any], command: str | None, condition: Condition, says: str
) -> None:
    async def work(driver: Driver) -> None:
        update = await driver.run(spec(replace(container(image, driver, network="host"), **changes), command))
        assert (update.condition, says in update.message) == (condition, True), update

    drive(tmp_path, work)


def test_too_much_memory_is_said_to_be_the_cause(tmp_path: Path, image: str) -> None:
    async def work(driver: Driver) -> None:
        said = []
        for number in range(3):  # the engine itself misses one of fifty on a busy machine, and says 137 alone
            wanted = spec(container(image, driver, network="host"), "tail /dev/zero")
            update = await driver.run(replace(wanted, task_id=f"app.instance-1._app.{number + 1}"))
            assert update.condition is Condition.FAILED
            said.append(update.message)
            if said[-1] == "Memory limit exceeded: Requested: 32MB Maximum Used: 32MB":
                return
            assert said[-1] == "Container exited with status 137"
        raise AssertionError(said)

    drive(tmp_path, work)


def test_killing_lets_the_task_end_within_its_grace_and_kills_what_does_not(tmp_path: Path, image: str) -> None:
    async def work(driver: Driver) -> None:
        wanted = container(image, driver, network="host")
        await driver.running(spec(wanted, SLEEPING))
        await driver.until(lambda: "up" in driver.output(), "its trap set")
        driver.runtime.kill(TASK, 30.0)
        assert (await driver.ended()).condition is Condition.KILLED
        assert driver.output() == "up\nbye\n"

        deaf = replace(spec(wanted, "trap '' TERM; while :; do sleep 0.1; done"), task_id="b.instance-1._app.1")
        await driver.running(deaf)
        start = time.monotonic()
        driver.runtime.kill(deaf.task_id, 0.5)
        update = await driver.ended(deaf.task_id)
        assert (update.condition, update.message) == (Condition.KILLED, "Container exited with status 137")
        assert time.monotonic() - start >= 0.5

        early = replace(spec(wanted, SLEEPING), task_id="c.instance-1._app.1")
        driver.runtime.launch(early)
        driver.runtime.kill(early.task_id, 0.0)
        driver.runtime.kill("never-heard-of", 0.0)
        assert (await driver.ended(early.task_id)).condition is Condition.KILLED
        assert (await driver.ended("never-heard-of")).condition is Condition.LOST

    drive(tmp_path, work)


def test_the_next_daemon_adopts_what_runs_and_ends_the_rest_but_nothing_foreign(tmp_path: Path, image: str) -> None:
    kept, other, over, never = (f"{name}.instance-1._app.1" for name in ("kept", "other", "over", "never"))
    engine = client()
    foreign = engine.create_container(image, "sleep 600", labels={CLUSTER_LABEL: "another"})["Id"]

    async def first() -> None:
        driver = Driver(tmp_path)
        wanted = container(image, driver, network="bridge")
        command = "echo one; while [ ! -e $MESOS_SANDBOX/go ]; do sleep 0.1; done; echo two; exit 7"
        for task_id in (kept, other, over):
            await driver.running(replace(spec(wanted, command), task_id=task_id))
            await driver.until(lambda task_id=task_id: driver.output(task_id=task_id), "some output")  # type: ignore[misc]
        for task in asyncio.all_tasks() - {asyncio.current_task()}:  # as if the daemon were killed
            task.cancel()

    def from_outside() -> None:
        engine.start(foreign)
        asyncio.run(first())
        (tmp_path / "local" / "tasks" / over / "go").touch()

    async def second(driver: Driver) -> None:
        ids = {it["Labels"]["ciprov.task"]: it["Id"] for it in driver.own_containers()}
        await asyncio.to_thread(engine.wait, ids[over])
        await driver.runtime.recover([kept, over, never])
        await driver.ended(over)
        assert [(it.condition, it.message) for it in driver.updates if it.task_id == over][-1] == (
            Condition.FAILED,
            "Container exited with status 7",
        )
        assert driver.conditions(kept) == [Condition.RUNNING]
        assert driver.conditions(never) == [Condition.LOST]
        assert driver.conditions(other) == []
        assert [it["Id"] for it in driver.own_containers()] == [ids[kept]]
        (tmp_path / "local" / "tasks" / kept / "go").touch()
        await driver.ended(kept)
        assert driver.output(task_id=kept) == driver.output(task_id=over) == "one\ntwo\n"

    try:
        from_outside()
        drive(tmp_path, second)
        assert engine.inspect_container(foreign)["State"]["Running"]
    finally:
        engine.remove_container(foreign, force=True)


def test_what_a_killed_daemon_left_is_ended_with_its_network(tmp_path: Path, image: str) -> None:
    async def first() -> None:
        driver = Driver(tmp_path)
        await driver.running(spec(container(image, driver, network="bridge"), SLEEPING))

    asyncio.run(first())
    end_leftovers(Layout(tmp_path))

    async def nothing(_: Driver) -> None:
        """The driver's own checks are the test."""

    drive(tmp_path, nothing)


def test_commands_beside_the_task_run_in_its_container(tmp_path: Path, image: str) -> None:
    async def work(driver: Driver) -> None:
        await driver.running(spec(container(image, driver, network="host"), SLEEPING, NAME="inside"))
        session = await driver.runtimes.commands.start(
            TASK, ["sh", "-c", "read x; echo $x $NAME $MORE; echo e >&2; exit 4"], {"MORE": "more"}
        )
        await session.write(b"typed\n")
        await session.write(b"")
        pieces = [piece async for piece in session.output()]
        assert {
            stream: b"".join(it.data for it in pieces if it.stream == stream) for stream in ("STDOUT", "STDERR")
        } == {
            "STDOUT": b"typed inside more\n",
            "STDERR": b"e\n",
        }
        assert await session.wait() == 4 << 8
        await session.close()

        endless = await driver.runtimes.commands.start(TASK, ["sleep", "600"], {})
        await endless.close()
        top = client().top(driver.own_containers()[0]["Id"])
        assert not any("600" in " ".join(row) for row in top["Processes"])

        place = driver.runtimes.place(TASK, App(id="/app"), {})
        await place.run("test $NAME = inside")
        with pytest.raises(ProbeFailed, match=r"Command exited with status 2: bad"):
            await place.run("echo bad >&2; exit 2")

    drive(tmp_path, work)


def test_without_an_engine_the_task_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")

    async def main() -> None:
        driver = Driver(tmp_path)
        update = await driver.run(spec(container("app:1", driver, network="host"), "true"))
        assert update.condition is Condition.ERROR
        assert update.message.startswith(f"no Docker engine answers at unix://{tmp_path}/none.sock")
        assert "apt-get install docker.io" in update.message
        await driver.runtime.shutdown(0.0)

    asyncio.run(main())
