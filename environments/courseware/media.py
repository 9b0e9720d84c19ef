"""The media service: synthesises a lesson's jingle from its title and draws its waveform. Real work, no library."""

from __future__ import annotations

import base64
import hashlib
import math
import struct
import zlib
from typing import Any

from service import Answer, as_json, ready_once, serve

RATE = 8000
WIDTH, HEIGHT = 160, 32


def samples(title: str) -> list[float]:
    """One tone per letter, 30 ms each, in -1..1."""
    wave: list[float] = []
    for position, letter in enumerate(title):
        pitch = 220.0 * 2 ** ((ord(letter) % 24) / 12)
        length = RATE * 3 // 100
        fade = 1.0 - position / (2 * len(title))
        wave += [fade * math.sin(2 * math.pi * pitch * i / RATE) * (1 - i / length) for i in range(length)]
    return wave


def picture(wave: list[float]) -> bytes:
    """A greyscale PNG of the wave's peaks."""
    span = max(1, len(wave) // WIDTH)
    peaks = [max((abs(v) for v in wave[x * span : (x + 1) * span]), default=0.0) for x in range(WIDTH)]
    rows = bytearray()
    for y in range(HEIGHT):
        level = abs(y - HEIGHT / 2) / (HEIGHT / 2)
        rows += b"\0" + bytes(0 if peak >= level else 255 for peak in peaks)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def render(query: dict[str, str], _body: Any) -> Answer:
    wave = samples(query["title"])
    image = picture(wave)
    return as_json(
        200,
        {
            "digest": hashlib.sha256(image).hexdigest(),
            "seconds": round(len(wave) / RATE, 3),
            "png": base64.b64encode(image).decode(),
        },
    )


serve("media", {("GET", "/render"): render, ("GET", "/health"): ready_once(lambda: picture(samples("ready")))})
