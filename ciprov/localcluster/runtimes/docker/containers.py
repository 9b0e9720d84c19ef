"""What is done with a container that exists: wait for its end, tell it to end, remove it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from ciprov.localcluster.runtimes.docker.engine import DockerEngine, EngineRefused, EngineUnavailable
from ciprov.localcluster.runtimes.docker.stream import StreamFailed

ENGINE_WAIT_SECONDS = 60.0
RETRY_SECONDS = 1.0
NOT_FOUND = 404

logger = logging.getLogger(__name__)


async def until_ended(engine: DockerEngine, container: str) -> Any:
    """What the engine says about the ended container.

    None where it knows nothing of it any more, or does not answer for `ENGINE_WAIT_SECONDS`.
    """
    loop = asyncio.get_running_loop()
    silent_since: float | None = None
    while True:
        try:
            stream = await engine.stream("POST", f"/containers/{container}/wait?condition=not-running")
            try:
                while await stream.read():
                    pass
            finally:
                stream.close()
            silent_since = None
            found = await engine.call(lambda client: client.inspect_container(container))
            if not found["State"].get("Running"):
                return found
        except EngineRefused as error:
            if error.status == NOT_FOUND:
                return None
            logger.warning("container %s: the engine says %s", container, error)
        except (EngineUnavailable, StreamFailed, OSError) as error:
            silent_since = silent_since or loop.time()
            if loop.time() - silent_since > ENGINE_WAIT_SECONDS:
                logger.warning("container %s is given up: %s", container, error)
                return None
        await asyncio.sleep(RETRY_SECONDS)


async def signal(engine: DockerEngine, container: str, name: str) -> None:
    """One that has ended already is left alone."""
    try:
        await engine.call(lambda client: client.kill(container, name))
    except EngineRefused as error:
        logger.debug("container %s was not told %s: %s", container, name, error)
    except EngineUnavailable as error:
        logger.warning("container %s cannot be told %s: %s", container, name, error)


async def remove(engine: DockerEngine, container: str) -> None:
    """With its anonymous volumes."""
    try:
        await engine.call(lambda client: client.remove_container(container, v=True, force=True))
    except EngineRefused as error:
        if error.status != NOT_FOUND:
            logger.warning("container %s cannot be removed: %s", container, error)
    except EngineUnavailable as error:
        logger.warning("container %s cannot be removed: %s", container, error)
