"""Fetching for a task that is about to start, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from pathlib import Path
from typing import Any

from ciprov.localcluster.runtimes.port import LaunchSpec

FETCHES_AT_ONCE = 8

logger = logging.getLogger(__name__)


class Fetching:
    """`cache` keeps what `fetch` entries with `cache: true` downloaded."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._fetches = asyncio.Semaphore(FETCHES_AT_ONCE)

    async def into(self, sandbox: Path, spec: LaunchSpec, cancelled: asyncio.Event) -> None:
        """Returns early where the task is killed meanwhile. Raises ValueError where a URI fails."""
        from ciprov.localcluster.runtimes.fetch import FetchCancelled, FetchFailed, fetch_all  # slow to import

        loop = asyncio.get_running_loop()
        done: asyncio.Future[Exception | None] = loop.create_future()

        def settle(error: Exception | None) -> None:
            if not done.done():
                done.set_result(error)

        def work() -> None:
            error: Exception | None = None
            try:
                fetch_all(spec.fetch, sandbox, self._cache, cancelled.is_set)
            except Exception as caught:
                error = caught
            with contextlib.suppress(RuntimeError):  # the loop may be closed by now
                loop.call_soon_threadsafe(settle, error)

        async with self._fetches:
            # A daemon thread: a download that hangs must not keep the process from ending.
            threading.Thread(target=work, name=f"fetch {spec.task_id}", daemon=True).start()
            asked = asyncio.ensure_future(cancelled.wait())
            either: list[asyncio.Future[Any]] = [done, asked]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
        error = done.result() if done.done() else None
        if error is None or isinstance(error, FetchCancelled):
            return
        if not isinstance(error, FetchFailed):
            logger.error("fetching for task_id=%s failed unexpectedly", spec.task_id, exc_info=error)
        raise ValueError(f"Failed to fetch all URIs for container '{spec.task_id}': {error}")
