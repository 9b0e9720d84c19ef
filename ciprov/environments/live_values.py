"""What the variables of live apps hold: where secrets are not at hand, any of these may be one."""

from __future__ import annotations

from collections.abc import Mapping

from ciprov.domain.environment import EnvironmentRecord
from ciprov.foundation.json import JsonObject

_SHORTEST = 6
"""Characters: shorter texts would blank out half of every message."""


def may_be_secret(record: EnvironmentRecord, apps: Mapping[str, JsonObject]) -> frozenset[str]:
    """`values_of` the `apps` of an environment that was made with secrets; of another one nothing is."""
    return values_of(apps) if record.secret_fingerprints else frozenset()


def values_of(apps: Mapping[str, JsonObject]) -> frozenset[str]:
    """The texts that may be secret, of all variables of `apps`."""
    values = (value for app in apps.values() for value in (app.get("env") or {}).values())
    return frozenset(value for value in values if isinstance(value, str) and len(value) >= _SHORTEST)
