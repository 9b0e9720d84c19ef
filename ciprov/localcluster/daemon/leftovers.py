"""What a daemon that was killed left running. To be called under the cluster's lock."""

from __future__ import annotations

import asyncio

from ciprov.localcluster.daemon.files import Layout
from ciprov.localcluster.runtimes.process import ProcessRuntime


def end_leftovers(layout: Layout) -> None:
    """End all tasks of the cluster, each within its own grace; returns when they are gone."""
    sandboxes = layout.sandboxes()
    if not sandboxes.supervised.is_dir() or not any(sandboxes.supervised.iterdir()):
        return

    async def end() -> None:
        # Whatever nobody expects is ended, and here nobody expects anything.
        await ProcessRuntime(sandboxes, layout.cache, lambda _: None).recover([])

    asyncio.run(end())
