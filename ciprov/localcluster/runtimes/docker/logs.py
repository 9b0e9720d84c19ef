"""A container's output, copied into its sandbox as it comes."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

from ciprov.localcluster.runtimes.docker.engine import DockerEngine, EngineRefused, EngineUnavailable
from ciprov.localcluster.runtimes.docker.frames import STDERR, STDOUT, split
from ciprov.localcluster.runtimes.docker.stream import StreamFailed

RETRY_SECONDS = 1.0
NOT_FOUND = 404

logger = logging.getLogger(__name__)


async def follow(engine: DockerEngine, container: str, sandbox: Path) -> None:
    """Until the container's output ends. What the sandbox's files already hold is not written again.

    The engine keeps the whole output, so after a break it is read from the start and skipped by length: nothing is
    lost or doubled, whenever the daemon died.
    """
    while True:
        try:
            await _copy(engine, container, sandbox)
            return
        except EngineRefused as error:
            if error.status != NOT_FOUND:
                # A log driver that cannot be read, say: chosen by the app's author.
                note = f"The output of this task cannot be read from the Docker engine: {error}\n"
                append(sandbox / "stderr", note.encode())
            return
        except (EngineUnavailable, StreamFailed, OSError) as error:
            logger.info("the output of container %s broke off: %s", container, error)
            await asyncio.sleep(RETRY_SECONDS)


async def _copy(engine: DockerEngine, container: str, sandbox: Path) -> None:
    files = {STDOUT: sandbox / "stdout", STDERR: sandbox / "stderr"}
    for file in files.values():
        append(file, b"")
    skip = {number: file.stat().st_size for number, file in files.items()}
    stream = await engine.stream("GET", f"/containers/{container}/logs?follow=1&stdout=1&stderr=1")
    try:
        pending = b""
        while piece := await stream.read():
            frames, pending = split(pending + piece)
            for number, file in files.items():
                data = b"".join(content for stream_number, content in frames if stream_number == number)
                skipped = min(skip[number], len(data))
                skip[number] -= skipped
                if skipped < len(data):
                    append(file, data[skipped:])
    finally:
        stream.close()


def append(file: Path, data: bytes) -> None:
    """The container may have put anything in the file's place: a link or a pipe is not written to."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    finally:
        os.close(descriptor)
