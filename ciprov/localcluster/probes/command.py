"""One run of a COMMAND check: beside the task, in its sandbox and with its environment."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ciprov.localcluster.probes.answers import CommandFailed, ProbeFailed


class Place(Protocol):
    """Where the commands of one task's checks run."""

    async def run(self, command: str) -> None:
        """By `/bin/sh -c`. Raises ProbeFailed unless it exits with 0; when cancelled, the command is ended."""
        ...


@dataclass(frozen=True, slots=True)
class CommandPlace:
    """Beside a process of the daemon's own account, in its sandbox."""

    sandbox: Path
    environment: Mapping[str, str]

    async def run(self, command: str) -> None:
        """See `Place`."""
        await run(command, self)


async def run(command: str, place: CommandPlace) -> None:
    """Run by `/bin/sh -c`; its output goes to the task's stderr, as with Mesos.

    Raises ProbeFailed unless it exits with 0. On cancellation (a time-out too) its whole process group is killed.
    """
    try:
        process, pidfd = _start(command, place)
    except OSError as error:
        raise ProbeFailed(f"the command could not be started: {error.strerror or error}") from None
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    loop.add_reader(pidfd, gone.set)
    try:
        await gone.wait()
    finally:
        loop.remove_reader(pidfd)
        os.close(pidfd)
        # Also after a good end: what it left in the background must not pile up with every interval.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
    if code:
        how = f"terminated with signal {signal.strsignal(-code)}" if code < 0 else f"exited with status {code}"
        raise CommandFailed(f"Command {how}", code if code > 0 else None)


def _start(command: str, place: CommandPlace) -> tuple[subprocess.Popen[bytes], int]:
    # The task may have put anything in place of the file: a link is not followed, a pipe is not waited for.
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK
    with os.fdopen(os.open(place.sandbox / "stderr", flags, 0o644), "ab") as output:
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            cwd=place.sandbox,
            env=dict(place.environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    return process, os.pidfd_open(process.pid)
