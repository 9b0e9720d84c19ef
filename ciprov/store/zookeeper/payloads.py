"""What a node of ZooKeeper holds: JSON with a schema version, within the size that every server takes. Pure."""

from __future__ import annotations

import base64
import json
import zlib

from ciprov.foundation.json import JsonObject
from ciprov.store.documents import current, stamped
from ciprov.store.errors import StoreError

LIMIT = 1_000_000
"""Bytes. ZooKeeper takes 1 MiB in one request by default, with paths and what else travels along."""

LARGE = 64 * 1024
"""Bytes from which the long text of a document is compressed."""

_TEXT = "blueprint_source"
_MOST_TEXT = 64 * 1024 * 1024
_COMPRESSED = "zlib"


def pack(kind: str, what: str, document: JsonObject) -> bytes:
    """`what` names the document for people. Raises `StoreError` where it is too large even when compressed."""
    document = stamped(kind, document)
    data = _bytes(document)
    text = document.get(_TEXT)
    if len(data) > LARGE and isinstance(text, str):
        compressed = base64.b64encode(zlib.compress(text.encode("utf-8", "surrogatepass"), 9)).decode("ascii")
        data = _bytes({**document, _TEXT: {_COMPRESSED: compressed}})
    if len(data) > LIMIT:
        raise StoreError(
            f"{what} is too large for ZooKeeper: {len(data):,} bytes where {LIMIT:,} are allowed",
            way_out="make the blueprint or its parameters smaller: keep large files beside the blueprint and let the "
            "apps fetch them",
        )
    return data


def unpack(kind: str, what: str, data: bytes) -> JsonObject:
    """Raises `StoreError` where a newer ciprov wrote it, and where it is none of ours."""
    try:
        document = current(kind, what, json.loads(data))
        text = document.get(_TEXT)
        if isinstance(text, dict):
            document[_TEXT] = _inflated(base64.b64decode(text[_COMPRESSED], validate=True))
    except (ValueError, KeyError, zlib.error) as error:
        raise StoreError(
            f"{what} cannot be read: {error}",
            way_out="restore it from a backup of ZooKeeper, or use the ciprov version that wrote it",
        ) from error
    return document


def _bytes(document: JsonObject) -> bytes:
    return json.dumps(document, sort_keys=True).encode("utf-8")


def _inflated(data: bytes) -> str:
    inflater = zlib.decompressobj()
    text = inflater.decompress(data, _MOST_TEXT)
    if inflater.unconsumed_tail or not inflater.eof:
        raise ValueError(f"the compressed {_TEXT} is cut off or longer than {_MOST_TEXT:,} bytes")
    return text.decode("utf-8", "surrogatepass")
