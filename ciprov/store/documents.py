"""What the store writes carries the version of its form, so that it survives an upgrade of ciprov. Pure.

A migration is never changed once released: a new one is added at the end of its list. The version of a document is one
more than the migrations that led to it; one that names no version has the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ciprov.foundation.json import JsonObject
from ciprov.store.errors import StoreError

Migration = Callable[[JsonObject], JsonObject]
"""From one version to the next."""

MIGRATIONS: Mapping[str, Sequence[Migration]] = {
    "record": (),
    "history": (),
    "lock": (),
    "agent": (),
    "task": (),
    "framework": (),
    "service": (),
}
"""By kind of document."""

_KEY = "schema"


def stamped(kind: str, document: JsonObject, migrations: Mapping[str, Sequence[Migration]] = MIGRATIONS) -> JsonObject:
    """`document` with the version in which this ciprov writes its kind."""
    return {_KEY: len(migrations[kind]) + 1, **document}


def current(
    kind: str, what: str, document: JsonObject, migrations: Mapping[str, Sequence[Migration]] = MIGRATIONS
) -> JsonObject:
    """`document` brought to the version of this ciprov; `what` names it for people.

    Raises `StoreError` where a newer ciprov wrote it, and ValueError where it is no document at all.
    """
    if not isinstance(document, dict):
        raise ValueError("an object is wanted")
    version, known = document.get(_KEY, 1), len(migrations[kind]) + 1
    if not isinstance(version, int) or version < 1:
        raise ValueError(f"{version!r} is no schema version")
    if version > known:
        raise StoreError(
            f"{what} was written by a newer ciprov: it has schema version {version}, this one knows up to {known}",
            way_out="use that newer ciprov here too",
        )
    document = {key: value for key, value in document.items() if key != _KEY}
    for migration in migrations[kind][version - 1 :]:
        document = migration(document)
    return document
