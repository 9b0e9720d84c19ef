"""A container's output, copied into its sandbox as it comes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from pathlib import Path

from ciprov.localcluster.runtimes.docker.engine import DockerEngine, EngineRefused, EngineUnavailable
from ciprov.localcluster.runtimes.docker.frames import STDERR, STDOUT, split
from ciprov.localcluster.runtimes.docker.positions import Position, Resuming, decode, encode, since
from ciprov.localcluster.runtimes.docker.stream import StreamFailed

RETRY_SECONDS = 1.0
STANDSTILL_SECONDS = 5.0
LAST_READ_SECONDS = 60.0
NOTED_EVERY_SECONDS = 1.0
NOT_FOUND = 404

logger = logging.getLogger(__name__)


class OutputCopy:
    """`papers` is where it notes how far it came, for the next daemon.

    After a break, what came since the last note is read again and skipped by length: nothing is lost or doubled,
    whenever the daemon died, also where the engine keeps only the latest part of the output.
    """

    def __init__(self, engine: DockerEngine, container: str, sandbox: Path, papers: Path) -> None:
        self._engine = engine
        self._container = container
        self._files = {STDOUT: sandbox / "stdout", STDERR: sandbox / "stderr"}
        self._note = papers / "output"
        self._written = 0
        self._noted_at = -NOTED_EVERY_SECONDS
        positions = decode(self._note.read_text(errors="replace")) if self._note.exists() else {}
        self._positions = {number: positions.get(number, Position()) for number in self._files}
        self._copying = asyncio.create_task(self._follow())

    async def finish(self) -> None:
        """To be called when the container has ended: waits for the rest as long as some of it comes."""
        while not self._copying.done():
            before = self._written
            await asyncio.wait({self._copying}, timeout=STANDSTILL_SECONDS)
            if self._written == before:
                break
        self.stop()
        # Engines may lose sight of a log that they follow when they begin a new file of it: read once more.
        with contextlib.suppress(EngineRefused, EngineUnavailable, StreamFailed, OSError, TimeoutError):
            await asyncio.wait_for(self._copy(follow=False), LAST_READ_SECONDS)

    def stop(self) -> None:
        self._copying.cancel()

    async def _follow(self) -> None:
        while True:
            try:
                await self._copy(follow=True)
                return
            except EngineRefused as error:
                if error.status != NOT_FOUND:
                    # A log driver that cannot be read, say: chosen by the app's author.
                    note = f"The output of this task cannot be read from the Docker engine: {error}\n"
                    with contextlib.suppress(OSError):
                        append(self._files[STDERR], note.encode())
                return
            except (EngineUnavailable, StreamFailed, OSError) as error:
                logger.info("the output of container %s broke off: %s", self._container, error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _copy(self, *, follow: bool) -> None:
        for file in self._files.values():
            append(file, b"")
        streams = {
            number: Resuming(self._positions[number], file.stat().st_size) for number, file in self._files.items()
        }
        query = f"follow={int(follow)}&stdout=1&stderr=1&timestamps=1&since={since(self._positions)}"
        stream = await self._engine.stream("GET", f"/containers/{self._container}/logs?{query}")
        try:
            pending = b""
            while piece := await stream.read():
                frames, pending = split(pending + piece)
                begun = False
                for number, file in self._files.items():
                    data = b"".join(streams[number].fresh(entry) for each, entry in frames if each == number)
                    if data:
                        append(file, data)
                        self._written += len(data)
                    # Without a note, what a file holds cannot be told from what the engine dropped meanwhile.
                    begun = begun or bool(data and not self._positions[number].stamp)
                    self._positions[number] = streams[number].position
                self._take_note(at_once=begun)
        finally:
            stream.close()

    def _take_note(self, *, at_once: bool) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._noted_at < NOTED_EVERY_SECONDS and not at_once:
            return
        self._noted_at = now
        new = self._note.with_suffix(".new")
        with contextlib.suppress(OSError):  # the next daemon reads from the last note on
            new.write_text(encode(self._positions))
            new.replace(self._note)


def append(file: Path, data: bytes) -> None:
    """The container may have put anything in the file's place: a link or a pipe is not written to."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    finally:
        os.close(descriptor)
