"""JSON as others send it: only what can also be written down and told again. Pure."""

from __future__ import annotations

import json
from typing import Any, NoReturn


def value_of(content: bytes) -> Any:
    """Raises ValueError, which is a `json.JSONDecodeError` where only its syntax is wrong."""
    try:
        # Decoded here: Python's own detection of encodings lets halves of surrogate pairs pass.
        value = json.loads(content.decode("utf-8-sig"), parse_constant=_no_constant)
        if b"\\u" in content:
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")
