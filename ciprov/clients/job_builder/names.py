"""What Jenkins lets a job be called."""

from __future__ import annotations

import re
from unicodedata import is_normalized

_UNSAFE = re.compile(r"[?*\\%!@#$^&|<>\[\]:;\x00-\x1f\x7f-\x9f]")
_LONGEST = 255
"""Of a directory's name."""


def unfit(name: str) -> str:
    """Why a job cannot have this full name (folders included) or would get another one; empty where it can."""
    unsafe = _UNSAFE.search(name)
    if unsafe:
        return f"Jenkins does not allow {unsafe[0]!r}"
    found = (why for part in name.split("/") if (why := _unfit(part)))
    return next(found, "")


def _unfit(part: str) -> str:
    if not part.strip("."):
        return "no part of it may be empty, or dots alone"
    if part != part.strip():
        return "no part of it may begin or end with a blank"
    if part.endswith("."):
        return "no part of it may end with a dot"
    if not is_normalized("NFC", part):
        return "it holds letters and their accents one by one, which Jenkins cannot make a directory of"
    return f"no part of it may be longer than {_LONGEST} bytes" if len(part.encode()) > _LONGEST else ""
