"""Mesos's RecordIO: each record is its length in decimal digits, a line feed, and that many bytes. Pure."""

from __future__ import annotations

_LONGEST_LENGTH = 20


def records(unread: bytes) -> tuple[list[bytes], bytes]:
    """The complete records in `unread`, and what remains of it. Raises ValueError where this is no RecordIO."""
    found: list[bytes] = []
    while True:
        head, line_end, rest = unread.partition(b"\n")
        if not line_end:
            if len(head) > _LONGEST_LENGTH or (head and not head.isdigit()):
                raise ValueError("no RecordIO: a length was expected")
            return found, unread
        if not head.isdigit() or len(head) > _LONGEST_LENGTH:
            raise ValueError("no RecordIO: a length was expected")
        length = int(head)
        if len(rest) < length:
            return found, unread
        found.append(rest[:length])
        unread = rest[length:]
