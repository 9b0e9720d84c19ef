"""Where tasks live on disk: a sandbox per task (kept for a while after it ended) and its supervisor's papers.

For others: `Sandboxes.find(task_id)` gives the sandbox of a task that runs or has run, `Sandboxes.environment(task_id)`
the complete environment of one that runs.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from ciprov.localcluster.runtimes.proc import boot_id, is_running
from ciprov.localcluster.runtimes.spec import SPEC_FD, SupervisorStatus, decode_status, environment_of

KEEP_PER_APP = 10
KEEP_SECONDS = 7 * 24 * 3600.0
KEEP_IN_ALL = 500
"""Environments that come and go each have apps of their own."""
_NAME_LIMIT = 200


def directory_name(task_id: str) -> str:
    """The task id itself where it can be a directory's name, else a readable part of it and a hash."""
    if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", task_id) and len(task_id) <= _NAME_LIMIT:
        return task_id
    readable = re.sub(r"[^A-Za-z0-9_.-]", "_", task_id)[:100].lstrip(".-") or "task"
    return f"{readable}-{hashlib.sha256(task_id.encode()).hexdigest()[:16]}"


def app_part(name: str) -> str:
    """The part of a task's directory name that all tasks of its app share."""
    return name.split(".instance-", 1)[0]


@dataclass(frozen=True, slots=True)
class EndedSandbox:
    """A sandbox whose task ended; `ended_at` is in seconds since the epoch."""

    name: str
    ended_at: float


def collectable(ended: Iterable[EndedSandbox], now: float) -> list[str]:
    """Which sandboxes to remove: beyond the newest `KEEP_PER_APP` of each app, beyond the newest `KEEP_IN_ALL`, or
    older than `KEEP_SECONDS`.
    """
    kept: Counter[str] = Counter()
    in_all = 0
    remove = []
    for sandbox in sorted(ended, key=lambda each: each.ended_at, reverse=True):
        app = app_part(sandbox.name)
        if kept[app] >= KEEP_PER_APP or in_all >= KEEP_IN_ALL or now - sandbox.ended_at > KEEP_SECONDS:
            remove.append(sandbox.name)
        else:
            kept[app] += 1
            in_all += 1
    return remove


class Sandboxes:
    """The sandboxes below `tasks` and, below `supervised`, one private directory per supervised task."""

    def __init__(self, tasks: Path, supervised: Path) -> None:
        self.tasks = tasks
        self.supervised = supervised
        self.contained = supervised.with_name("contained")
        """One private directory per task in a container, from its launch until its end was reported.

        It is there itself as long as there may be containers of the cluster.
        """

    def prepare(self) -> None:
        for directory in (self.tasks, self.supervised):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, task_id: str) -> Path:
        """Where the task's sandbox is, or would be."""
        return self.tasks / directory_name(task_id)

    def find(self, task_id: str) -> Path | None:
        """The sandbox of a task that runs or has run; None where there is none (any more)."""
        path = self.path(task_id)
        return path if path.is_dir() else None

    def is_contained(self, task_id: str) -> bool:
        """Whether the task was launched in a container and its end was not reported yet."""
        return (self.contained / directory_name(task_id)).is_dir()

    def papers(self, task_id: str) -> Path:
        """The directory that daemon and supervisor share; it exists from launch until the end was reported."""
        return self.supervised / directory_name(task_id)

    def status(self, task_id: str) -> SupervisorStatus | None:
        """What the task's supervisor wrote last, None where nothing (yet, or any more)."""
        try:
            return decode_status((self.papers(task_id) / "status.json").read_text())
        except OSError:
            return None

    def specification(self, task_id: str) -> tuple[SupervisorStatus, bytes] | None:
        """What a running task was started with, as `spec.py` encodes it; None where it does not run.

        It is in no file: the supervisor holds its unlinked specification open, also while no daemon runs.
        """
        status = self.status(task_id)
        if status is None or status.boot_id != boot_id():
            return None
        try:
            content = Path(f"/proc/{status.supervisor}/fd/{SPEC_FD}").read_bytes()
        except OSError:
            return None
        if not is_running(status.supervisor, status.supervisor_start):
            return None
        return status, content

    def environment(self, task_id: str) -> dict[str, str] | None:
        """The complete environment of a running task; None where it does not run."""
        found = self.specification(task_id)
        return environment_of(found[1]) if found else None

    def ended(self, task_id: str) -> None:
        """The end of a task was reported: its papers go, its sandbox starts to age."""
        shutil.rmtree(self.papers(task_id), ignore_errors=True)
        with contextlib.suppress(OSError):
            os.utime(self.path(task_id))

    def collect(self, now: float, active: Collection[str]) -> None:
        """Remove old sandboxes, but not those of the `active` task ids; `now` is in seconds since the epoch."""
        with contextlib.suppress(OSError):
            alive = {directory_name(task_id) for task_id in active}
            alive |= {entry.name for entry in os.scandir(self.supervised)}
            alive |= {entry.name for entry in os.scandir(self.contained)} if self.contained.is_dir() else set()
            # What is removed may hold links to volumes: they are never followed.
            names = [entry for entry in os.scandir(self.tasks) if entry.is_dir(follow_symlinks=False)]
            ended = [EndedSandbox(entry.name, entry.stat().st_mtime) for entry in names if entry.name not in alive]
            for name in collectable(ended, now):
                shutil.rmtree(self.tasks / name, ignore_errors=True)
