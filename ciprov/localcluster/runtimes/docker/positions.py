"""How far a container's output is in its sandbox, so that copying goes on where it broke off. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

STAMP_LENGTH = len("2006-01-02T15:04:05.000000000Z")


@dataclass(frozen=True, slots=True)
class Position:
    """The file held `size` bytes before the first entry that the engine stamped with `stamp`."""

    stamp: str = ""
    size: int = 0


class Resuming:
    """One stream's way into its file, which holds `size` bytes already."""

    def __init__(self, position: Position, size: int) -> None:
        self.position = position
        self._size = size
        self._copied = position.size
        self._skip = max(0, size - position.size)
        self._met = not position.stamp

    def fresh(self, entry: bytes) -> bytes:
        """What of an entry, which begins with its stamp, the file does not hold yet."""
        stamp = entry[:STAMP_LENGTH].decode(errors="replace")
        content = entry[STAMP_LENGTH + 1 :]
        if not self._met:
            if stamp < self.position.stamp:
                return b""
            if stamp > self.position.stamp:
                # The engine keeps a part only, and what the file ends with is no longer in it.
                self._skip, self._copied = 0, self._size
            self._met = True
        if stamp != self.position.stamp:
            self.position = Position(stamp, self._copied)
        self._copied += len(content)
        skipped = min(self._skip, len(content))
        self._skip -= skipped
        return content[skipped:]


def since(positions: Mapping[int, Position]) -> int:
    """From when on the engine is to be asked, in seconds since the epoch.

    A stream without a position had no output yet. Of two streams the engine may write a younger entry first.
    """
    stamps = [position.stamp for position in positions.values() if position.stamp]
    return max(0, int(datetime.fromisoformat(min(stamps)[:19] + "+00:00").timestamp()) - 1) if stamps else 0


def encode(positions: Mapping[int, Position]) -> str:
    return json.dumps({number: [position.stamp, position.size] for number, position in positions.items()})


def decode(text: str) -> dict[int, Position]:
    """Empty where the text cannot be read."""
    try:
        return {int(number): Position(str(stamp), int(size)) for number, (stamp, size) in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError):
        return {}
