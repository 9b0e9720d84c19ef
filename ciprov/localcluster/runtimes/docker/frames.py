"""The engine's way to send two streams over one connection: frames with a header of eight bytes. Pure."""

from __future__ import annotations

STDOUT = 1
STDERR = 2
_HEADER = 8


def split(data: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The complete frames in `data`, as stream number and content, and the rest that waits for more."""
    frames = []
    start = 0
    while len(data) - start >= _HEADER:
        length = int.from_bytes(data[start + 4 : start + _HEADER], "big")
        end = start + _HEADER + length
        if end > len(data):
            break
        frames.append((data[start], data[start + _HEADER : end]))
        start = end
    return frames, data[start:]
