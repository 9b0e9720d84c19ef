"""Reads the files that an import needs, those that they name included, and writes the blueprint."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ciprov.environments.importing.importer import Imported, import_definitions
from ciprov.environments.importing.sources import Unreadable
from ciprov.foundation.errors import CiprovError, UsageError

_MOST_BYTES = 8_000_000
_ROUNDS = 50
"""Files name files that name files; each round reads what the one before named."""


def import_files(files: Sequence[str], name: str = "", target: str = "") -> Imported:
    """Import `files`. `target` is the file that the blueprint will be written to, "" where it is not known.

    Raises `CiprovError` where a file of the command line cannot be read.
    """
    texts: dict[str, str | Unreadable] = {}
    for file in files:
        text = _read(file)
        if isinstance(text, Unreadable):
            raise CiprovError(f"the file cannot be read: {text.reason}", place=file, way_out="correct the path")
        texts[file] = text
    own_name = name or _own_name(files)
    imported = import_definitions(files, texts, own_name, _project_dir(files, target))
    for _ in range(_ROUNDS):
        missing = [path for path in imported.wanted if path not in texts]
        if not missing:
            break
        texts.update({path: _read(path) for path in missing})
        imported = import_definitions(files, texts, own_name, _project_dir(files, target))
    if imported.wanted and not all(path in texts for path in imported.wanted):
        raise CiprovError("files name files without end", place=imported.wanted[0], way_out="break the chain")
    return imported


def write(text: str, target: str, *, force: bool) -> None:
    """Write the blueprint. A file that says something else is kept unless `force`."""
    path = Path(target)
    try:
        if path.exists() and not force and path.read_bytes() != text.encode():
            raise UsageError(
                "the file exists and says something else", place=target, way_out="add --force to replace it"
            )
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CiprovError(
            f"the file cannot be written: {error.strerror}", place=target, way_out="name another one with --output"
        ) from error


def _read(file: str) -> str | Unreadable:
    path = Path(file)
    try:
        if not path.is_file():
            return Unreadable("it is no file" if path.exists() else "no such file")
        if path.stat().st_size > _MOST_BYTES:
            return Unreadable("it is too large")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return Unreadable("it is no UTF-8 text")
    except (OSError, ValueError) as error:
        return Unreadable(getattr(error, "strerror", None) or "its path cannot be used")


def _own_name(files: Sequence[str]) -> str:
    """A usual file name in the working directory says nothing: then the directory's name counts."""
    from ciprov.environments.importing.identifiers import name_of_file

    only = files[0] if files else ""
    if not os.path.dirname(only) and name_of_file(only) != name_of_file(str(Path(only).absolute())):  # noqa: PTH120
        return name_of_file(str(Path(only).absolute()))
    return ""


def _project_dir(files: Sequence[str], target: str) -> str:
    """Where the first file lies, as seen from the blueprint; absolute where the blueprint's place is not known."""
    folder = Path(files[0]).absolute().parent if files else Path.cwd()
    if not target:
        return str(folder)
    return os.path.relpath(folder, Path(target).absolute().parent)
