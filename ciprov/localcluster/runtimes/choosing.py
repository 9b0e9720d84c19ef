"""Which runtime takes a task: containers for those with an image, processes for all others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ciprov.localcluster.runtimes.docker.runtime import DockerRuntime
from ciprov.localcluster.runtimes.port import LaunchSpec, Runtime
from ciprov.localcluster.runtimes.sandbox import Sandboxes


class ChoosingRuntime:
    """Implements `Runtime` on top of both."""

    def __init__(self, processes: Runtime, containers: DockerRuntime, sandboxes: Sandboxes) -> None:
        self._processes = processes
        self._containers = containers
        self._sandboxes = sandboxes

    def launch(self, spec: LaunchSpec) -> None:
        (self._containers if spec.container is not None else self._processes).launch(spec)

    def kill(self, task_id: str, grace_seconds: float) -> None:
        (self._containers if self._containers.knows(task_id) else self._processes).kill(task_id, grace_seconds)

    async def recover(self, expected: Sequence[str]) -> None:
        contained = [task_id for task_id in expected if self._sandboxes.is_contained(task_id)]
        others = [task_id for task_id in expected if task_id not in set(contained)]
        await asyncio.gather(self._containers.recover(contained), self._processes.recover(others))

    async def shutdown(self, grace_seconds: float) -> None:
        await asyncio.gather(self._containers.shutdown(grace_seconds), self._processes.shutdown(grace_seconds))
