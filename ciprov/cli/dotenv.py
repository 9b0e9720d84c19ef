"""Variables that a shell can source and Jenkins' `readProperties` reads alike: no quotes, no escapes needed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

_SAFE = "/:@%+,=._-"


def lines(variables: Mapping[str, str]) -> str:
    return "".join(f"{name}={safe(value)}\n" for name, value in variables.items())


def safe(value: str) -> str:
    """Whatever a shell or a properties file would take specially is percent-encoded, as URLs have it anyway."""
    return quote(value, safe=_SAFE, errors="replace").replace("~", "%7E")
