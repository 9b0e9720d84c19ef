"""Variables that a shell can source and Jenkins' `readProperties` reads alike: no quotes, no escapes needed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote

from ciprov.domain.environment import Endpoint

_SAFE = "/:@%+,=._-"


def lines(variables: Mapping[str, str]) -> str:
    return "".join(f"{name}={safe(value)}\n" for name, value in variables.items())


def safe(value: str) -> str:
    """Whatever a shell or a properties file would take specially is percent-encoded, as URLs have it anyway."""
    return quote(value, safe=_SAFE, errors="replace").replace("~", "%7E")


def name_of(*parts: str) -> str:
    """`("db/main", "sql", "HOST")` → `DB_MAIN_SQL_HOST`."""
    name = re.sub(r"[^A-Z0-9]+", "_", "_".join(part for part in parts if part).upper()).strip("_")
    return f"_{name}" if name[:1].isdigit() else name


def endpoint_variables(endpoints: Iterable[Endpoint]) -> dict[str, str]:
    """`<APP>_<PORT>_HOST`, `_PORT` and, where there is one, `_URL`. Names that meet get a number: `_2`."""
    variables: dict[str, str] = {}
    used: set[str] = set()
    for endpoint in endpoints:
        stem, number = name_of(endpoint.app, endpoint.name), 1
        while (base := stem if number == 1 else f"{stem}_{number}") in used:
            number += 1
        used.add(base)
        variables[f"{base}_HOST"] = endpoint.host
        variables[f"{base}_PORT"] = str(endpoint.port)
        if endpoint.url:
            variables[f"{base}_URL"] = endpoint.url
    return variables
