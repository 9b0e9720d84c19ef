"""The Unix socket of a cluster's agent service: its file, and the lock that tells a living service from a dead one."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import stat
from pathlib import Path

from ciprov.foundation.errors import CiprovError
from ciprov.web.agents.just_ended import once_free

LONGEST = 107
"""Bytes of a Unix socket's path; the kernel takes no more."""

_HELD = frozenset({errno.EAGAIN, errno.EACCES})
_DIES_WITHIN_S = 2.0
"""A stand-in leads as soon as the killed one let go of that lock, which may be before it let go of this one."""


class SocketClaim:
    """Listens on `path`, which only its owner may use. The file that a dead service left is replaced.

    Whether one lives is told by a lock beside it, which the kernel lets go with the process. Raises `CiprovError`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if len(os.fsencode(path)) > LONGEST:
            raise CiprovError(
                f"the path of the service's socket has more than {LONGEST} bytes, which no Unix socket may have",
                place=str(path),
                way_out="name a shorter state directory with --state-dir or CIPROV_STATE_DIR",
            )
        _own_directory(path.parent)
        self._lock: int | None = _locked(path)
        try:
            _remove_stale(path)
            self.listener = _listening(path)
        except BaseException:
            os.close(self._lock)
            raise
        self._file = _identity(path)

    def release(self) -> None:
        """Take the file away and let go of the lock. May be called twice."""
        if self._lock is None:
            return
        self.listener.close()
        # Whoever removed the file by hand may have put another one there.
        if _identity(self.path) == self._file:
            self.path.unlink(missing_ok=True)
        os.close(self._lock)
        self._lock = None


def _own_directory(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if directory.stat().st_uid != os.geteuid():
        raise CiprovError(
            "this directory belongs to another user, who could put a socket of theirs there",
            place=str(directory),
            way_out="name a state directory of your own with --state-dir or CIPROV_STATE_DIR",
        )
    directory.chmod(0o700)


def _locked(path: Path) -> int:
    lock = path.with_name(f"{path.name}.lock")
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        once_free(lambda: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB), _HELD, _DIES_WITHIN_S)
    except OSError as error:
        pid = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        os.close(descriptor)
        if error.errno not in _HELD:
            raise
        who = f" (process {pid})" if pid else ""
        raise CiprovError(
            f"an agent service of this cluster runs already on this machine{who}",
            place=str(path),
            way_out="see it with `ciprov agents status`; end it before another one starts, or name another cluster",
        ) from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _remove_stale(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise CiprovError(
                "where the service's socket is to be, there is something else",
                place=str(path),
                way_out="look at it, and move it away",
            )
        path.unlink()


def _listening(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(os.fspath(path))
        # Between both lines the directory keeps others out.
        path.chmod(0o600)
        listener.listen(128)
    except BaseException:
        listener.close()
        raise
    return listener


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
