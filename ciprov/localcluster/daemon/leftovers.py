"""What a daemon that was killed left running. To be called under the cluster's lock."""

from __future__ import annotations

import asyncio
import contextlib
import os

from ciprov.localcluster.daemon.files import Layout
from ciprov.localcluster.daemon.runtimes import build_runtimes
from ciprov.localcluster.runtimes.docker.engine import EngineRefused, EngineUnavailable, from_environment
from ciprov.localcluster.runtimes.docker.ownership import take_over


def end_leftovers(layout: Layout) -> None:
    """End all tasks of the cluster, each within its own grace; returns when they are gone."""
    sandboxes = layout.sandboxes()
    supervised = sandboxes.supervised.is_dir() and any(sandboxes.supervised.iterdir())
    if not supervised and not sandboxes.contained.is_dir():
        return

    async def end() -> None:
        # Whatever nobody expects is ended, and here nobody expects anything.
        runtime = build_runtimes(layout, lambda _: None).chosen
        await runtime.recover([])
        await runtime.shutdown(0.0)

    asyncio.run(end())


def make_removable(layout: Layout) -> None:
    """Own the directories that containers left in sandboxes and volumes, as far as the Docker engine helps."""

    async def own() -> None:
        for directory in (layout.sandboxes().tasks, layout.volumes):
            await take_over(from_environment(), layout.cluster_id, directory, (os.getuid(), os.getgid()))

    if os.getuid() != 0:
        with contextlib.suppress(EngineUnavailable, EngineRefused):
            asyncio.run(own())
