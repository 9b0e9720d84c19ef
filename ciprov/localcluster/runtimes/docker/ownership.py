"""Directories that containers made below the cluster's own: a daemon that is not root could not remove what is in them.

The engine unpacks archives as root, also into a container that never starts: an archive of nothing but directories
gives them another owner.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from ciprov.localcluster.runtimes.docker.creation import CLUSTER_LABEL
from ciprov.localcluster.runtimes.docker.engine import DockerEngine

_INSIDE = "/owned"


def foreign_directories(top: Path, uid: int) -> list[Path]:
    """Those below `top` that belong to others, as far as they can be seen; links are not followed."""
    found = []
    for root, names, _ in os.walk(top):
        for path in (Path(root, name) for name in names):
            if not path.is_symlink() and path.lstat().st_uid != uid:
                found.append(path)
    return found


async def take_over(engine: DockerEngine, cluster: str, top: Path, owner: tuple[int, int]) -> None:
    """Give all directories below `top` to `owner`, a user and group id.

    Does nothing where there are none of others, or no image to make a container of. Raises EngineUnavailable or
    EngineRefused.
    """
    seen: set[Path] = set()
    found = set(foreign_directories(top, owner[0]))
    images = await engine.call(lambda client: client.images(quiet=True)) if found else []
    if not images:
        return
    body: dict[str, Any] = {
        "Image": images[0],
        "Cmd": ["none"],
        "Labels": {CLUSTER_LABEL: cluster},
        "HostConfig": {"Binds": [f"{top}:{_INSIDE}"], "NetworkMode": "none"},
    }
    container = (await engine.call(lambda client: client.create_container_from_config(body)))["Id"]
    try:
        # Each time those come into sight that lie in what was closed before.
        while found - seen:
            await engine.call(partial(_unpack, container, _archive(found - seen, top, owner)))
            seen |= found
            found = set(foreign_directories(top, owner[0]))
    finally:
        await engine.call(lambda client: client.remove_container(container, force=True))


def _unpack(container: str, archive: bytes, client: Any) -> None:
    client.put_archive(container, _INSIDE, archive)


def _archive(directories: Iterable[Path], top: Path, owner: tuple[int, int]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for path in sorted(directories):
            entry = tarfile.TarInfo(str(path.relative_to(top)))
            entry.type, entry.mode = tarfile.DIRTYPE, 0o700
            entry.uid, entry.gid = owner
            entry.mtime = int(path.lstat().st_mtime)
            tar.addfile(entry)
    return content.getvalue()
