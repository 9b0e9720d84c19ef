"""Durations as people write them: `90s`, `5m`, `1h30m`, `2d`."""

from __future__ import annotations

import re

ALLOWED = "a duration such as 90s, 5m, 8h, 2d or 1h30m"

_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?")


def seconds(text: str) -> int | None:
    """The duration in seconds; None where `text` is no duration, or nothing at all."""
    match = _DURATION.fullmatch(text.replace(" ", "").lower())
    if match is None or not any(match.groups()):
        return None
    return sum(int(amount) * unit for amount, unit in zip(match.groups(), _UNITS.values(), strict=True) if amount)


def shown(total: int) -> str:
    """`total` seconds in the form that `seconds` reads: 5400 → `1h30m`."""
    parts: list[str] = []
    for letter, unit in _UNITS.items():
        amount, total = divmod(total, unit)
        if amount:
            parts.append(f"{amount}{letter}")
    return "".join(parts) or "0s"
