"""Values of agents' attributes, as Mesos tells them and Marathon compares them. Pure."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal


def number(text: str) -> str | None:
    """A number as Mesos and Marathon write it: three decimals, no zeros at the end. None where it is no number."""
    if not re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return None
    rounded = Decimal(text).quantize(Decimal("0.001"), ROUND_HALF_EVEN)
    return f"{rounded:f}".rstrip("0").rstrip(".")
