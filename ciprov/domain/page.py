"""What a URL answered, for checks of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Page:
    """`text` is the beginning of the body. `error` says why there is no answer."""

    status: int = 0
    text: str = ""
    error: str = ""
