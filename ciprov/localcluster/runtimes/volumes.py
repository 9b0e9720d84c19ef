"""Where persistent volumes are kept: by app, and below by instance."""

from __future__ import annotations

import shutil
import threading
import uuid
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from ciprov.localcluster.runtimes.port import PersistentVolumes
from ciprov.localcluster.runtimes.sandbox import directory_name


@dataclass(frozen=True, slots=True)
class Living:
    """The ids of the apps and instances that there are; apps count until their last instance is gone."""

    apps: Callable[[], Collection[str]]
    instances: Callable[[], Collection[str]]


class Volumes:
    """The persistent volumes of one cluster. Without `living`, nothing is ever taken over or removed."""

    def __init__(self, directory: Path, living: Living | None = None) -> None:
        self._directory = directory
        self._living = living

    def of(self, app_id: str, instance_id: str) -> Path:
        """The directory of the instance's volumes.

        A new instance takes over those of one that is no more, as one of Marathon's takes over a reservation: so data
        outlives scaling to zero and back.
        """
        app = self._directory / directory_name(app_id)
        own = app / directory_name(instance_id)
        if own.exists() or not app.is_dir() or self._living is None:
            return own
        taken = {directory_name(each) for each in self._living.instances()}
        left = min((entry for entry in app.iterdir() if entry.name not in taken), default=None)
        if left is not None:
            left.rename(own)
        return own

    def link(self, wanted: PersistentVolumes, sandbox: Path) -> list[Path]:
        """Let `sandbox` have the volumes under their names, and tell where they are.

        Raises ValueError for a name that leads elsewhere.
        """
        own = self.of(wanted.app_id, wanted.instance_id)
        for name in wanted.names:
            if "/" in name or name in {"", ".", ".."}:
                raise ValueError(f"the persistent volume's containerPath '{name}' is not a name in the sandbox")
            open_to_all(own / name)
            (sandbox / name).symlink_to(own / name)
        return [own / name for name in wanted.names]

    def remove_unclaimed(self) -> None:
        """Those of apps that are no more."""
        if self._living is None or not self._directory.is_dir():
            return
        claimed = {directory_name(each) for each in self._living.apps()}
        gone = []
        for entry in self._directory.iterdir():
            if entry.name not in claimed:
                # Out of the way at once: an app of the same name may come while its predecessor's data is removed.
                gone.append(entry.rename(self._directory / f".gone-{uuid.uuid4()}"))
        if gone:
            threading.Thread(target=_remove, args=(gone,), name="remove volumes", daemon=True).start()


def open_to_all(directory: Path) -> None:
    """Make a directory for a task, whoever it runs as; the directories above keep others out. One that is there stays
    as its tasks left it.
    """
    if not directory.is_dir():
        directory.mkdir(parents=True)
        directory.chmod(0o777)


def _remove(directories: Iterable[Path]) -> None:
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)
