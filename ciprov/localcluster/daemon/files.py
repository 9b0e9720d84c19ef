"""Where an embedded cluster keeps its files, and how they are written so that no reader ever sees half of one."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from ciprov.localcluster.runtimes.sandbox import Sandboxes


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of the cluster that belongs to one state directory."""

    state_dir: Path

    @property
    def directory(self) -> Path:
        return self.state_dir / "local"

    @property
    def descriptor(self) -> Path:
        return self.directory / "cluster.json"

    @property
    def credential(self) -> Path:
        return self.directory / "credential"

    @property
    def database(self) -> Path:
        return self.directory / "cluster.db"

    @property
    def log(self) -> Path:
        return self.directory / "daemon.log"

    @property
    def lock(self) -> Path:
        return self.directory / "lock"

    @property
    def options(self) -> Path:
        """The options of the last start, which the next one takes over."""
        return self.directory / "options.json"

    @property
    def cache(self) -> Path:
        return self.directory / "cache"

    @property
    def volumes(self) -> Path:
        """The persistent volumes of apps, by instance."""
        return self.directory.resolve() / "volumes"

    @property
    def cluster_id(self) -> str:
        """Names the cluster where others share a machine-wide thing with it, such as the Docker engine."""
        return hashlib.sha256(os.fsencode(self.state_dir.resolve())).hexdigest()[:12]

    def sandboxes(self) -> Sandboxes:
        # The real path: tasks see it as MESOS_SANDBOX, and a symbolic link on the way may change.
        directory = self.directory.resolve()
        return Sandboxes(directory / "tasks", directory / "supervised")

    def prepare(self) -> None:
        """Make the directory, for its owner alone."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory.chmod(0o700)


def service_address(state_dir: Path) -> str:
    """The loopback address of the cluster, `127.A.B.1`: its own, so that clusters on one machine do not collide."""
    digest = hashlib.sha256(os.fsencode(state_dir.resolve())).digest()
    return f"127.{digest[0] % 254 + 1}.{digest[1]}.1"


def write_atomically(path: Path, content: str) -> None:
    """Replace the file in one step; only its owner can read it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content)
    temporary.replace(path)


def credential(path: Path) -> str:
    """The cluster's credential, made at random on the first use. Call it under the cluster's lock."""
    try:
        existing = path.read_text().strip()
    except FileNotFoundError:
        existing = ""
    if not existing:
        existing = secrets.token_hex(32)  # never with a dash in front, which command lines take for an option
        write_atomically(path, existing + "\n")
    path.chmod(0o600)
    return existing


class ClusterLock:
    """Held by the one daemon of a cluster for as long as it lives; the kernel frees it whatever happens.

    Who stops a cluster holds it too, while nobody may start one, but does not sign: no other shall end that process.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor

    @classmethod
    def acquire(cls, path: Path, *, sign: bool = True) -> ClusterLock | None:
        """None where another process holds it. Raises FileNotFoundError where the directory is gone."""
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return None
            if _is_same_file(path, descriptor):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"{os.getpid()}\n".encode() if sign else b"")
                return cls(path, descriptor)
            os.close(descriptor)  # a purge removed the file between opening and locking

    @staticmethod
    def holder(path: Path) -> int | None:
        """The pid of who holds the lock; None where nobody does, 0 where it has not signed."""
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            written = os.read(descriptor, 32).strip()
            return int(written) if written.isdigit() else 0
        finally:
            os.close(descriptor)
        return None

    def in_place(self) -> bool:
        """Whether the locked file is still the one at its path: not so where the cluster's files were removed by hand,
        perhaps to make room for another cluster.
        """
        return _is_same_file(self._path, self._descriptor)

    def release(self) -> None:
        os.close(self._descriptor)


def _is_same_file(path: Path, descriptor: int) -> bool:
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    ours = os.fstat(descriptor)
    return (found.st_dev, found.st_ino) == (ours.st_dev, ours.st_ino)
