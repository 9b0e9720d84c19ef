"""From entries of the file to values by tables of keys. All that is wrong is told, each thing once, at its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ciprov.settings.document import Entry, in_order, unknown_keys


class _Wrong(Enum):
    WRONG = "wrong"


WRONG = _Wrong.WRONG
"""Stands for a value that could not be read, of which there is a finding."""


class Findings:
    """`root` is the entry that all others are below, at the path `name`."""

    def __init__(self, root: Entry, name: str) -> None:
        self._paths = dict(_paths(root, name))
        self._told: dict[str, None] = {}

    @property
    def told(self) -> tuple[str, ...]:
        return in_order(self._told)

    def path(self, entry: Entry) -> str:
        return self._paths.get(entry.place, "")

    def tell(self, entry: Entry, text: str, key: str = "") -> None:
        """`key` is one that is missing in the entry, or wrong as such."""
        path = self.path(entry)
        self.add(f"{entry.place}: {path}{'.' if path and key else ''}{key}: {text}")

    def add(self, finding: str) -> None:
        self._told[finding] = None


Read = Callable[[Entry, Findings], Any]
"""Gives the value, or tells what is wrong and gives WRONG."""


@dataclass(frozen=True, slots=True)
class Known:
    """A key in a mapping. `default` and `meaning` are for people, in the words of the reference."""

    read: Read
    meaning: str
    default: str = ""


@dataclass(frozen=True, slots=True)
class Members:
    """A mapping that was read. `values` has what could be, `wrong` names what could not."""

    entry: Entry
    values: Mapping[str, Any]
    wrong: frozenset[str] = frozenset()

    def __contains__(self, key: str) -> bool:
        return key in self.values or key in self.wrong

    def get(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)

    def sound(self, *keys: str) -> bool:
        """Whether none of them could not be read: only then more can be said about them."""
        return self.wrong.isdisjoint(keys)

    def where(self, key: str) -> Entry:
        value = self.entry.value
        return value.get(key, self.entry) if isinstance(value, dict) else self.entry

    def given(self, **names: str) -> dict[str, Any]:
        """The values that are there, by other names: `given(idle_s="idle")`."""
        return {name: self.values[key] for name, key in names.items() if key in self.values}


def scalar(parse: Callable[[Any], Any]) -> Read:
    """`parse` raises ValueError saying what is allowed."""

    def read(entry: Entry, findings: Findings) -> Any:
        try:
            return parse(entry.plain)
        except ValueError as error:
            findings.tell(entry, str(error))
            return WRONG

    return read


def each(read: Read, what: str) -> Read:
    """A list, as a tuple."""

    def read_all(entry: Entry, findings: Findings) -> Any:
        if not isinstance(entry.value, list):
            findings.tell(entry, f"a list of {what} is wanted")
            return WRONG
        values = [read(item, findings) for item in entry.value]
        return WRONG if WRONG in values else tuple(values)

    return read_all


def members(entry: Entry, keys: Mapping[str, Known], findings: Findings) -> Members:
    """A mapping with these keys; a key without a value counts as not there."""
    if not isinstance(entry.value, dict):
        findings.tell(entry, f"a mapping is wanted, with {', '.join(keys)}")
        return Members(Entry({}, entry.place), {}, frozenset(keys))
    path = findings.path(entry)
    for finding in unknown_keys(entry, list(keys), f"{path}." if path else ""):
        findings.add(finding)
    read = {
        key: keys[key].read(value, findings)
        for key, value in entry.value.items()
        if key in keys and value.value is not None
    }
    wrong = frozenset(key for key, value in read.items() if value is WRONG)
    return Members(entry, {key: value for key, value in read.items() if key not in wrong}, wrong)


def _paths(entry: Entry, path: str) -> Iterator[tuple[str, str]]:
    # Later ones win: an anchor's own path over those of its aliases would need the first, which is why it is last.
    if isinstance(entry.value, dict):
        for key, value in reversed(entry.value.items()):
            yield from _paths(value, f"{path}.{key}")
    elif isinstance(entry.value, list):
        for number, value in reversed(list(enumerate(entry.value))):
            yield from _paths(value, f"{path}[{number}]")
    yield entry.place, path
