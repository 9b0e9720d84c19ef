"""Types of JSON values with the error names that Marathon answers. `read` gives the value without unknown fields."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ciprov.localcluster.definitions.errors import InvalidJson, Violation


class Kind(Protocol):
    """A type of JSON value. `read` appends what is wrong to `out` and gives back the cleaned value."""

    def read(self, value: Any, path: str, out: list[Violation]) -> Any: ...


def _wrong(out: list[Violation], path: str, error: str) -> None:
    out.append(Violation(path or "/", error))


@dataclass(frozen=True)
class Text:
    min_length: int = 0
    max_length: int | None = None
    pattern: str | None = None
    accepts: Callable[[str], bool] | None = None
    choices: Sequence[str] | None = None

    def read(self, value: Any, path: str, out: list[Violation]) -> Any:
        if not isinstance(value, str):
            _wrong(out, path, "error.expected.jsstring")
        elif "\0" in value:
            # No command line, environment or file name can hold it.
            _wrong(out, path, "error.pattern")
        elif self.choices is not None:
            if value not in self.choices:
                _wrong(out, path, "error.unknown.enum.literal")
        else:
            if len(value) < self.min_length:
                _wrong(out, path, "error.minLength")
            if self.max_length is not None and len(value) > self.max_length:
                _wrong(out, path, "error.maxLength")
            fits = self.pattern is None or re.fullmatch(self.pattern, value)
            if not fits or (self.accepts is not None and not self.accepts(value)):
                _wrong(out, path, "error.pattern")
        return value


@dataclass(frozen=True)
class Number:
    minimum: float | None = None
    maximum: float | None = None
    integer: bool = False

    def read(self, value: Any, path: str, out: list[Violation]) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            _wrong(out, path, "error.expected.jsnumber")
            return value
        if not _is_finite(value):
            _wrong(out, path, "error.expected.jsnumber")
            return value
        if self.integer:
            if value != int(value) or not -(2**63) <= value < 2**63:
                _wrong(out, path, "error.expected.int")
                return value
            value = int(value)
        if self.minimum is not None and value < self.minimum:
            _wrong(out, path, "error.min")
        if self.maximum is not None and value > self.maximum:
            _wrong(out, path, "error.max")
        return value


@dataclass(frozen=True)
class Flag:
    def read(self, value: Any, path: str, out: list[Violation]) -> Any:
        if not isinstance(value, bool):
            _wrong(out, path, "error.expected.jsboolean")
        return value


@dataclass(frozen=True)
class Items:
    item: Kind
    min_items: int = 0
    max_items: int | None = None

    def read(self, value: Any, path: str, out: list[Violation]) -> Any:
        if not isinstance(value, list):
            _wrong(out, path, "error.expected.jsarray")
            return []
        if len(value) < self.min_items:
            _wrong(out, path, "error.minLength")
        if self.max_items is not None and len(value) > self.max_items:
            _wrong(out, path, "error.maxLength")
        return [self.item.read(entry, f"{path}({index})", out) for index, entry in enumerate(value)]


@dataclass(frozen=True)
class Table:
    """An object whose keys are free."""

    item: Kind

    def read(self, value: Any, path: str, out: list[Violation]) -> Any:
        if not isinstance(value, dict):
            _wrong(out, path, "error.expected.jsobject")
            return {}
        return {key: self.item.read(entry, f"{path}/{key}", out) for key, entry in value.items()}


@dataclass(frozen=True)
class Record:
    """An object with known fields; others are ignored, null counts as absent."""

    fields: Mapping[str, Kind]
    required: Sequence[str] = ()
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def read(self, value: Any, path: str, out: list[Violation]) -> Any:
        if not isinstance(value, dict):
            _wrong(out, path, "error.expected.jsobject")
            return {}
        for name in self.required:
            if value.get(name) is None:
                _wrong(out, f"{path}/{name}", "error.path.missing")
        result = dict(self.defaults)
        for name, kind in self.fields.items():
            if value.get(name) is not None:
                result[name] = kind.read(value[name], f"{path}/{name}", out)
        return result


@dataclass(frozen=True)
class Choose:
    """A value whose type depends on the value itself."""

    pick: Callable[[Any], Kind]

    def read(self, value: Any, path: str, out: list[Violation]) -> Any:
        return self.pick(value).read(value, path, out)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def checked(kind: Kind, value: Any) -> Any:
    """The cleaned value; raises `InvalidJson` with everything that is wrong with it."""
    out: list[Violation] = []
    try:
        result = kind.read(value, "", out)
    except RecursionError:
        raise InvalidJson([Violation("/", "error.nested.too.deeply")]) from None
    if out:
        raise InvalidJson(out)
    return result
