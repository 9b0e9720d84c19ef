"""No container is left, and no other one is ended, when the engine is away at the wrong moment."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from container_driver import SLEEPING, TASK, Driver, client, container, drive, spec
from docker_image import busybox_image
from engine_proxy import EngineProxy, engine_proxy

from ciprov.localcluster.model import Condition


@pytest.fixture(scope="module")
def image() -> str:
    return busybox_image()


@pytest.fixture
def proxy(tmp_path: Path, image: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[EngineProxy]:
    with engine_proxy(tmp_path, monkeypatch) as proxy:
        yield proxy


def die() -> None:
    """As if the daemon were killed."""
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


def test_a_container_that_could_not_be_removed_goes_when_the_engine_answers(
    tmp_path: Path, image: str, proxy: EngineProxy
) -> None:
    async def work(driver: Driver) -> None:
        proxy.refused = b"DELETE"
        assert (await driver.run(spec(container(image, driver), "exit 3"))).condition is Condition.FAILED
        assert len(driver.own_containers()) == 1
        proxy.refused = None
        await driver.until(lambda: not driver.own_containers(), "the container goes")
        assert driver.conditions() == [Condition.RUNNING, Condition.FAILED]

    drive(tmp_path / "state", work)


def test_a_container_that_could_not_be_removed_goes_when_the_next_daemon_starts(
    tmp_path: Path, image: str, proxy: EngineProxy
) -> None:
    async def first() -> None:
        driver = Driver(tmp_path / "state")
        proxy.refused = b"DELETE"
        await driver.run(spec(container(image, driver), "true"))
        assert len(driver.own_containers()) == 1
        die()

    async def second(driver: Driver) -> None:
        proxy.refused = None
        await driver.runtime.recover([])
        assert driver.own_containers() == []

    asyncio.run(first())
    drive(tmp_path / "state", second)


@pytest.mark.parametrize("request_", [b"/containers/create?", b"/start "])
def test_a_container_is_ended_whose_start_was_not_answered(
    tmp_path: Path, image: str, proxy: EngineProxy, request_: bytes
) -> None:
    async def work(driver: Driver) -> None:
        proxy.unanswered = request_
        update = await driver.run(spec(container(image, driver), SLEEPING))
        assert update.condition is Condition.ERROR, update
        assert len(driver.own_containers()) == 1
        proxy.unanswered = None
        await driver.until(lambda: not driver.own_containers(), "the container goes")

    drive(tmp_path / "state", work)


def test_tasks_are_lost_where_the_engine_is_away_at_the_start_and_their_containers_end_when_it_returns(
    tmp_path: Path, image: str, proxy: EngineProxy
) -> None:
    async def first() -> None:
        driver = Driver(tmp_path / "state")
        await driver.running(spec(container(image, driver), SLEEPING))
        die()

    async def second(driver: Driver) -> None:
        proxy.cut()
        await driver.runtime.recover([TASK])
        assert driver.conditions() == [Condition.LOST]
        assert "no Docker engine answers" in driver.updates[0].message
        proxy.mend()
        fresh = replace(spec(container(image, driver), SLEEPING), task_id="app.instance-1._app.2")
        await driver.running(fresh)
        await driver.until(lambda: len(driver.own_containers()) == 1, "the lost task's container ends")
        assert driver.runtimes.containers.container_of(fresh.task_id) == driver.own_containers()[0]["Id"]
        assert driver.conditions() == [Condition.LOST]

    asyncio.run(first())
    drive(tmp_path / "state", second)


def test_a_container_that_goes_while_the_next_daemon_looks_costs_no_other_task(
    tmp_path: Path, image: str, proxy: EngineProxy
) -> None:
    gone, kept = "gone.instance-1._app.1", "kept.instance-1._app.1"
    engine = client()

    async def first() -> None:
        driver = Driver(tmp_path / "state")
        for task_id in (gone, kept):
            await driver.running(replace(spec(container(image, driver), SLEEPING), task_id=task_id))
        die()

    async def second(driver: Driver) -> None:
        ids = {it["Labels"]["MESOS_TASK_ID"]: it["Id"] for it in driver.own_containers()}
        looked_at = f"/containers/{ids[gone]}/json".encode()
        proxy.before = lambda request: engine.remove_container(ids[gone], force=True) if looked_at in request else None
        await driver.runtime.recover([gone, kept])
        proxy.before = lambda _: None
        assert (driver.conditions(gone), driver.conditions(kept)) == ([Condition.LOST], [Condition.RUNNING])

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DOCKER_HOST")
        engine = client()
    asyncio.run(first())
    drive(tmp_path / "state", second)


def test_a_kill_that_the_engine_did_not_hear_is_repeated(tmp_path: Path, image: str, proxy: EngineProxy) -> None:
    async def work(driver: Driver) -> None:
        await driver.running(spec(container(image, driver), SLEEPING))
        proxy.refused = b"/kill?"
        driver.runtime.kill(TASK, 0.1)
        await asyncio.sleep(1.0)
        proxy.refused = None
        assert (await driver.ended()).condition is Condition.KILLED

    drive(tmp_path / "state", work)
