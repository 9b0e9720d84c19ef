"""What a template takes over from `defaults`: each key that it does not have itself.

`container` and `env` are merged key by key, everything else as a whole; a key without a value (`user: null`) takes the
default away.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ciprov.settings.agents.container_keys import CONTAINER_KEYS
from ciprov.settings.agents.template_keys import TEMPLATE_KEYS
from ciprov.settings.document import Entry

_MERGED: Mapping[str, Collection[str] | None] = {"container": CONTAINER_KEYS, "env": None}
"""With the keys that are known in it; None for any."""

INHERITED = " (defaults)"


def resolved(own: Entry, defaults: Entry) -> Entry:
    """The template as it would stand there without defaults. What is unknown in the defaults is left out."""
    base = _members(defaults)
    mine = _members(own)
    found = {key: value for key, value in base.items() if key in TEMPLATE_KEYS} | mine
    for key, known in _MERGED.items():
        if isinstance(getattr(mine.get(key), "value", None), dict) and _members(base.get(key)):
            inner = {name: value for name, value in _members(base[key]).items() if known is None or name in known}
            found[key] = Entry(inner | _members(mine[key]), mine[key].place, mine[key].key_place)
    return Entry(found, own.place, own.key_place)


def sources(merged: Entry, own: Entry, path: str) -> Iterator[tuple[str, str]]:
    """Where each value of the merged template stands, by its key's path."""
    for key, value in _members(merged).items():
        mine = _members(own).get(key)
        if key in _MERGED and isinstance(value.value, dict):
            yield from sources(value, mine or Entry({}, ""), f"{path}.{key}")
        elif value.value is not None:
            yield f"{path}.{key}", value.place + ("" if mine is value else INHERITED)


def _members(entry: Entry | None) -> dict[str, Entry]:
    return entry.value if entry is not None and isinstance(entry.value, dict) else {}
