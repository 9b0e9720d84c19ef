"""Processes of this machine as `/proc` shows them: who is who, and who belongs to a task."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessStat:
    """One process. `start` is in clock ticks since boot: together with the pid it names a process for good."""

    pid: int
    parent: int
    session: int
    start: int
    zombie: bool


def parse_stat(content: str) -> ProcessStat:
    """`/proc/<pid>/stat`. The name may hold blanks and brackets, so fields are counted from the last bracket."""
    pid = int(content[: content.index(" ")])
    fields = content[content.rindex(")") + 2 :].split()
    return ProcessStat(pid, int(fields[1]), int(fields[3]), int(fields[19]), fields[0] in "ZX")


def stat(pid: int) -> ProcessStat | None:
    """None where there is no such process any more."""
    try:
        return parse_stat((_PROC / str(pid) / "stat").read_text(errors="replace"))
    except (OSError, ValueError, IndexError):
        return None


def boot_id() -> str:
    """Names this boot of the machine: start times of different boots must not be compared."""
    try:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def started_at(ticks: int) -> float:
    """A start time in clock ticks since boot as seconds since the epoch."""
    try:
        lines = (_PROC / "stat").read_text().splitlines()
        boot = next((float(line.split()[1]) for line in lines if line.startswith("btime ")), 0.0)
    except OSError:
        boot = 0.0
    return boot + ticks / os.sysconf("SC_CLK_TCK")


def is_running(pid: int, start: int) -> bool:
    """Whether the process that once had this pid and start time still runs (a zombie does not)."""
    found = stat(pid)
    return found is not None and found.start == start and not found.zombie


def open_pidfd(pid: int, start: int) -> int | None:
    """A pidfd of exactly this process, or None where it is gone or its pid belongs to another one now."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return None
    # Compared after opening: from here on the pid cannot come to mean another process unnoticed.
    if is_running(pid, start):
        return descriptor
    os.close(descriptor)
    return None


def all_processes() -> Iterator[ProcessStat]:
    """Every process now. Those that come or go meanwhile may be missed."""
    for name in os.listdir(_PROC):  # noqa: PTH208 - names are wanted, and there may be thousands
        if name.isdigit() and (found := stat(int(name))) is not None:
            yield found


def closure(processes: Iterable[ProcessStat], roots: Iterable[int]) -> set[int]:
    """The pids among `roots` that run, and all their descendants."""
    children: dict[int, list[int]] = {}
    present = set()
    for process in processes:
        children.setdefault(process.parent, []).append(process.pid)
        present.add(process.pid)
    found: set[int] = set()
    pending = [pid for pid in roots if pid in present]
    while pending:
        pid = pending.pop()
        if pid not in found:
            found.add(pid)
            pending += children.get(pid, ())
    return found


def holds_variable(pid: int, entry: bytes) -> bool:
    """Whether the process was started with this `NAME=value` in its environment."""
    try:
        return entry in (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def strays(sandbox: str, session: int, session_start: int = 0) -> set[int]:
    """Processes of a task whose supervisor is gone: of its session, started in its sandbox, or descending from these.

    `session` is the pid of the task's first process, 0 where it is unknown, and `session_start` its start time.
    """
    leader = stat(session) if session else None
    if leader is not None and leader.start != session_start:
        # Numbers of sessions are given out again only when nobody of the old one is left.
        session = 0
    cookie = b"MESOS_SANDBOX=" + os.fsencode(sandbox)
    processes = [process for process in all_processes() if not process.zombie and process.pid != os.getpid()]
    roots = {
        process.pid
        for process in processes
        if (session and process.session == session) or holds_variable(process.pid, cookie)
    }
    return closure(processes, roots) - {os.getpid()}


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Signal processes of which some may be gone already."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
