"""What a process held that was just killed: the kernel takes it away piece by piece, and whoever takes over may come in
between.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import TypeVar

_EVERY_S = 0.02
T = TypeVar("T")


def once_free(take: Callable[[], T], held: Collection[int], within_s: float) -> T:
    """What `take` gives. It is tried again for so many seconds while it fails with one of these `errno`s."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            return take()
        except OSError as error:
            if error.errno not in held or time.monotonic() >= deadline:
                raise
        time.sleep(_EVERY_S)
