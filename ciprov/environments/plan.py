"""Plans: what an operation would change, per app, with reasons. Frozen, printable, free of secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from ciprov.environments.differences import Difference
from ciprov.environments.hooks.records import Hook
from ciprov.environments.strategies import Strategy
from ciprov.foundation.json import JsonObject


class Action(StrEnum):
    CREATE = "create"
    KEEP = "keep"
    SCALE = "scale"
    UPDATE = "update"
    REPLACE = "replace"
    REMOVE = "remove"


_SIGNS: Mapping[Action, str] = {
    Action.CREATE: "+",
    Action.KEEP: "=",
    Action.SCALE: "~",
    Action.UPDATE: "~",
    Action.REPLACE: "±",
    Action.REMOVE: "-",
}
_WORDS: Mapping[Action, str] = {
    Action.UPDATE: "update by rolling",
    Action.REPLACE: "replace by delete-then-create",
}
_IN_PLACE = "update in place, old instances first"


@dataclass(frozen=True, slots=True)
class Conflict:
    """Why a plan cannot work. `app` is the absolute id of ours, `holder` who has what it wants (may be empty).

    `port` is 0 where it is not about one; `offered` whether any agent offers it. `over_quota`: a team would have
    more than it may.
    """

    app: str
    port: int
    holder: str
    message: str
    way_out: str
    offered: bool = True
    over_quota: bool = False

    def __str__(self) -> str:
        return f"{self.app}: {self.message}\n    {self.way_out}"

    def to_json(self) -> JsonObject:
        return {
            "app": self.app,
            "port": self.port,
            "holder": self.holder,
            "message": self.message,
            "way_out": self.way_out,
        }


@dataclass(frozen=True, slots=True)
class AppPlan:
    """What happens to one app. `app_id` is absolute, `app` relative to the group.

    `instances_before` are the live ones (0 for an app that is created), `instances` those wanted afterwards (0 for one
    that is removed). `strategy` is set for `REPLACE` alone. `differences` are redacted.
    """

    app_id: str
    app: str
    action: Action
    reason: str
    instances_before: int
    instances: int
    strategy: Strategy | None = None
    fixed_ports: tuple[int, ...] = ()
    differences: tuple[Difference, ...] = ()

    @property
    def title(self) -> str:
        word = _WORDS.get(self.action, self.action.value)
        if self.strategy is Strategy.IN_PLACE:
            return _IN_PLACE
        return f"{word} ({self.strategy})" if self.action is Action.REPLACE else word

    def __str__(self) -> str:
        counts = "" if self.instances == self.instances_before else f" [{self.instances_before} → {self.instances}]"
        lines = [f"{_SIGNS[self.action]} {self.app}: {self.title}{counts}: {self.reason}"]
        lines += [f"    {difference}" for difference in self.differences]
        return "\n".join(lines)

    def to_json(self) -> JsonObject:
        return {
            "app": self.app,
            "id": self.app_id,
            "action": self.action.value,
            "title": self.title,
            "reason": self.reason,
            "strategy": self.strategy.value if self.strategy else None,
            "instances_before": self.instances_before,
            "instances": self.instances,
            "fixed_ports": list(self.fixed_ports),
            "differences": [difference.to_json() for difference in self.differences],
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """`apps` in the order of their ids. `group_differences` concern the group itself (its dependencies).

    `notes` are checks that could not be made and the like, `hooks` those that run with it, in order. A plan with
    `conflicts` must not be applied.
    """

    environment: str
    group_path: str
    apps: tuple[AppPlan, ...]
    group_differences: tuple[Difference, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    notes: tuple[str, ...] = ()
    hooks: tuple[Hook, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether applying it would write to Marathon."""
        return bool(self.group_differences) or any(app.action is not Action.KEEP for app in self.apps)

    @property
    def summary(self) -> str:
        counts = {action: sum(app.action is action for app in self.apps) for action in Action}
        said = ", ".join(f"{number} to {action}" for action, number in counts.items() if number)
        return said if self.changes else f"no change ({len(self.apps)} apps as they should be)"

    def of(self, *actions: Action) -> tuple[AppPlan, ...]:
        return tuple(app for app in self.apps if app.action in actions)

    def __str__(self) -> str:
        lines = [f"{self.environment} ({self.group_path}): {self.summary}"]
        lines += [f"  {line}" for app in self.apps for line in str(app).splitlines()]
        lines += [f"  ~ group: {difference}" for difference in self.group_differences]
        lines += [f"  ! {line}" for conflict in self.conflicts for line in str(conflict).splitlines()]
        lines += [f"  > {hook}" for hook in self.hooks]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)

    def to_json(self) -> JsonObject:
        return {
            "environment": self.environment,
            "group": self.group_path,
            "changes": self.changes,
            "summary": self.summary,
            "apps": [app.to_json() for app in self.apps],
            "group_differences": [difference.to_json() for difference in self.group_differences],
            "conflicts": [conflict.to_json() for conflict in self.conflicts],
            "notes": list(self.notes),
            "hooks": [hook.to_json() for hook in self.hooks],
        }
