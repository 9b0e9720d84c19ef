"""What differs between two definitions, value by value, with secrets left out."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from ciprov.environments.normalise import IN_PLACE_UPGRADE, normal_form, settled
from ciprov.foundation.json import JsonObject, JsonValue

HIDDEN = "(hidden)"
_SECRET_NAME = re.compile(
    r"pass(word|wd|phrase)?|secret|token|credential|private|api_?key|_key$|auth(?!or)", re.IGNORECASE
)


_URL_PASSWORD = re.compile(r"://[^/\s:@]*:[^/\s@]+@")
"""`scheme://user:password@host`: what was a secret when it was put may be none of today's."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One changed value; `path` as in `env.COLOUR` or `portDefinitions[0].port`; None where a side has none."""

    path: str
    old: JsonValue
    new: JsonValue

    def __str__(self) -> str:
        return f"{self.path}: {_shown(self.old)} → {_shown(self.new)}"

    def to_json(self) -> JsonObject:
        return {"path": self.path, "old": self.old, "new": self.new}


def differences(desired: JsonObject, live: JsonObject, secrets: Collection[str] = ()) -> tuple[Difference, ...]:
    """How `live`, as Marathon answered it, differs from `desired`; `instances` are not compared.

    A value is hidden on both sides where it holds one of `secrets` or a URL's password, or where its name says that it
    is one.
    """
    old, new = normal_form(live), normal_form(desired)
    new = settled(new, old)
    if desired.get("upgradeStrategy") is None and old.get("upgradeStrategy") == IN_PLACE_UPGRADE:
        new["upgradeStrategy"] = IN_PLACE_UPGRADE  # an update in place put it there
    for form in (old, new):
        form.pop("instances", None)
    return tuple(_redacted(difference, secrets) for difference in _compare("", old, new))


def _compare(path: str, old: Any, new: Any) -> Iterator[Difference]:
    # A whole map that comes or goes is told key by key, so that each name is asked whether it is a secret's.
    old, new = ({} if a is None and isinstance(b, dict) else a for a, b in ((old, new), (new, old)))
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from _compare(f"{path}.{key}" if path else key, old.get(key), new.get(key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (was, becomes) in enumerate(zip(old, new, strict=True)):
            yield from _compare(f"{path}[{index}]", was, becomes)
    elif old != new or isinstance(old, bool) != isinstance(new, bool):
        yield Difference(path, old, new)


def _redacted(difference: Difference, secrets: Collection[str]) -> Difference:
    sides = (difference.old, difference.new)
    hidden = _secret_name(difference.path) or any(
        _URL_PASSWORD.search(str(value)) or any(secret and _holds(value, secret) for secret in secrets)
        for value in sides
    )
    if not hidden:
        return difference
    old, new = (None if value is None else HIDDEN for value in (difference.old, difference.new))
    return Difference(difference.path, old, new)


def _secret_name(path: str) -> bool:
    # Only names that the user chose can tell: not `taskKillGracePeriodSeconds` and the like.
    head, _, name = path.partition(".")
    return head in ("env", "labels", "secrets") and bool(_SECRET_NAME.search(name))


def _holds(value: Any, secret: str) -> bool:
    if isinstance(value, dict):
        return any(_holds(item, secret) for pair in value.items() for item in pair)
    if isinstance(value, list):
        return any(_holds(item, secret) for item in value)
    return value is not None and secret in str(value)


def _shown(value: JsonValue) -> str:
    if value is None:
        return "(none)"
    text = str(value) if isinstance(value, str | int | float) else repr(value)
    return text if len(text) <= 120 else text[:117] + "…"
