"""Unpacking of fetched archives as Mesos' fetcher does it, but never outside the directory."""

from __future__ import annotations

import gzip
import os
import shutil
import tarfile
import zipfile
from enum import StrEnum
from pathlib import Path
from typing import Any


class ArchiveKind(StrEnum):
    TAR = "tar"
    ZIP = "zip"
    GZIP = "gzip"


class UnsafeArchive(Exception):
    """A member would be written outside the sandbox, or is a device."""


_SUFFIXES = (
    ((".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz"), ArchiveKind.TAR),
    ((".zip",), ArchiveKind.ZIP),
    ((".gz",), ArchiveKind.GZIP),
)


def archive_kind(name: str) -> ArchiveKind | None:
    """By the name's ending alone, as Mesos decides it; None for a plain file."""
    return next((kind for suffixes, kind in _SUFFIXES if name.lower().endswith(suffixes)), None)


def unpack(archive: Path, directory: Path) -> None:
    """Unpack by the archive's name into `directory`; a plain file is left alone.

    Raises UnsafeArchive, or OSError, tarfile.TarError, zipfile.BadZipFile, EOFError for what cannot be read.
    """
    match archive_kind(archive.name):
        case ArchiveKind.TAR:
            _unpack_tar(archive, directory)
        case ArchiveKind.ZIP:
            _unpack_zip(archive, directory)
        case ArchiveKind.GZIP:
            with gzip.open(archive) as source, (directory / archive.name[: -len(".gz")]).open("wb") as target:
                shutil.copyfileobj(source, target)
        case None:
            return


def _unpack_tar(archive: Path, directory: Path) -> None:
    root = directory.resolve()
    # Python before 3.11.4 knows no filters. Nothing is left for one to do: members are checked here.
    unfiltered: dict[str, Any] = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}
    with tarfile.open(archive) as source:
        for member in source:
            _check_tar_member(member, root)
            # Bits that give others write access or another user's rights are dropped; the owner can always read.
            member.mode = (member.mode & 0o755) | (0o700 if member.isdir() else 0o600)
            member.uid, member.gid, member.uname, member.gname = os.getuid(), os.getgid(), "", ""
            source.extract(member, root, **unfiltered)


def _check_tar_member(member: tarfile.TarInfo, root: Path) -> None:
    """Members are checked one by one just before they are written: an earlier one may have been a link."""
    target = root / member.name
    if not _real(target).is_relative_to(root):
        raise UnsafeArchive(f"member '{member.name}' lies outside the archive's directory")
    if member.issym():
        points_to = target.parent / member.linkname
    elif member.islnk():
        points_to = root / member.linkname
    elif member.isfile() or member.isdir():
        return
    else:
        raise UnsafeArchive(f"member '{member.name}' is a device")
    if not _real(points_to).is_relative_to(root):
        raise UnsafeArchive(f"link '{member.name}' points outside the archive's directory")


def _real(path: Path) -> Path:
    """Without links. A ring of them is left as it is, for the system to refuse: `resolve` raises a RuntimeError."""
    return Path(os.path.realpath(path))


def _unpack_zip(archive: Path, directory: Path) -> None:
    root = directory.resolve()
    with zipfile.ZipFile(archive) as source:
        for member in source.infolist():
            if not _real(root / member.filename).is_relative_to(root):
                raise UnsafeArchive(f"member '{member.filename}' lies outside the archive's directory")
            written = Path(source.extract(member, root))
            mode = (member.external_attr >> 16) & 0o755
            if mode and written.is_file():
                written.chmod(mode | 0o600)
