"""Definitions in one comparable form, whichever of Marathon's spellings they came in."""

from __future__ import annotations

from dataclasses import dataclass

from ciprov.foundation.json import JsonObject, JsonValue


@dataclass(frozen=True, slots=True)
class Difference:
    """One changed value; `path` as in `env.COLOUR` or `portDefinitions[0].port`; None where a side has none."""

    path: str
    old: JsonValue
    new: JsonValue

    def __str__(self) -> str:
        return f"{self.path}: {self.old!r} → {self.new!r}"

    def to_json(self) -> JsonObject:
        return {"path": self.path, "old": self.old, "new": self.new}
