"""What is kept of an agent service, as text: the form in which every backend keeps it. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ciprov.domain.agents import Key
from ciprov.foundation.json import JsonObject
from ciprov.store.documents import current, stamped
from ciprov.store.errors import StoreError

KINDS = frozenset({"agent", "task", "framework", "service"})


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose documents they are."""

    cluster: str
    service: str

    def __str__(self) -> str:
        return f"agent service {self.service} on cluster {self.cluster}"


def named(owner: Owner, key: Key) -> str:
    """For people."""
    return f"{key.kind} {key.id} of {owner}"


def encode(key: Key, document: JsonObject) -> str:
    """Raises ValueError for a kind that nobody could read back."""
    if key.kind not in KINDS:
        raise ValueError(f"{key.kind!r} is no kind of document")
    return json.dumps(stamped(key.kind, document), sort_keys=True)


def decode(owner: Owner, key: Key, text: str | bytes, place: str, delete: str) -> JsonObject:
    """Raises `StoreError` where a newer ciprov wrote it, and where it is none of ours; `delete` says how to drop it."""
    what = named(owner, key)
    if key.kind not in KINDS:
        raise StoreError(
            f"{what} is of a kind that this ciprov does not know",
            place=place,
            way_out="use the newer ciprov that wrote it",
        )
    try:
        return current(key.kind, what, json.loads(text))
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{what} cannot be read: {error}",
            place=place,
            way_out="restore it from a backup, use the ciprov version that wrote it, or give it up, so that what it "
            f"stood for is looked for anew: {delete}",
        ) from error
