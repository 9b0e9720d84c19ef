"""Processes that are stopped for a while, as a machine that hangs would do it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def freeze(pid: int) -> None:
    """Returns when none of its threads runs any more: on a busy machine that may be long after the signal."""
    os.kill(pid, signal.SIGSTOP)
    end = time.monotonic() + 20
    while not all(state in "Tt" for state in _states(pid)):
        assert time.monotonic() < end, f"process {pid} does not stop"
        time.sleep(0.001)


def thaw(pid: int) -> None:
    os.kill(pid, signal.SIGCONT)


def _states(pid: int) -> list[str]:
    # The state follows the command's name in brackets, which may itself hold brackets and spaces.
    stats = [(task / "stat").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    return [stat.rpartition(")")[2].split()[0] for stat in stats]
