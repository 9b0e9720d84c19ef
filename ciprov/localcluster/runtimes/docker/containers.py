"""What is done with a container that exists: wait for its end, tell it to end, remove it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from typing import Any

from ciprov.localcluster.runtimes.docker.creation import CLUSTER_LABEL
from ciprov.localcluster.runtimes.docker.engine import DockerEngine, EngineRefused, EngineUnavailable
from ciprov.localcluster.runtimes.docker.stream import StreamFailed

ENGINE_WAIT_SECONDS = 60.0
RETRY_SECONDS = 1.0
NOT_FOUND = 404

logger = logging.getLogger(__name__)


async def until_ended(engine: DockerEngine, container: str) -> Any:
    """What the engine says about the ended container; None where it knows nothing of it any more.

    Raises EngineUnavailable where it does not answer for `ENGINE_WAIT_SECONDS`.
    """
    loop = asyncio.get_running_loop()
    silent_since: float | None = None
    while True:
        code = None
        try:
            code = await _exit_code(engine, container)
            silent_since = None
            found = await engine.call(lambda client: client.inspect_container(container))
            if not found["State"].get("Running"):
                return found
            if code is not None:
                # Somebody restarted it: as with Mesos, the task ended with the container's first run.
                return found | {"State": {"ExitCode": code}}
        except EngineRefused as error:
            if error.status == NOT_FOUND:  # perhaps removed by somebody right after its end
                return None if code is None else {"State": {"ExitCode": code}}
            logger.warning("container %s: the engine says %s", container, error)
        except (EngineUnavailable, StreamFailed, OSError) as error:
            silent_since = silent_since or loop.time()
            if loop.time() - silent_since > ENGINE_WAIT_SECONDS:
                raise EngineUnavailable(str(error)) from None
        await asyncio.sleep(RETRY_SECONDS)


async def _exit_code(engine: DockerEngine, container: str) -> int | None:
    """Of the container's end, as soon as it came; None where the engine did not say."""
    stream = await engine.stream("POST", f"/containers/{container}/wait?condition=not-running")
    answer = b""
    try:
        while piece := await stream.read():
            answer += piece
        return int(json.loads(answer)["StatusCode"])
    except (ValueError, KeyError, TypeError):
        return None
    finally:
        stream.close()


async def of_cluster(engine: DockerEngine, cluster: str) -> list[Any]:
    """What the engine says about each container of the cluster. Raises EngineUnavailable or EngineRefused."""

    def look(client: Any) -> list[Any]:
        from docker.errors import NotFound

        found = []
        for each in client.containers(all=True, filters={"label": f"{CLUSTER_LABEL}={cluster}"}):
            with contextlib.suppress(NotFound):  # it went since they were listed
                found.append(client.inspect_container(each["Id"]))
        return found

    return await engine.call(look)


async def signal(engine: DockerEngine, container: str, name: str) -> None:
    """One that has ended already is left alone."""
    try:
        await engine.call(lambda client: client.kill(container, name))
    except EngineRefused as error:
        logger.debug("container %s was not told %s: %s", container, name, error)
    except EngineUnavailable as error:
        logger.warning("container %s cannot be told %s: %s", container, name, error)


async def remove(engine: DockerEngine, container: str) -> bool:
    """With its anonymous volumes. False where it may still be there."""
    try:
        await engine.call(lambda client: client.remove_container(container, v=True, force=True))
    except EngineRefused as error:
        if error.status == NOT_FOUND:
            return True
        logger.warning("container %s cannot be removed: %s", container, error)
        return False
    except EngineUnavailable as error:
        logger.warning("container %s cannot be removed: %s", container, error)
        return False
    return True
