"""`plan(target, live, recorded)`: decides per app what has to happen. Conflicts are the matter of `conflicts`."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field, replace
from typing import Any

from ciprov.environments.counts import RecordedCounts, target_count
from ciprov.environments.differences import Difference, differences
from ciprov.environments.fixed_ports import fixed_host_ports
from ciprov.environments.normalise import IN_PLACE_UPGRADE, definition
from ciprov.environments.passed_on import without_unanswered
from ciprov.environments.plan import Action, AppPlan, Plan
from ciprov.environments.replacing.around import NOTHING_KNOWN, Around
from ciprov.environments.replacing.choosing import Change, choose, holdings
from ciprov.environments.strategies import Strategy
from ciprov.environments.tree import apps_of, group_dependencies, relative
from ciprov.foundation.json import JsonObject


@dataclass(frozen=True, slots=True)
class Target:
    """The group to reach, as the body of a group PUT with absolute ids; `secrets` are texts that nothing may show.

    `sent` are the apps whose fields that ciprov does not know were sent as they are here: what Marathon does not answer
    of those, it does not know either, and that is no difference.
    """

    environment: str
    group_path: str
    group: JsonObject = field(repr=False)
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    sent: frozenset[str] = frozenset()

    def all_sent(self) -> Target:
        return replace(self, sent=frozenset(apps_of(self.group)))


@dataclass(frozen=True, slots=True)
class _Scene:
    """All that one app's plan is made of, by absolute app id."""

    wanted: dict[str, JsonObject]
    there: dict[str, JsonObject]
    recorded: RecordedCounts
    target: Target
    around: Around
    held: dict[str, frozenset[int | str]] = field(default_factory=dict)
    """What each app holds or wants, once it was asked for."""

    def held_elsewhere(self, app_id: str) -> frozenset[int | str]:
        if not self.held:
            for one in self.wanted.keys() | self.there.keys():
                self.held[one] = holdings(self.wanted.get(one)) | holdings(self.there.get(one))
        return frozenset().union(*(held for other, held in self.held.items() if other != app_id))


def make_plan(
    target: Target, live: JsonObject | None, recorded: RecordedCounts, around: Around = NOTHING_KNOWN
) -> Plan:
    """What makes `target` of `live`: the group as Marathon answers it, None where it is absent.

    What is not known `around` it makes for more caution, not for less.
    """
    scene = _Scene(apps_of(target.group), apps_of(live), recorded, target, around)
    apps = [_app_plan(app_id, scene) for app_id in sorted(scene.wanted.keys() | scene.there.keys())]
    return Plan(
        environment=target.environment,
        group_path=target.group_path,
        apps=tuple(apps),
        group_differences=_group_differences(target, live),
    )


def group_body(target: Target, plan: Plan, live: JsonObject | None) -> JsonObject:
    """The body of the one group PUT: complete lists, explicit counts.

    An app that is kept or only scaled goes back as Marathon answered it, so that nothing can restart it.
    """
    there = apps_of(live)
    plans = {app.app_id: app for app in plan.apps}

    def app_body(app: JsonObject) -> JsonObject:
        one = plans[app["id"]]
        kept = one.action in (Action.KEEP, Action.SCALE)
        body = definition(there[app["id"]]) if kept else copy.deepcopy(app)
        if one.strategy is Strategy.IN_PLACE and body.get("upgradeStrategy") is None:
            body["upgradeStrategy"] = dict(IN_PLACE_UPGRADE)
        return {**body, "instances": one.instances}

    def body_of(group: JsonObject) -> JsonObject:
        body: JsonObject = {key: value for key, value in group.items() if key not in ("apps", "groups")}
        body["apps"] = [app_body(app) for app in group.get("apps") or []]
        body["groups"] = [body_of(below) for below in group.get("groups") or []]
        return body

    return body_of(target.group)


def _app_plan(app_id: str, scene: _Scene) -> AppPlan:
    recorded, target = scene.recorded, scene.target
    desired, live = scene.wanted.get(app_id), scene.there.get(app_id)
    name = relative(app_id, target.group_path)
    before = _instances(live) if live is not None else 0
    if desired is None:
        ports = fixed_host_ports(live or {})
        return AppPlan(app_id, name, Action.REMOVE, "it is no longer wanted", before, 0, fixed_ports=ports)
    ports = fixed_host_ports(desired)
    if live is None:
        count = target_count(app_id, _instances(desired), None, recorded)
        return AppPlan(app_id, name, Action.CREATE, "it does not exist", 0, count.instances, fixed_ports=ports)
    count = target_count(app_id, _instances(desired), before, recorded)
    compared = without_unanswered(desired, live) if app_id in target.sent else desired
    changed = differences(compared, live, target.secrets)

    def planned(action: Action, reason: str, **more: Any) -> AppPlan:
        if count.remark and action is not Action.SCALE:
            reason = f"{reason}; {count.remark}"
        return AppPlan(app_id, name, action, reason, before, count.instances, fixed_ports=ports, **more)

    if not changed:
        if count.instances == before:
            return planned(Action.KEEP, "its definition is the same")
        why = f": {count.remark}" if count.remark else f", {count.reason}"
        return planned(Action.SCALE, f"only its count changes{why}")
    way = choose(Change(desired, live, count.instances, scene.around, scene.held_elsewhere(app_id)))
    action = Action.REPLACE if way.strategy.stops_first else Action.UPDATE
    return planned(action, way.reason, strategy=way.strategy, differences=changed)


def _group_differences(target: Target, live: JsonObject | None) -> tuple[Difference, ...]:
    if live is None:
        return ()
    wanted, there = group_dependencies(target.group), group_dependencies(live)
    staying = _group_ids(target.group)
    return tuple(
        Difference(
            f"dependencies of {relative(group, target.group_path)}",
            list(there.get(group, ())),
            list(wanted.get(group, ())),
        )
        for group in sorted((wanted.keys() | there.keys()) & staying)
        if wanted.get(group) != there.get(group)
    )


def _group_ids(group: JsonObject) -> set[str]:
    return {group["id"]}.union(*(_group_ids(below) for below in group.get("groups") or []))


def _instances(app: JsonObject) -> int:
    return int(app.get("instances", 1))
