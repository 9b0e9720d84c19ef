"""A container's output in its sandbox, and what others do to a container."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest
from container_driver import SLEEPING, TASK, Driver, client, container, drive, spec
from docker_image import busybox_image

from ciprov.localcluster.model import Condition
from ciprov.localcluster.runtimes.docker.engine import from_environment
from ciprov.localcluster.runtimes.docker.ownership import foreign_directories, take_over


@pytest.fixture(scope="module")
def image() -> str:
    return busybox_image()


def test_all_output_of_a_container_that_ended_is_copied_however_much_it_is(
    tmp_path: Path, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A standstill of the copy ends it; what takes longer than that does not.
    monkeypatch.setattr("ciprov.localcluster.runtimes.docker.logs.STANDSTILL_SECONDS", 0.3)
    size = 60_000_000

    async def work(driver: Driver) -> None:
        command = f"head -c {size} /dev/zero | tr '\\0' x | fold -w 1000; echo; echo end"
        assert (await driver.run(spec(container(image, driver), command))).condition is Condition.FINISHED
        file = driver.runtimes.sandboxes.path(TASK) / "stdout"
        assert file.stat().st_size == size + size // 1000 + len("end\n")
        with file.open("rb") as content:
            content.seek(-5, 2)
            assert content.read() == b"\nend\n"

    drive(tmp_path, work)


@pytest.mark.parametrize("parameters", [(), (("log-opt", "max-size=20k"), ("log-opt", "max-file=2"))])
def test_the_next_daemon_goes_on_with_the_output_also_where_the_engine_kept_its_latest_part_only(
    tmp_path: Path, image: str, parameters: tuple[tuple[str, str], ...]
) -> None:
    wait = "while [ ! -e $MESOS_SANDBOX/{0} ]; do sleep 0.1; done; "
    command = (
        f"seq 1000 1199; echo first >&2; {wait.format('away')} seq 1200 1999; sleep 0.5; echo second >&2; "
        f"touch $MESOS_SANDBOX/said; {wait.format('back')} seq 2000 2009; echo third >&2"
    )

    async def first() -> None:
        driver = Driver(tmp_path)
        await driver.running(spec(container(image, driver, parameters=parameters), command))
        await driver.until(lambda: "first" in driver.output("stderr") and "1199" in driver.output(), "some output")
        for task in asyncio.all_tasks() - {asyncio.current_task()}:  # as if the daemon were killed
            task.cancel()

    async def second(driver: Driver) -> None:
        sandbox = driver.runtimes.sandboxes.path(TASK)
        (sandbox / "away").touch()
        await driver.until((sandbox / "said").exists, "output while no daemon was there")
        # Engines lose sight of a log that they rotate while it is read from: let this one write down what was said.
        await asyncio.sleep(1.0)
        await driver.runtime.recover([TASK])
        await driver.until(lambda: "1999" in driver.output(), "what the engine still had")
        (sandbox / "back").touch()
        await driver.ended()
        lines = [int(line) for line in driver.output().split()]
        assert lines[:200] == list(range(1000, 1200))
        assert lines[200:] == list(range(lines[200], 2010))
        assert (lines[200] > 1200) == bool(parameters)
        assert driver.output("stderr").split() == ["first", "second", "third"]

    asyncio.run(first())
    drive(tmp_path, second)


def test_output_that_the_engine_cannot_read_is_said_in_its_place(tmp_path: Path, image: str) -> None:
    async def work(driver: Driver) -> None:
        await driver.run(spec(container(image, driver, parameters=(("log-driver", "none"),)), "echo lost"))
        assert driver.output() == ""
        assert driver.output("stderr") == (
            "The output of this task cannot be read from the Docker engine: "
            "configured logging driver does not support reading\n"
        )

    drive(tmp_path, work)


def test_a_container_that_others_end_remove_or_restart_is_a_task_that_failed(tmp_path: Path, image: str) -> None:
    async def work(driver: Driver) -> None:
        engine = client()
        for number, action in enumerate((
            engine.kill,
            lambda it: engine.remove_container(it, force=True),
            lambda it: engine.restart(it, timeout=0),
        )):  # fmt: skip
            task = replace(spec(container(image, driver), SLEEPING), task_id=f"app.instance-1._app.{number}")
            await driver.running(task)
            await asyncio.to_thread(action, driver.runtimes.containers.container_of(task.task_id))
            update = await driver.ended(task.task_id)
            assert (update.condition, update.message) == (Condition.FAILED, "Container exited with status 137")
            assert driver.own_containers() == []

    drive(tmp_path, work)


def test_a_parameter_may_raise_the_memory(tmp_path: Path, image: str) -> None:
    async def work(driver: Driver) -> None:
        await driver.running(spec(container(image, driver, parameters=(("memory", "64m"),)), SLEEPING))
        limits = client().inspect_container(driver.own_containers()[0]["Id"])["HostConfig"]
        assert (limits["Memory"], limits["MemorySwap"]) == (64 * 1024**2, 64 * 1024**2)

    drive(tmp_path, work)


def test_nothing_of_a_cluster_that_stopped_is_asked_for_again(tmp_path: Path, image: str) -> None:
    async def work(driver: Driver) -> None:
        await driver.run(spec(container(image, driver), "true"))
        assert driver.runtimes.sandboxes.contained.is_dir()
        await driver.runtime.shutdown(0.0)
        assert not driver.runtimes.sandboxes.contained.exists()

    drive(tmp_path, work)


def test_directories_that_a_container_made_can_be_given_to_the_daemons_user(tmp_path: Path, image: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    async def work(driver: Driver) -> None:
        command = f"cd $MESOS_SANDBOX; mkdir -p a/b; touch a/b/file; chmod -R 500 a; ln -s {elsewhere} a-link"
        await driver.run(spec(container(image, driver), command))
        tasks, owner = driver.layout.sandboxes().tasks, os.getuid() + 1777
        await take_over(from_environment(), driver.layout.cluster_id, tasks, (owner, owner))
        assert foreign_directories(tasks, owner) == []
        sandbox = driver.runtimes.sandboxes.path(TASK)
        assert [(sandbox / each).stat().st_uid == owner for each in ("a", "a/b", "a/b/file")] == [True, True, False]
        assert (sandbox / "a").stat().st_mode & 0o777 == 0o700
        assert elsewhere.stat().st_uid == os.getuid()
        assert driver.own_containers() == []

    drive(tmp_path, work)
