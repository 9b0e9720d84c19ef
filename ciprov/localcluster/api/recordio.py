"""RecordIO, in which Mesos streams messages: a length in decimal, a line feed, and that many bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

RECORD_LIMIT = 16 * 1024 * 1024
_LENGTH_DIGITS = 20


class BadRecord(ValueError):
    """The bytes are no RecordIO, or a record is too long."""


def record(message: Mapping[str, Any]) -> bytes:
    body = json.dumps(message, separators=(",", ":")).encode()
    return b"%d\n%s" % (len(body), body)


def records(pending: bytes, more: bytes) -> tuple[tuple[bytes, ...], bytes]:
    """The records complete in `pending` + `more`, and what is left to be passed in again. Raises `BadRecord`."""
    pending += more
    found: list[bytes] = []
    while True:
        head, separator, rest = pending.partition(b"\n")
        if not separator:
            if len(head) > _LENGTH_DIGITS:
                raise BadRecord("the stream is no RecordIO: it does not begin with a length")
            return tuple(found), pending
        if not head.isdigit() or len(head) > _LENGTH_DIGITS or int(head) > RECORD_LIMIT:
            raise BadRecord(f"the stream is no RecordIO: {head[:40]!r} is no length up to {RECORD_LIMIT}")
        length = int(head)
        if len(rest) < length:
            return tuple(found), pending
        found.append(rest[:length])
        pending = rest[length:]
