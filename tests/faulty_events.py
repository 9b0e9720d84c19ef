"""Marathon's stream of events, disturbed: dropped, repeated, reordered, delayed, cut."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Disturbance:
    """Every `drop`th event is lost, every `repeat`th comes three times, `reorder` of them come in reverse, each
    `delay` seconds late. After `cut_after` of them the stream ends, with `half` in the middle of the next. `garbage`
    comes before each. 0 is never.
    """

    drop: int = 0
    repeat: int = 0
    reorder: int = 0
    delay: float = 0.0
    cut_after: int = 0
    half: bool = False
    garbage: bytes = b""


UNDISTURBED = Disturbance()


def disturbed(lines: Iterable[bytes], how: Disturbance, sleep: Callable[[float], None]) -> Iterator[bytes]:
    """The pieces to send for the `lines` of a stream."""
    held: list[bytes] = []
    for number, event in enumerate(_events(lines), start=1):
        if how.drop and number % how.drop == 0:
            continue
        if how.cut_after and number > how.cut_after:
            if how.half:
                yield event[: len(event) // 2]
            return
        if how.delay:
            sleep(how.delay)
        held += [event] * (3 if how.repeat and number % how.repeat == 0 else 1)
        if len(held) >= how.reorder:
            yield from (how.garbage + one for one in reversed(held))
            held = []


def _events(lines: Iterable[bytes]) -> Iterator[bytes]:
    block = b""
    for line in lines:
        block += line
        if not line.strip():
            yield block
            block = b""
