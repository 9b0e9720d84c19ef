"""Who a process is, so that a lock's dead holder can be told from a living one on the same machine."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PROC = Path("/proc/self/stat")
"""Linux alone has it; elsewhere psutil knows."""


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """`host` names the machine, its boot and its pid namespace: only there does `pid` mean anything.

    `start` tells the process from a later one with the same pid.
    """

    host: str
    pid: int
    start: str


def this_process() -> ProcessIdentity:
    pid = os.getpid()
    return ProcessIdentity(_host(), pid, process_start(pid) or "")


def is_dead(process: ProcessIdentity) -> bool:
    """True only where it is sure: on this machine, since this boot, and in this pid namespace."""
    if process.host != _host() or not process.start:
        return False
    start = process_start(process.pid)
    return start != process.start and not (start is None and _is_hidden(process.pid))


def _is_hidden(pid: int) -> bool:
    """Whether it may be another user's process: mounted with `hidepid`, /proc shows one's own alone."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def process_start(pid: int) -> str | None:
    """When a process started, in a form that stays the same while it lives; None where it has ended."""
    if _PROC.exists():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return None
        # The command in parentheses may hold spaces and parentheses itself. Zombies have ended.
        state, *rest = stat[stat.rindex(")") + 2 :].split()
        return None if state in "ZX" else rest[18]
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.0f}"
    except psutil.NoSuchProcess:
        return None


@cache
def _host() -> str:
    if _PROC.exists():
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        namespace = str(Path("/proc/self/ns/pid").stat().st_ino)
        return f"{socket.gethostname()}/{boot}/{namespace}"
    import psutil

    return f"{socket.gethostname()}/{psutil.boot_time():.0f}"
