"""A framework as its `FrameworkInfo` has it. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ciprov.localcluster.master.task_rules import id_faults

Json = Mapping[str, Any]

_LONGEST_TIMEOUT_SECONDS = 9.2e9
"""What a signed number of nanoseconds can hold."""

_FIXED = ("user", "principal", "checkpoint")
"""What stays as it was first: an update of it is refused, and a subscription's is passed over."""


@dataclass(frozen=True, slots=True)
class Framework:
    """One that has registered. `disconnected_at` is None while it is connected; times are seconds since the epoch."""

    id: str
    info: Json
    suppressed: frozenset[str] = frozenset()
    registered_at: float = 0.0
    reregistered_at: float | None = None
    disconnected_at: float | None = None
    grace_s: float = 0.0
    """At least so long it may stay away: after a restart of the cluster it has to find it first."""

    @property
    def name(self) -> str:
        return str(self.info.get("name", ""))

    @property
    def capabilities(self) -> frozenset[str]:
        return capabilities(self.info)

    @property
    def roles(self) -> tuple[str, ...]:
        return roles(self.info)

    @property
    def partition_aware(self) -> bool:
        return "PARTITION_AWARE" in self.capabilities

    @property
    def failover_timeout_s(self) -> float:
        given = float(self.info.get("failover_timeout") or 0.0)
        return given if given > 0 else 0.0

    @property
    def given_up_at(self) -> float | None:
        """When its tasks are killed unless it comes back; None while it is connected."""
        if self.disconnected_at is None:
            return None
        return self.disconnected_at + max(self.failover_timeout_s, self.grace_s)

    def kept(self, info: Json) -> dict[str, Any]:
        """What it says of itself now, with what it cannot change any more."""
        changed = {name: value for name, value in info.items() if name not in _FIXED}
        return changed | {name: self.info[name] for name in _FIXED if name in self.info}


def capabilities(info: Json) -> frozenset[str]:
    return frozenset(str(one.get("type")) for one in info.get("capabilities") or ())


def roles(info: Json) -> tuple[str, ...]:
    if "MULTI_ROLE" in capabilities(info):
        return tuple(info.get("roles") or ())
    role = info.get("role")
    return ("*" if role is None else str(role),)


def fault(info: Json, suppressed: Sequence[str] = ()) -> str:
    """Why Mesos refuses the framework, in its words; empty where it does not."""
    return next(_faults(info, suppressed), "")


def _faults(info: Json, suppressed: Sequence[str]) -> Iterator[str]:
    framework_id = (info.get("id") or {}).get("value")
    if framework_id:
        yield from id_faults(framework_id)
    given = info.get("roles") or []
    multi = "MULTI_ROLE" in capabilities(info)
    if multi and info.get("role") is not None:
        yield "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable"
    if not multi and given:
        yield "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable"
    twice = [role for role, count in Counter(given).items() if count > 1]
    if twice:
        yield f"'FrameworkInfo.roles' contains duplicate items: {{ {', '.join(twice)} }}"
    for role in roles(info):
        for wrong in _role_faults(role):
            field = "roles' contains invalid role" if multi else "role' is not a valid role"
            yield f"'FrameworkInfo.{field}: {wrong}"
    for role in suppressed:
        if role not in roles(info):
            yield f"Suppressed role '{role}' is not contained in the list of roles"
    timeout = info.get("failover_timeout") or 0.0
    if not math.isfinite(timeout) or timeout > _LONGEST_TIMEOUT_SECONDS:
        yield f"The framework failover_timeout ({timeout:g}) is invalid"


def update_fault(old: Json, new: Json) -> str:
    """Why Mesos refuses this change of a framework; empty where it does not."""
    for field in _FIXED:
        before, after = _in_words(field, old), _in_words(field, new)
        if before != after:
            return f"Updating 'FrameworkInfo.{field}' is unsupported; attempted to update from '{before}' to '{after}'"
    return ""


def _in_words(field: str, info: Json) -> str:
    value = info.get(field)
    return str(bool(value)).lower() if field == "checkpoint" else str(value or "")


def _role_faults(role: str) -> Iterator[str]:
    if role == "*":
        return
    if not role:
        yield "Role names cannot be the empty string"
    if role.startswith("/"):
        yield f"Role '{role}' cannot start with a slash"
    if role.endswith("/"):
        yield f"Role '{role}' cannot end with a slash"
    if "//" in role:
        yield f"Role '{role}' cannot contain two adjacent slashes"
    for part in role.split("/"):
        if part in {".", "..", "*"}:
            yield f"Role '{role}' cannot include '{part}' as a component"
        if part.startswith("-"):
            yield f"Role component '{part}' is invalid because it starts with a dash"
        if re.search(r"[\s\x08]", part):
            yield f"Role component '{part}' is invalid because it contains backspace or whitespace"
