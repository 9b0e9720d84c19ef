"""What an operation sees before it acts: the record, the desired state, what is live, and the plan with conflicts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ciprov.domain.environment import EnvironmentRecord
from ciprov.environments.capacity import with_capacity_notes
from ciprov.environments.conflicts import Neighbours, with_conflicts
from ciprov.environments.counts import NOTHING_RECORDED, RecordedCounts
from ciprov.environments.desired import ENV_LABEL, Desired
from ciprov.environments.fixed_ports import fixed_host_ports, service_ports
from ciprov.environments.outside import Outside
from ciprov.environments.passed_on import marks
from ciprov.environments.plan import Plan
from ciprov.environments.planning import Target, make_plan
from ciprov.environments.replacing.notes import with_cut_off_notes, with_volume_notes
from ciprov.environments.replacing.partition import ports_out_of_reach
from ciprov.environments.replacing.surveying import survey
from ciprov.environments.sharing.quotas import Amount, needed, with_quota_conflicts
from ciprov.environments.tree import apps_of, is_below
from ciprov.foundation.errors import CiprovError
from ciprov.foundation.json import JsonObject

Build = Callable[[EnvironmentRecord | None, frozenset[int]], Desired]
"""Makes the desired state from the record (None: no such environment yet) and the ports that others have taken.

It allocates the service ports that the record lacks, and is called while the cluster's ports are locked, so that two
operations cannot allocate the same ones.
"""


class NotOurs(CiprovError):
    """A group is in the way that ciprov did not make."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """`before` is the record and `live` the group as they were found; None where there is none. `passed_on` are the
    marks of the fields that ciprov does not know, as the record keeps them once they are sent. `need` is what
    `team` pays for once the plan is carried out.
    """

    before: EnvironmentRecord | None
    live: JsonObject | None
    desired: Desired
    target: Target
    plan: Plan
    team: str
    need: Amount
    passed_on: Mapping[str, str] = field(default_factory=dict)


def look(outside: Outside, name: str, build: Build) -> Outlook:
    """Reads only. Raises `NotOurs`, and what `build` raises."""
    cluster, marathon = outside.context.cluster, outside.marathon
    before = outside.store.get(cluster, name)
    records = outside.store.list(cluster)
    apps = marathon.apps()
    desired = build(before, taken_ports(name, before, apps, records))
    if before is not None and before.group_path != desired.group_path:
        raise CiprovError(
            f"environment {name} is recorded at {before.group_path}, not at {desired.group_path}",
            way_out="set the cluster's path prefix back, or take the environment down first",
        )
    live = marathon.group(desired.group_path)
    if before is None:
        refuse_foreign(name, desired.group_path, live)
    passed_on, known = marks(desired.apps), before.passed_on if before else {}
    sent = frozenset(app_id for app_id, mark in passed_on.items() if known.get(app_id) == mark)
    target = Target(name, desired.group_path, desired.group, desired.secret_values, sent)
    recorded = RecordedCounts(before.counts, before.pending_counts) if before else NOTHING_RECORDED
    around = survey(marathon, outside.agents, desired.group, live)
    plan = with_cut_off_notes(make_plan(target, live, recorded, around), desired.group, around)
    plan = with_volume_notes(plan, apps_of(live))
    if plan.changes:
        slaves = outside.agents.agents()
        own = around.own_ports | _left_behind(before)
        neighbours = Neighbours(apps, records, slaves, own, ports_out_of_reach(around))
        plan = with_conflicts(plan, desired.group, live, neighbours)
        plan = with_capacity_notes(plan, desired.group, slaves)
    need = needed(plan, desired.group)
    team = desired.team or (before.team if before else "")
    plan = with_quota_conflicts(plan, need, team, records, outside.context.quotas)
    if before is not None and before.blueprint not in ("", desired.blueprint):
        note = f"the environment was made from the blueprint {before.blueprint}, this one is called {desired.blueprint}"
        plan = replace(plan, notes=(note, *plan.notes))
    return Outlook(before, live, desired, target, plan, team, need, passed_on)


def _left_behind(before: EnvironmentRecord | None) -> frozenset[int]:
    """The fixed ports that tasks may still have whose app an operation that was cut short had deleted already."""
    if before is None or before.operation is None:
        return frozenset()
    return frozenset(port for ports in before.claimed_ports.values() for port in ports)


def taken_ports(
    name: str, record: EnvironmentRecord | None, apps: Iterable[JsonObject], records: Sequence[EnvironmentRecord]
) -> frozenset[int]:
    """All ports that others have: of apps outside the environment, and recorded for other environments."""
    taken: set[int] = set()
    for app in apps:
        ours = is_below(app["id"], record.group_path) if record else (app.get("labels") or {}).get(ENV_LABEL) == name
        if not ours:
            taken.update(service_ports(app), fixed_host_ports(app))
    for other in records:
        if other.name != name:
            taken.update(other.service_ports.values(), *other.claimed_ports.values())
    return frozenset(taken)


def refuse_foreign(name: str, group_path: str, live: JsonObject | None) -> None:
    """Raise `NotOurs` where a group without a record holds an app that does not carry our label."""
    foreign = [app_id for app_id, app in apps_of(live).items() if (app.get("labels") or {}).get(ENV_LABEL) != name]
    if foreign:
        raise NotOurs(
            f"group {group_path} exists and was not made by ciprov: {', '.join(sorted(foreign))} "
            f"{'lacks' if len(foreign) == 1 else 'lack'} the label {ENV_LABEL}={name}",
            way_out="choose another name for the environment, or remove that group by hand",
        )
