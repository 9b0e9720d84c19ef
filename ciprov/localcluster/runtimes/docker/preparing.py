"""From a launch specification to what the engine is to be asked for: sandbox, image, network and volumes are there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from ciprov.localcluster.runtimes.docker import images
from ciprov.localcluster.runtimes.docker.creation import Bridge, Creation, Surroundings, creation, needs_bridge
from ciprov.localcluster.runtimes.docker.engine import DockerEngine
from ciprov.localcluster.runtimes.docker.network import ClusterNetwork
from ciprov.localcluster.runtimes.fetching import Fetching
from ciprov.localcluster.runtimes.port import LaunchSpec
from ciprov.localcluster.runtimes.sandbox import Sandboxes
from ciprov.localcluster.runtimes.volumes import Volumes, open_to_all

T = TypeVar("T")


class KilledEarly(Exception):
    """The task is to end before its container was started."""


@dataclass(frozen=True, slots=True)
class Territory:
    """What belongs to one cluster: its name in labels, its sandboxes, its persistent volumes."""

    cluster: str
    sandboxes: Sandboxes
    volumes: Volumes


@dataclass(frozen=True, slots=True)
class Preparation:
    """`bridged` hears of the cluster's bridge whenever a container is about to use it."""

    engine: DockerEngine
    territory: Territory
    fetching: Fetching
    network: ClusterNetwork
    bridged: Callable[[Bridge], None]

    async def of(self, spec: LaunchSpec, cancelled: asyncio.Event) -> tuple[Creation, str]:
        """What to create, and the signal by which the container ends.

        Raises KilledEarly when `cancelled` is set meanwhile; BadContainer for what the app's author must change;
        ImageMissing, EngineUnavailable, EngineRefused, ValueError or OSError for what cannot be had.
        """
        wanted = spec.container
        assert wanted is not None
        sandbox = self.territory.sandboxes.path(spec.task_id)
        sandbox.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The container's user may be any; on the host the directories above keep others out.
        sandbox.chmod(0o777)
        if spec.fetch:
            await self.fetching.into(sandbox, spec, cancelled)
        image = await _unless(cancelled, images.ensure(self.engine, wanted.image, sandbox, force=wanted.force_pull))
        config = image.get("Config") or {}
        bridge = None
        if needs_bridge(wanted):
            bridge = await _unless(cancelled, self.network.ensured())
            self.bridged(bridge)
        if wanted.network_is_named:
            await _unless(cancelled, self.network.check(wanted.network))
        volumes = self.territory.volumes.of(wanted.app_id, wanted.instance_id)
        around = Surroundings(self.territory.cluster, sandbox, volumes, bridge, config.get("WorkingDir") or "")
        made = creation(spec, around)
        for directory in made.directories:
            open_to_all(directory)
        return made, made.body.get("StopSignal") or config.get("StopSignal") or "SIGTERM"


async def _unless(cancelled: asyncio.Event, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`; raises `KilledEarly` as soon as `cancelled` is set."""
    working = asyncio.ensure_future(work)
    asked = asyncio.ensure_future(cancelled.wait())
    try:
        await asyncio.wait({working, asked}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise KilledEarly
        return working.result()
    finally:
        asked.cancel()
        working.cancel()
