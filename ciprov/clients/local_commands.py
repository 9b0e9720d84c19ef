"""Commands on this machine, each with all its children in a process group of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import IO

GRACE_SECONDS = 2.0
"""Between SIGTERM and SIGKILL."""
_LONGEST_LINE = 65536
# Whatever ends this process, SIGKILL included, closes the pipe, upon which the watch ends the group.
_WATCHED = """exec 3<&0 </dev/null
( trap '' TERM; read -r _ <&3; kill -s KILL 0 ) >/dev/null 2>&1 &
exec 3<&-
exec /bin/sh -c "$1"
"""


class RunningCommand:
    """See `ciprov.environments.ports.LocalCommand`. To be used as a context."""

    def __init__(self, text: str, directory: str, variables: Mapping[str, str], tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        try:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _WATCHED, "sh", text],
                cwd=directory,
                env={**os.environ, **variables},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            tell(f"cannot be started in {directory}: {reason}")
            return
        assert self._process.stdout is not None
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()

    def __enter__(self) -> RunningCommand:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def wait(self, seconds: float) -> int | None:
        if self._process is None:
            return 127
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        self._end()  # its last lines are told before its status is
        return 128 - code if code < 0 else code

    def _end(self) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(GRACE_SECONDS)
        self._signal(signal.SIGKILL)
        self._process.wait()
        if self._reader is not None:
            self._reader.join(GRACE_SECONDS)  # a child that left the group may hold the pipe for long
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()

    def _signal(self, number: signal.Signals) -> None:
        """To the whole group. The watch belongs to it, so the group lives, and its number with it, until SIGKILL."""
        assert self._process is not None
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def _read(self, pipe: IO[bytes]) -> None:
        with pipe:
            while line := pipe.readline(_LONGEST_LINE):
                self._tell(line.decode("utf-8", "replace").rstrip("\r\n"))
