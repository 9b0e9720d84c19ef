"""Images from a registry that wants credentials."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from container_driver import TASK, Driver, client, container, drive, spec
from docker_image import busybox_image
from image_registry import PASSWORD, ImageRegistry

from ciprov.localcluster.definitions.app import FetchUri
from ciprov.localcluster.model import Condition
from ciprov.localcluster.runtimes.docker.engine import PULLS_AT_ONCE
from ciprov.localcluster.runtimes.port import LaunchSpec


@pytest.fixture
def registry() -> Iterator[ImageRegistry]:
    busybox_image()
    with ImageRegistry().serving() as registry:
        yield registry
        engine = client()
        for image in engine.images():
            names = [*(image.get("RepoTags") or ()), *(image.get("RepoDigests") or ())]
            if any(name.startswith(registry.name) for name in names):
                engine.remove_image(image["Id"], force=True)


@pytest.fixture
def docker_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the user's own credentials are."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path / "config.json"


def fetched(directory: Path, config: object) -> tuple[FetchUri, ...]:
    archive, content = directory / "docker.tar.gz", json.dumps(config).encode()
    with tarfile.open(archive, "w:gz") as tar:
        file = tarfile.TarInfo(".docker/config.json")
        file.size = len(content)
        tar.addfile(file, io.BytesIO(content))
    return (FetchUri(uri=f"file://{archive}"),)


def wanting(driver: Driver, image: str, number: int = 1, *, force: bool = False) -> LaunchSpec:
    made = spec(container(image, driver, force_pull=force), None)
    return replace(made, task_id=f"app.instance-1._app.{number}")


def test_credentials_of_a_fetched_archive_are_those_of_the_pull(
    tmp_path: Path, registry: ImageRegistry, docker_config: Path
) -> None:
    registry.put("team/app", "1", "first")
    image = f"{registry.name}/team/app:1"

    async def work(driver: Driver) -> None:
        without = await driver.run(wanting(driver, image))
        assert without.condition is Condition.FAILED
        assert without.message.startswith(f"Failed to launch container: Failed to pull image '{image}'")
        assert "no basic auth credentials" in without.message
        assert "docker.tar.gz" in without.message
        docker_config.write_text(json.dumps(registry.credentials()))
        others = replace(wanting(driver, image, 2), fetch=fetched(tmp_path, {"auths": {}}))
        assert (await driver.run(others)).condition is Condition.FAILED
        docker_config.write_text("{}")
        right = replace(wanting(driver, image, 3), fetch=fetched(tmp_path, registry.credentials()))
        update = await driver.run(right)
        assert update.condition is Condition.FINISHED, update
        assert driver.output(task_id=right.task_id) == "first\n"
        assert PASSWORD not in str(driver.updates)

    drive(tmp_path / "state", work)


@pytest.mark.filterwarnings("ignore:docker-credential")
def test_a_user_who_logs_in_after_the_daemon_started_is_known(
    tmp_path: Path, registry: ImageRegistry, docker_config: Path
) -> None:
    by_digest = registry.put("team/app", "1", "first")
    docker_config.write_text(json.dumps({"auths": {"elsewhere.example": {"auth": "YTpi"}}}))

    async def work(driver: Driver) -> None:
        assert (await driver.run(wanting(driver, by_digest))).condition is Condition.FAILED
        docker_config.write_text(json.dumps(registry.credentials()))
        assert (await driver.run(wanting(driver, by_digest, 2))).condition is Condition.FINISHED
        docker_config.write_text(json.dumps({"credsStore": "not-installed"}))
        update = await driver.run(wanting(driver, f"{registry.name}/team/other:1", 3))
        assert update.condition is Condition.FAILED
        assert "the user's registry credentials cannot be read" in update.message

    drive(tmp_path / "state", work)


def test_only_a_forced_pull_asks_for_an_image_that_is_here(
    tmp_path: Path, registry: ImageRegistry, docker_config: Path
) -> None:
    docker_config.write_text(json.dumps(registry.credentials()))
    registry.put("team/app", "latest", "old")
    image = f"{registry.name}/team/app"

    async def work(driver: Driver) -> None:
        await driver.run(wanting(driver, image))
        registry.put("team/app", "latest", "new")
        asked = len(registry.asked)
        await driver.run(wanting(driver, image, 2))
        assert len(registry.asked) == asked
        await driver.run(wanting(driver, image, 3, force=True))
        outputs = [driver.output(task_id=f"app.instance-1._app.{number}") for number in (1, 2, 3)]
        assert outputs == ["old\n", "old\n", "new\n"]
        update = await driver.run(wanting(driver, f"{registry.name}/team/app:never", 4))
        assert (update.condition, "team/app:never" in update.message) == (Condition.FAILED, True)

    drive(tmp_path / "state", work)


def test_a_killed_task_gives_up_its_pull(tmp_path: Path, registry: ImageRegistry, docker_config: Path) -> None:
    docker_config.write_text(json.dumps(registry.credentials()))
    registry.put("team/app", "1", "first")
    registry.slow = True

    async def work(driver: Driver) -> None:
        driver.runtime.launch(wanting(driver, f"{registry.name}/team/app:1"))
        await driver.until(registry.under_way.is_set, "the pull is under way")
        driver.runtime.kill(TASK, 30.0)
        assert (await driver.ended()).condition is Condition.KILLED
        await driver.until(registry.given_up.is_set, "the engine gives up the pull")

    drive(tmp_path / "state", work)


def test_tasks_that_want_the_same_image_at_once_do_not_each_pull_it(
    tmp_path: Path, registry: ImageRegistry, docker_config: Path
) -> None:
    docker_config.write_text(json.dumps(registry.credentials()))
    registry.put("team/app", "1", "first")

    async def work(driver: Driver) -> None:
        tasks = [wanting(driver, f"{registry.name}/team/app:1", number) for number in range(12)]
        for task in tasks:
            driver.runtime.launch(task)
        for task in tasks:
            assert (await driver.ended(task.task_id)).condition is Condition.FINISHED
        assert registry.asked.count("/v2/") <= PULLS_AT_ONCE

    drive(tmp_path / "state", work)
