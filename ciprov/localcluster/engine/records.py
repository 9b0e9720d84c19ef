"""The JSON that the database keeps of instances, failures, plans and their progress. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.group import Group
from ciprov.localcluster.deployments.plan import AppChange, GroupChange, Plan
from ciprov.localcluster.deployments.progress import ActionState, Done, Replacing, Scaling, Stopping
from ciprov.localcluster.model import Action, ActionKind, Condition, HealthResult, Instance, Step, TaskFailure
from ciprov.localcluster.runtimes.port import TaskUpdate

FindApp = Callable[[str, str], App]
"""`(app id, version) -> definition`; raises KeyError."""


@dataclass(frozen=True, slots=True)
class Absences:
    """Which agents are not there, and what their return needs.

    `strays` are instances that were forgotten while their tasks could not be reached, `held` what tasks of lost agents
    reported; both by task id.
    """

    drained: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    strays: Mapping[str, Instance] = field(default_factory=dict)
    held: Mapping[str, TaskUpdate] = field(default_factory=dict)


def _dump(value: Mapping[str, Any]) -> str:
    return json.dumps(value, default=_plain, separators=(",", ":"))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no place in the database")


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def dump_instance(instance: Instance) -> str:
    return _dump(asdict(instance))


def load_instance(text: str) -> Instance:
    return _instance(json.loads(text))


def _instance(raw: dict[str, Any]) -> Instance:
    health = tuple(
        HealthResult(
            **{
                **result,
                **{key: _moment(result[key]) for key in ("first_success", "last_success", "last_failure")},
            }
        )
        for result in raw["health"]
    )
    return Instance(
        **{
            **raw,
            "condition": Condition(raw["condition"]),
            "since": datetime.fromisoformat(raw["since"]),
            "staged_at": _moment(raw["staged_at"]),
            "started_at": _moment(raw["started_at"]),
            "unreachable_since": _moment(raw.get("unreachable_since")),
            "ports": tuple(raw["ports"]),
            "health": health,
        }
    )


def dump_absences(absences: Absences) -> str:
    return _dump(asdict(absences))


def load_absences(text: str) -> Absences:
    raw = json.loads(text)
    return Absences(
        drained=frozenset(raw["drained"]),
        lost=frozenset(raw["lost"]),
        strays={task_id: _instance(stray) for task_id, stray in raw["strays"].items()},
        held={
            task_id: TaskUpdate(**{**update, "condition": Condition(update["condition"])})
            for task_id, update in raw["held"].items()
        },
    )


def dump_failure(failure: TaskFailure) -> str:
    return _dump(asdict(failure))


def load_failure(text: str) -> TaskFailure:
    raw = json.loads(text)
    return TaskFailure(**{**raw, "timestamp": datetime.fromisoformat(raw["timestamp"])})


def dump_plan(plan: Plan) -> str:
    """Definitions are named by version only: the database has them already."""
    return _dump(
        {
            "id": plan.id,
            "version": plan.version,
            "steps": [[[action.kind, action.app_id] for action in step.actions] for step in plan.steps],
            "apps": {
                app_id: [change.original and change.original.version, change.target and change.target.version]
                for app_id, change in plan.apps.items()
            },
            "groups": {
                group_id: [_bare(change.original), _bare(change.target)] for group_id, change in plan.groups.items()
            },
            "kills": plan.kills,
        }
    )


def load_plan(text: str, find: FindApp) -> Plan:
    raw = json.loads(text)

    def app(app_id: str, version: str | None) -> App | None:
        return find(app_id, version) if version else None

    return Plan(
        id=raw["id"],
        version=raw["version"],
        steps=tuple(
            Step(tuple(Action(ActionKind(kind), app_id) for kind, app_id in actions)) for actions in raw["steps"]
        ),
        apps={
            app_id: AppChange(app(app_id, original), app(app_id, target))
            for app_id, (original, target) in raw["apps"].items()
        },
        groups={
            group_id: GroupChange(_group(original), _group(target))
            for group_id, (original, target) in raw["groups"].items()
        },
        kills={app_id: frozenset(ids) for app_id, ids in raw["kills"].items()},
    )


def _bare(group: Group | None) -> dict[str, Any] | None:
    if group is None:
        return None
    return {
        "id": group.id,
        "version": group.version,
        "dependencies": group.dependencies,
        "enforce_role": group.enforce_role,
    }


def _group(raw: dict[str, Any] | None) -> Group | None:
    return Group(**{**raw, "dependencies": tuple(raw["dependencies"])}) if raw else None


_ACTIONS: Mapping[str, Callable[..., ActionState]] = {
    kind.__name__: kind for kind in (Stopping, Scaling, Replacing, Done)
}


def dump_action(action: ActionState) -> str:
    return _dump({"kind": type(action).__name__, **asdict(action)})


def load_action(text: str) -> ActionState:
    raw = json.loads(text)
    kind = _ACTIONS[raw.pop("kind")]
    return kind(**{key: frozenset(value) if isinstance(value, list) else value for key, value in raw.items()})


def dump_group(group: Group) -> str:
    """A group by itself; what is in it is named by version."""
    return _dump(
        {
            "dependencies": group.dependencies,
            "enforce_role": group.enforce_role,
            "apps": {app_id: app.version for app_id, app in group.apps.items()},
            "groups": {group_id: child.version for group_id, child in group.groups.items()},
        }
    )


def load_group(group_id: str, version: str, content: Callable[[str, str], str], find: FindApp) -> Group:
    """A group with all below it; `content` gives what `dump_group` made of a group and version, or KeyError."""
    raw = json.loads(content(group_id, version))
    return Group(
        id=group_id,
        version=version,
        apps={app_id: find(app_id, app_version) for app_id, app_version in raw["apps"].items()},
        groups={
            child_id: load_group(child_id, child_version, content, find)
            for child_id, child_version in raw["groups"].items()
        },
        dependencies=tuple(raw["dependencies"]),
        enforce_role=raw["enforce_role"],
    )
