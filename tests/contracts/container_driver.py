"""Drives a cluster's runtimes with a real Docker engine, for tests of containers. Ends all that it started."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from ciprov.localcluster.daemon.files import Layout, service_address
from ciprov.localcluster.daemon.runtimes import build_runtimes
from ciprov.localcluster.model import Condition
from ciprov.localcluster.runtimes.docker.creation import CLUSTER_LABEL
from ciprov.localcluster.runtimes.docker.network import network_name
from ciprov.localcluster.runtimes.port import ContainerSpec, LaunchSpec, TaskUpdate
from ciprov.localcluster.runtimes.volumes import Living

PATIENCE = 60.0
TASK = "app.instance-1._app.1"
FINAL = {Condition.FINISHED, Condition.FAILED, Condition.KILLED, Condition.ERROR, Condition.LOST}
SLEEPING = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.1; done"


class Driver:
    """The runtimes of a cluster below `root`, and the updates they made."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root)
        self.layout.prepare()
        self.address = service_address(root)
        self.updates: list[TaskUpdate] = []
        self.gateways: list[str] = []
        self.apps = ["/app"]
        self.instances = ["app.instance-1"]
        living = Living(lambda: self.apps, lambda: self.instances)
        self.runtimes = build_runtimes(
            self.layout, self.updates.append, lambda it: self.gateways.append(it.gateway), living
        )
        self.runtime = self.runtimes.chosen

    def conditions(self, task_id: str = TASK) -> list[Condition]:
        return [update.condition for update in self.updates if update.task_id == task_id]

    def output(self, name: str = "stdout", task_id: str = TASK) -> str:
        file = self.runtimes.sandboxes.path(task_id) / name
        return file.read_text() if file.exists() else ""

    async def until(self, holds: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < deadline, f"timed out: {what}; {self.updates}"
            await asyncio.sleep(0.02)

    async def running(self, spec: LaunchSpec) -> None:
        self.runtime.launch(spec)
        await self.until(lambda: self.conditions(spec.task_id), "running")
        assert self.conditions(spec.task_id) == [Condition.RUNNING], self.updates

    async def ended(self, task_id: str = TASK) -> TaskUpdate:
        await self.until(lambda: set(self.conditions(task_id)) & FINAL, "ended")
        return next(it for it in self.updates if it.task_id == task_id and it.condition in FINAL)

    async def run(self, spec: LaunchSpec) -> TaskUpdate:
        self.runtime.launch(spec)
        return await self.ended(spec.task_id)

    def own_containers(self) -> list[Any]:
        return client().containers(all=True, filters={"label": f"{CLUSTER_LABEL}={self.layout.cluster_id}"})


def client() -> Any:
    from docker import APIClient

    return APIClient(os.environ.get("DOCKER_HOST"), timeout=60)


def drive(root: Path, work: Callable[[Driver], Awaitable[None]]) -> None:
    async def main() -> None:
        driver = Driver(root)
        try:
            await work(driver)
        finally:
            await driver.runtime.shutdown(0.0)
        assert driver.own_containers() == []
        names = [network["Name"] for network in client().networks()]
        assert network_name(driver.layout.cluster_id) not in names

    asyncio.run(main())


def container(image: str, driver: Driver, **more: Any) -> ContainerSpec:
    return ContainerSpec(**{
        "app_id": "/app", "instance_id": "app.instance-1", "image": image, "host": driver.address, "cpus": 0.1,
        "mem": 32.0, **more,
    })  # fmt: skip


def spec(wanted: ContainerSpec, command: str | None, **environment: str) -> LaunchSpec:
    return LaunchSpec(TASK, command, (), environment, (), 3.0, container=wanted)
