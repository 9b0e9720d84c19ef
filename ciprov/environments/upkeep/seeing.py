"""Looks once at the cluster and the store for what has no owner. Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ciprov.environments.outside import Outside
from ciprov.environments.tree import apps_of
from ciprov.environments.upkeep.finding import find
from ciprov.environments.upkeep.orphans import Sightings
from ciprov.foundation.errors import CiprovError


@dataclass(frozen=True, slots=True)
class Scope:
    """`prefix` is the group below which environments are made; `mesos_known`: an address of a master is configured."""

    prefix: str
    mesos_known: bool


class PartialAnswer(CiprovError):
    """Marathon did not tell the whole."""


@dataclass(frozen=True, slots=True)
class Look:
    """`doubts` are about what could not be looked at, `notes` about what cannot be known here at all."""

    sightings: Sightings
    doubts: tuple[str, ...] = field(default=())
    notes: tuple[str, ...] = field(default=())


def look(outside: Outside, scope: Scope) -> Look:
    """Raises what Marathon and the store raise, and `PartialAnswer`.

    Effects are read before their causes: tasks before apps, apps before records. What is made meanwhile is then seen
    with its owner.
    """
    framework_id = str(outside.marathon.info().get("frameworkId") or "")
    tasks = outside.agents.tasks_of(framework_id) if framework_id else None
    slaves = outside.agents.agents()
    root = outside.marathon.group("/")
    if root is None or not isinstance(root.get("apps"), list) or not isinstance(root.get("groups"), list):
        raise PartialAnswer(
            "Marathon did not tell all of its groups, so nothing can be called an orphan",
            place=outside.marathon.target,
            way_out="see that this user may view every group there, and repeat the command",
        )
    apps = {str(app["id"]): app for app in outside.marathon.apps()} | apps_of(root)
    deploying = frozenset(
        str(app_id) for one in outside.marathon.deployments() for app_id in one.get("affectedApps") or []
    )
    records = outside.store.list(outside.context.cluster)
    sightings = Sightings(
        prefix=scope.prefix,
        root=root,
        apps=apps,
        records=records,
        deploying=deploying,
        tasks=tasks,
        slaves=slaves,
        framework_id=framework_id,
        dead_locks=tuple(outside.store.dead_locks()),
    )
    missing = tasks is None or slaves is None
    doubt = "the Mesos master did not tell its tasks and agents of this Marathon: nothing is said of tasks and volumes"
    note = "no address of a Mesos master is configured: nothing is said of tasks and volumes"
    return Look(
        sightings,
        doubts=(doubt,) if missing and scope.mesos_known else (),
        notes=(note,) if missing and not scope.mesos_known else (),
    )


def with_busy(outside: Outside, sightings: Sightings) -> Sightings:
    """With who is at the environments that would be touched, and at those whose operations have not ended."""
    names = {one.environment for one in find(sightings) if one.environment}
    names |= {record.name for record in sightings.records if record.operation is not None}
    holders = {name: outside.store.holder(outside.lock_key(name)) for name in sorted(names)}
    return replace(sightings, busy={name: one.description for name, one in holders.items() if one is not None})
