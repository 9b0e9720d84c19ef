"""Mappings that know which of their keys were asked for.

A misspelt key is one that jenkins-job-builder never asks for. So what it may be is read off what it does ask for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from jenkins_jobs.loc_loader import LocDict, LocList


@dataclass(eq=False)
class Asked:
    """What was asked of one mapping. `everything`: somebody went through all of it."""

    keys: set[str] = field(default_factory=set)
    everything: bool = False

    @property
    def touched(self) -> bool:
        return bool(self.keys) or self.everything


class TrackedDict(LocDict):  # type: ignore[misc]
    """Without `asked` it is one of jenkins-job-builder's own making, such as its trigger gerrit makes."""

    def __init__(self, source: Any = (), asked: Asked | None = None) -> None:
        places = source if isinstance(source, LocDict) else LocDict()
        super().__init__(None, places.pos, places.key_pos, places.value_pos)
        values = source if isinstance(source, dict) else dict(source)
        for key in dict.keys(values):
            dict.__setitem__(self, key, dict.__getitem__(values, key))
        self.asked = asked or Asked(everything=True)

    def __getitem__(self, key: Any) -> Any:
        self.asked.keys.add(key)
        return super().__getitem__(key)

    def get(self, key: Any, default: Any = None) -> Any:
        self.asked.keys.add(key)
        return super().get(key, default)

    def __contains__(self, key: Any) -> bool:
        self.asked.keys.add(key)
        return dict.__contains__(self, key)

    def pop(self, key: Any, *default: Any) -> Any:
        self.asked.keys.add(key)
        return super().pop(key, *default)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        self.asked.keys.add(key)
        return super().setdefault(key, default)

    def __iter__(self) -> Iterator[Any]:
        self.asked.everything = True
        return dict.__iter__(self)

    def keys(self) -> Any:
        self.asked.everything = True
        return super().keys()

    def values(self) -> Any:
        self.asked.everything = True
        return super().values()

    def items(self) -> Any:
        self.asked.everything = True
        return super().items()

    def copy(self) -> TrackedDict:
        """What is asked of the copy counts, too."""
        return TrackedDict(self, self.asked)


def tracked(value: Any) -> Any:
    """`value` with all mappings in it tracked; keys of any that were tracked before begin anew."""
    if isinstance(value, dict):
        source = value if isinstance(value, LocDict) else LocDict(value)
        result = TrackedDict(source, Asked())
        for key in dict.keys(source):
            dict.__setitem__(result, key, tracked(dict.__getitem__(source, key)))
        return result
    if isinstance(value, LocList):
        return LocList([tracked(item) for item in value], value.pos, value.value_pos)
    return [tracked(item) for item in value] if isinstance(value, list) else value


def untracked(value: Any) -> Any:
    """For what goes by the exact type of a mapping."""
    if isinstance(value, dict):
        result = LocDict(
            None, getattr(value, "pos", None), getattr(value, "key_pos", {}), getattr(value, "value_pos", {})
        )
        for key in dict.keys(value):
            dict.__setitem__(result, key, untracked(dict.__getitem__(value, key)))
        return result
    if isinstance(value, LocList):
        return LocList([untracked(item) for item in value], value.pos, value.value_pos)
    return [untracked(item) for item in value] if isinstance(value, list) else value


def mappings_in(value: Any) -> Iterator[TrackedDict]:
    """All tracked mappings at any depth, the outermost first."""
    if isinstance(value, TrackedDict):
        yield value
        inner: Any
        for inner in dict.values(value):
            yield from mappings_in(inner)
    elif isinstance(value, list):
        for item in value:
            yield from mappings_in(item)
