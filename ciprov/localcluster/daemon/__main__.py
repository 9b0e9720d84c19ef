"""`python -m ciprov.localcluster.daemon --state-dir DIR`: serve the embedded cluster of DIR until SIGTERM."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

from ciprov.localcluster.daemon import logs
from ciprov.localcluster.daemon.exits import ALREADY_RUNNING, CANNOT_START
from ciprov.localcluster.daemon.files import ClusterLock, Layout
from ciprov.localcluster.daemon.options import BadOptions, Options, load


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m ciprov.localcluster.daemon", description=__doc__)
    parser.add_argument("--state-dir", type=Path, required=True)
    parser.add_argument("--agents", type=int)
    parser.add_argument("--cpus", type=float)
    parser.add_argument("--mem", type=int, help="MiB over all agents")
    parser.add_argument("--disk", type=int, help="MiB over all agents")
    parser.add_argument("--ports", help="range of host ports, such as 31000-32000")
    parser.add_argument("--attributes", help="of agents, such as 'agent-1:rack:r1;agent-2:rack:r2'")
    parser.add_argument("--roles", help="of agents, such as 'agent-2:public'")
    given = parser.parse_args()
    os.umask(0o077)
    layout = Layout(given.state_dir)
    layout.prepare()
    logs.set_up(layout.log)
    asked = Options(**{name: value for name, value in vars(given).items() if name != "state_dir"})
    return run(layout, asked)


def run(layout: Layout, asked: Options) -> int:
    logger = logging.getLogger("ciprov.localcluster.daemon")
    lock = ClusterLock.acquire(layout.lock)
    if lock is None:
        logger.info("another daemon serves this cluster already")
        return ALREADY_RUNNING
    try:
        # Imported under the lock: it takes a while, and who comes second shall know at once.
        from ciprov.localcluster.daemon.serving import serve
        from ciprov.localcluster.engine.database import DatabaseUnusable

        try:
            serve(layout, asked.over(load(layout.options)), lock)
        except (OSError, DatabaseUnusable, BadOptions) as error:
            logger.error("cannot go on: %s", error)
            return CANNOT_START
    except Exception:
        logger.exception("ended by a fault of its own")
        return CANNOT_START
    finally:
        lock.release()
    return 0


if __name__ == "__main__":
    sys.exit(main())
