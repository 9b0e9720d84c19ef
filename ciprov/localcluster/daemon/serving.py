"""One life of the daemon: cluster, descriptor, wait for a signal, and back in reverse order."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import resource
import signal
from datetime import UTC, datetime
from typing import Any

from ciprov.localcluster.daemon.cluster import EmbeddedCluster, Place
from ciprov.localcluster.daemon.descriptor import Descriptor
from ciprov.localcluster.daemon.files import ClusterLock, Layout, credential, service_address, write_atomically
from ciprov.localcluster.daemon.options import Options
from ciprov.localcluster.daemon.sockets import listening
from ciprov.localcluster.runtimes import proc
from ciprov.localcluster.timestamps import timestamp

OPEN_FILES = 65536
LOOK_SECONDS = 2.0
"""So often the daemon looks whether its files are still there."""

logger = logging.getLogger(__name__)


def serve(layout: Layout, options: Options, lock: ClusterLock) -> None:
    """Run the cluster under its lock until a signal asks to stop, or its files are gone.

    Raises OSError, DatabaseUnusable or BadOptions where it cannot start, and DatabaseUnusable where it cannot go on.
    """
    options.check()
    _allow_many_files()
    asyncio.run(_live(layout, options, lock))


async def _live(layout: Layout, options: Options, lock: ClusterLock) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    address = service_address(layout.state_dir)
    place = Place(layout, address, listening(address), credential(layout.credential))
    cluster = EmbeddedCluster(place, options)
    await cluster.start()
    write_atomically(layout.options, json.dumps(options.given()) + "\n")
    write_atomically(layout.descriptor, _descriptor(place, options).to_json())
    logger.info("serving on http://%s, pid=%d", place.endpoint, os.getpid())
    asked, removed = asyncio.ensure_future(stop.wait()), asyncio.ensure_future(_removal(lock))
    either: set[asyncio.Future[Any]] = {asked, removed, cluster.failed}
    await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    asked.cancel()
    removed.cancel()
    if not lock.in_place():
        # Nobody could find it any more, nor its tasks. What is there now may be another's: it is left alone.
        logger.error("%s was removed: ending with all tasks", layout.directory)
        await cluster.stop()
        return
    # Gone first: whoever looks for a cluster now must not find one that is about to end.
    layout.descriptor.unlink(missing_ok=True)
    if not cluster.failed.done():
        logger.info("stopping")
        await cluster.stop()
    if cluster.failed.done():
        logger.error("stopping because of a fault: tasks that run are adopted by the next start")
        await cluster.abandon()
        raise cluster.failed.result()
    logger.info("stopped")


async def _removal(lock: ClusterLock) -> None:
    """Returns when the cluster's files were removed."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        if not lock.in_place():
            return


def _descriptor(place: Place, options: Options) -> Descriptor:
    own = proc.stat(os.getpid())
    ticks = own.start if own is not None else 0
    url = f"http://{place.endpoint}"
    return Descriptor(
        pid=os.getpid(),
        started_at=timestamp(datetime.now(UTC)),
        process_start=proc.started_at(ticks),
        start_ticks=ticks,
        boot_id=proc.boot_id(),
        marathon=url,
        mesos=url,
        credential_file=str(place.layout.credential),
        service_address=place.address,
        log=str(place.layout.log),
        options=options.given(),
    )


def _allow_many_files() -> None:
    """Every task, probe and forwarded connection needs a few; the usual soft limit ends at some hundred tasks."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
