"""Types for decoded JSON, as Marathon's definitions travel through ciprov: unknown fields are kept."""

from __future__ import annotations

from typing import Any

JsonValue = Any
JsonObject = dict[str, Any]
