"""Jenkins's `tree=`: which fields of an answer are given. What a bean does not have is left out silently."""

from __future__ import annotations

import re
from typing import Any

Wanted = dict[str, "Wanted"]


def parsed(tree: str) -> Wanted:
    pieces = iter(re.findall(r"[\w.]+|[\[\],]", tree))

    def fields() -> Wanted:
        found: Wanted = {}
        last = ""
        for piece in pieces:
            if piece == "[":
                found[last] = fields()
            elif piece == "]":
                break
            elif piece != ",":
                last = piece
                found[last] = {}
        return found

    return fields()


def filtered(value: Any, wanted: Wanted) -> Any:
    if isinstance(value, list):
        return [filtered(each, wanted) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {"_class": value["_class"]} if "_class" in value else {}
    return kept | {name: filtered(value[name], wanted[name]) for name in value if name in wanted}
