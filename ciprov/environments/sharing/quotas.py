"""Quotas: how much each team may have on a cluster at once. Pure.

What sleeps counts as if it ran, so that it can always be woken. Whoever works past ciprov, or with settings that name
no quota, is not held back: it is an agreement, not a wall.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace

from ciprov.domain.environment import EnvironmentRecord
from ciprov.environments.plan import Conflict, Plan
from ciprov.environments.tree import apps_of
from ciprov.foundation.json import JsonObject

DEFAULT = "default"
"""The quota of every team that has none of its own, and of those who name no team: of each by itself."""

_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Amount:
    """`mem` in MiB."""

    environments: float = 0.0
    cpus: float = 0.0
    mem: float = 0.0

    def plus(self, other: Amount) -> Amount:
        return Amount(self.environments + other.environments, self.cpus + other.cpus, self.mem + other.mem)


@dataclass(frozen=True, slots=True)
class Quota:
    """The most of each; None for no limit. `mem` in MiB."""

    environments: float | None = None
    cpus: float | None = None
    mem: float | None = None

    def __str__(self) -> str:
        limits = [
            f"{one.name} {getattr(self, one.name):g}" for one in fields(self) if getattr(self, one.name) is not None
        ]
        return ", ".join(limits) or "no limit"


@dataclass(frozen=True, slots=True)
class Quotas:
    by_team: Mapping[str, Quota] = field(default_factory=dict)

    def __str__(self) -> str:
        return "; ".join(f"{team}: {quota}" for team, quota in self.by_team.items()) or "none"

    def of(self, team: str) -> Quota | None:
        return self.by_team.get(team) or self.by_team.get(DEFAULT)


def needed(plan: Plan, group: JsonObject) -> Amount:
    """What the environment has once `plan` is carried out; `group` is the one to reach."""
    apps = apps_of(group)
    staying = [(apps[one.app_id], one.instances) for one in plan.apps if one.app_id in apps]
    return Amount(
        1.0,
        sum(float(app.get("cpus", 1.0)) * instances for app, instances in staying),
        sum(float(app.get("mem", 128.0)) * instances for app, instances in staying),
    )


def used(records: Iterable[EnvironmentRecord], team: str) -> Amount:
    """What the environments of `team` have, as they were last asked for."""
    total = Amount()
    for record in records:
        if record.team == team:
            total = total.plus(Amount(1.0, record.cpus, record.mem))
    return total


def with_quota_conflicts(
    plan: Plan, need: Amount, team: str, records: Iterable[EnvironmentRecord], quotas: Quotas
) -> Plan:
    """`plan` with a conflict for each limit of `team` that it would break. What needs no more than it has, may stay."""
    quota = quotas.of(team)
    if quota is None:
        return plan
    everyone = list(records)
    others = [one for one in everyone if one.name != plan.environment]
    now = used([one for one in everyone if one.name == plan.environment], team)
    after = used(others, team).plus(need)
    conflicts = []
    for one in fields(quota):
        limit, asked = getattr(quota, one.name), getattr(after, one.name)
        grows = getattr(need, one.name) > getattr(now, one.name) + _TOLERANCE
        if limit is not None and asked > limit + _TOLERANCE and grows:
            conflicts.append(_conflict(plan, team, one.name, asked, limit))
    return replace(plan, conflicts=(*plan.conflicts, *conflicts)) if conflicts else plan


def _conflict(plan: Plan, team: str, resource: str, asked: float, limit: float) -> Conflict:
    whose = f"team {team}" if team else "those who name no team"
    unit = " MiB of memory" if resource == "mem" else f" {resource}"
    return Conflict(
        plan.group_path,
        0,
        team,
        f"{whose} would have {asked:g}{unit}, and may have {limit:g}",
        "remove or shrink another environment (`ciprov env list --team "
        f"{team or chr(39) * 2}` shows them), or have the setting `quotas` raised",
        over_quota=True,
    )
