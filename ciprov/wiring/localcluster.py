"""Starting, finding and stopping the embedded cluster of a state directory."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ciprov.foundation.errors import CiprovError, UsageError
from ciprov.localcluster.daemon.descriptor import Descriptor, read_descriptor
from ciprov.localcluster.daemon.exits import ALREADY_RUNNING
from ciprov.localcluster.daemon.files import ClusterLock, Layout
from ciprov.localcluster.daemon.options import BadOptions, Options
from ciprov.localcluster.daemon.traits import SEPARATOR

START_SECONDS = 30.0
STOP_SECONDS = 60.0
_POLL_SECONDS = 0.01
_FOLLOW_SECONDS = 0.2
_LOG_LINES = 15

__all__ = [
    "Descriptor",
    "Options",
    "descriptor",
    "ensure_started",
    "follow_log",
    "joined",
    "log_tail",
    "stop",
    "was_started",
]

Tell = Callable[[str], None]


def descriptor(state_dir: Path) -> Descriptor | None:
    """The running cluster of this state directory, or None."""
    return read_descriptor(Layout(state_dir).descriptor)


def was_started(state_dir: Path) -> bool:
    """Whether there is anything of a cluster in this state directory, be it running or stopped."""
    return Layout(state_dir).directory.exists()


def joined(traits: Sequence[str]) -> str | None:
    """Attributes or roles of agents in one text; None where none were given."""
    return SEPARATOR.join(traits) if traits else None


def ensure_started(state_dir: Path, options: Options | None = None, tell: Tell = lambda _: None) -> Descriptor:
    """Find the running cluster or start one; safe against others who do the same.

    `tell` gets one line where a cluster is started, or where `options` are not what the running one has.
    Raises `CiprovError` with the end of the daemon's log where it does not start.
    """
    options = options or Options()
    try:
        options.check()
    except BadOptions as error:
        raise UsageError(str(error)) from None
    layout = Layout(state_dir)
    running = read_descriptor(layout.descriptor)
    if running is not None:
        _tell_of_differences(running, options, tell)
        return running
    running, ours = _start(layout, options)
    if ours:
        tell(f"started the embedded cluster at {running.marathon}, state in {state_dir}")
    else:
        _tell_of_differences(running, options, tell)
    return running


def stop(state_dir: Path, purge: bool = False) -> bool:
    """End the cluster with all its tasks; with `purge` remove its files too. False where nothing ran.

    Raises `CiprovError` where somebody starts it again meanwhile.
    """
    layout = Layout(state_dir)
    if not layout.directory.exists():
        return False
    pid = ClusterLock.holder(layout.lock)
    if pid is not None:
        _end_daemon(layout)
    try:
        lock = _lock_of_stopped(layout)
    except FileNotFoundError:
        return pid is not None  # another one has purged it meanwhile
    try:
        from ciprov.localcluster.daemon.leftovers import end_leftovers, make_removable

        end_leftovers(layout)
        layout.descriptor.unlink(missing_ok=True)
        if purge:
            make_removable(layout)
            _remove(layout.directory)
            with contextlib.suppress(OSError):
                state_dir.rmdir()
    finally:
        lock.release()
    return pid is not None


def log_tail(state_dir: Path, lines: int) -> list[str]:
    """The last lines of the daemon's log; empty where there is none."""
    try:
        with Layout(state_dir).log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 512 * lines))
            return file.read().decode(errors="replace").splitlines()[-lines:] if lines else []
    except OSError:
        return []


def follow_log(state_dir: Path, lines: int) -> Iterator[str]:
    """The last lines and all that are written later, over rotations of the file. Ends only when it is closed."""
    path = Layout(state_dir).log
    while not path.exists():
        time.sleep(_FOLLOW_SECONDS)
    file = path.open(encoding="utf-8", errors="replace")
    try:
        yield from (line.rstrip("\n") for line in deque(file, maxlen=lines))
        pending = ""
        while True:
            pending += file.readline()
            if pending.endswith("\n"):
                yield pending.rstrip("\n")
                pending = ""
            elif _is_rotated(path, file.fileno()):
                file.close()
                file = path.open(encoding="utf-8", errors="replace")
            else:
                time.sleep(_FOLLOW_SECONDS)
    finally:
        file.close()


def _is_rotated(path: Path, descriptor: int) -> bool:
    try:
        return path.stat().st_ino != os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False


def _tell_of_differences(running: Descriptor, options: Options, tell: Tell) -> None:
    different = {name: value for name, value in options.given().items() if running.options.get(name) != value}
    if different:
        named = ", ".join(f"{name} {value}" for name, value in different.items())
        tell(f"the embedded cluster runs already: {named} not applied; stop it first with: ciprov local stop")


def _start(layout: Layout, options: Options) -> tuple[Descriptor, bool]:
    """The descriptor, and whether it is of the daemon that was started here."""
    layout.prepare()
    before = layout.log.stat().st_size if layout.log.exists() else 0
    deadline = time.monotonic() + START_SECONDS
    child: subprocess.Popen[bytes] | None = None
    while time.monotonic() < deadline:
        running = read_descriptor(layout.descriptor)
        if running is not None:
            ours = child is not None and child.pid == running.pid
            if child is not None and not ours:
                _withdraw(child)
            return running, ours
        code = child.poll() if child is not None else None
        if code is not None and code != ALREADY_RUNNING:
            raise CiprovError(
                f"the embedded cluster did not start (exit code {code})",
                place=str(layout.log),
                way_out=_said(layout.log, before) or "its log is empty",
            )
        # Another one may hold the lock because it starts or stops just now; then it is looked at again.
        if (child is None or code == ALREADY_RUNNING) and ClusterLock.holder(layout.lock) is None:
            layout.prepare()
            child = _spawn(layout, options)
        time.sleep(_POLL_SECONDS)
    holder = ClusterLock.holder(layout.lock)
    raise CiprovError(
        f"the embedded cluster did not answer within {START_SECONDS:g} s"
        + (f"; process {holder} holds its lock" if holder else ""),
        place=str(layout.log),
        way_out=_said(layout.log, before) or "try: ciprov local stop",
    )


def _spawn(layout: Layout, options: Options) -> subprocess.Popen[bytes]:
    """The daemon in a session of its own: it must not end with the terminal or the job that needed it first.

    Nor may it keep what the first caller had in CIPROV_ variables: parameters that are secret are among them.
    """
    arguments = [f"--{name}={value}" for name, value in options.given().items()]
    state_dir = str(layout.state_dir.absolute())
    with layout.log.open("ab") as log:
        layout.log.chmod(0o600)
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "ciprov.localcluster.daemon", "--state-dir", state_dir, *arguments],
            cwd="/",
            env={name: value for name, value in os.environ.items() if not name.startswith("CIPROV_")},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _withdraw(child: subprocess.Popen[bytes]) -> None:
    """Another daemon won. Ours must not take over later, when that one has been stopped on purpose."""
    child.terminate()
    child.wait()


def _said(log: Path, since: int) -> str:
    try:
        content = log.read_bytes()
    except OSError:
        return ""
    new = content[since:] if len(content) >= since else content
    return "\n  ".join(new.decode(errors="replace").splitlines()[-_LOG_LINES:])


def _end_daemon(layout: Layout) -> None:
    """SIGTERM, then SIGKILL after a minute, to whoever holds the lock; returns when it is gone."""
    deadline = time.monotonic() + STOP_SECONDS
    asked: int | None = None
    while (pid := ClusterLock.holder(layout.lock)) is not None:
        late = time.monotonic() > deadline
        if pid and (pid != asked or late):
            _signal_holder(layout, pid, signal.SIGKILL if late else signal.SIGTERM, deadline)
            asked = pid
        if time.monotonic() > deadline + STOP_SECONDS:
            raise CiprovError(
                f"process {pid} does not end", place=str(layout.lock), way_out=f"look at it: ps -fp {pid}"
            )
        time.sleep(_POLL_SECONDS)


def _lock_of_stopped(layout: Layout) -> ClusterLock:
    """Waits for others who stop it. Raises FileNotFoundError where nothing is left of it."""
    deadline = time.monotonic() + STOP_SECONDS
    while (lock := ClusterLock.acquire(layout.lock, sign=False)) is None:
        if ClusterLock.holder(layout.lock) or time.monotonic() > deadline:
            raise CiprovError(
                "the embedded cluster was started again while it was being stopped",
                place=str(layout.directory),
                way_out="stop it once more: ciprov local stop",
            )
        time.sleep(_POLL_SECONDS)
    return lock


def _signal_holder(layout: Layout, pid: int, number: signal.Signals, deadline: float) -> None:
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return
    try:
        # Asked again after opening: as long as it holds the lock, the pid cannot mean another process.
        if ClusterLock.holder(layout.lock) == pid:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfd, number)
            select.select([pidfd], [], [], max(0.0, deadline - time.monotonic()))
    finally:
        os.close(pidfd)


def _remove(directory: Path) -> None:
    """The lock's file last, so that nobody can start in a half-removed directory."""
    for entry in directory.iterdir():
        if entry.name != "lock":
            _remove_entry(entry)
    (directory / "lock").unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        directory.rmdir()


def _remove_entry(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        for root, names, _ in os.walk(entry):
            for name in names:
                path = Path(root, name)
                if not path.is_symlink():
                    path.chmod(0o700)  # a task may have made its directories read-only
        shutil.rmtree(entry, ignore_errors=True)
    else:
        entry.unlink(missing_ok=True)
