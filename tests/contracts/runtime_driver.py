"""Drives a process runtime in a loop of its own, for tests that need real processes. Ends all that it started."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from ciprov.localcluster.definitions.app import FetchUri
from ciprov.localcluster.model import Condition
from ciprov.localcluster.runtimes import proc
from ciprov.localcluster.runtimes.port import LaunchSpec, TaskUpdate
from ciprov.localcluster.runtimes.process import ProcessRuntime
from ciprov.localcluster.runtimes.sandbox import Sandboxes
from ciprov.localcluster.runtimes.volumes import Volumes

PATIENCE = 15.0
TASK = "app.instance-1._app.1"
FINAL = {Condition.FINISHED, Condition.FAILED, Condition.KILLED, Condition.ERROR, Condition.LOST}


async def until(holds: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"timed out: {what}"
        await asyncio.sleep(0.01)


def is_gone(pid: int) -> bool:
    found = proc.stat(pid)
    return found is None or found.zombie


def shell(command: str | None, task_id: str = TASK, *, fetch: tuple[FetchUri, ...] = (), **more: str) -> LaunchSpec:
    return LaunchSpec(task_id, command, (), more, fetch, 3.0)


class Driver:
    """A runtime over directories below `root`, and the updates it made."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.sandboxes = Sandboxes(root / "tasks", root / "supervised")
        self.sandboxes.prepare()
        self.updates: list[TaskUpdate] = []
        self.runtime = ProcessRuntime(self.sandboxes, Volumes(root / "volumes"), root / "cache", self.updates.append)

    def conditions(self, task_id: str) -> list[Condition]:
        return [update.condition for update in self.updates if update.task_id == task_id]

    def final(self, task_id: str) -> TaskUpdate | None:
        return next((each for each in self.updates if each.task_id == task_id and each.condition in FINAL), None)

    async def running(self, spec: LaunchSpec) -> Path:
        """Launch and wait until it runs; gives the sandbox."""
        self.runtime.launch(spec)
        await until(lambda: self.conditions(spec.task_id), f"{spec.task_id} running")
        assert self.conditions(spec.task_id) == [Condition.RUNNING], self.updates
        return self.sandboxes.path(spec.task_id)

    async def ended(self, task_id: str) -> TaskUpdate:
        await until(lambda: self.final(task_id), f"{task_id} ended")
        update = self.final(task_id)
        assert update is not None
        return update

    async def content(self, path: Path) -> str:
        await until(lambda: path.exists() and path.read_text().endswith("\n"), f"{path.name} written")
        return path.read_text().strip()

    def supervisor(self, task_id: str) -> int:
        status = json.loads((self.sandboxes.papers(task_id) / "status.json").read_text())
        return int(status["supervisor"])

    async def close(self) -> None:
        await self.runtime.shutdown(0.0)

    def forget(self) -> None:
        """As if the daemon were killed: nothing is watched any more, and nothing ended."""
        loop = asyncio.get_running_loop()
        for task in list(self.runtime._tasks.values()):
            loop.remove_reader(task.pidfd)
            os.close(task.pidfd)
        self.runtime._tasks.clear()


def drive(root: Path, work: Callable[[Driver], Awaitable[None]]) -> None:
    """Do `work` with a driver, and end what it left."""

    async def main() -> None:
        driver = Driver(root)
        try:
            await work(driver)
        finally:
            await driver.close()

    asyncio.run(main())
