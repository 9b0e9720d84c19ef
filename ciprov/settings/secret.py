"""A value that nothing prints: its text is read only where it is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ciprov.foundation.errors import CiprovError

HIDDEN = "(hidden)"


class Secret:
    """`reveal()` gives the text and raises `CiprovError` where it cannot be read; everything else shows `(hidden)`."""

    __slots__ = ("_read", "origin")

    def __init__(self, read: Callable[[], str], origin: str) -> None:
        self._read = read
        self.origin = origin
        """How it was given, for people: `in the file`, `from file …`, `from variable …`."""

    def reveal(self) -> str:
        return self._read()

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(HIDDEN, spec)

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written anywhere")


def given(text: str) -> Secret:
    return Secret(lambda: text, "given in clear")


def from_file(path: Path, place: str) -> Secret:
    def read() -> str:
        try:
            text = path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
            raise CiprovError(
                f"the secret's file {path} cannot be read: {reason}",
                place=place,
                way_out="correct the path or the file",
            ) from error
        if not text:
            raise CiprovError(f"the secret's file {path} is empty", place=place, way_out="write the secret into it")
        return text

    return Secret(read, f"from file {path}")


def from_variable(name: str, environment: Mapping[str, str], place: str) -> Secret:
    def read() -> str:
        text = environment.get(name, "")
        if not text:
            raise CiprovError(
                f"the environment variable {name} is not set",
                place=place,
                way_out=f"set {name}, or give the secret by a file",
            )
        return text

    return Secret(read, f"from variable {name}")
