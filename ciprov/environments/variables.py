"""An environment's names and addresses as variables, for shells, Jenkins and hooks alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ciprov.domain.environment import Endpoint, EnvironmentRecord


def environment_variables(record: EnvironmentRecord, front_url: str, endpoints: Sequence[Endpoint]) -> dict[str, str]:
    own = {
        "CIPROV_CLUSTER_NAME": record.cluster,
        "CIPROV_ENV_NAME": record.name,
        "CIPROV_ENV_GROUP": record.group_path,
        "CIPROV_ENV_KIND": record.kind,
        "CIPROV_URL": front_url,
    }
    return {**own, **endpoint_variables(endpoints)}


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


def name_of(*parts: str) -> str:
    """`("db/main", "sql", "HOST")` → `DB_MAIN_SQL_HOST`."""
    name = re.sub(r"[^A-Z0-9]+", "_", "_".join(part for part in parts if part).upper()).strip("_")
    return f"_{name}" if name[:1].isdigit() else name
