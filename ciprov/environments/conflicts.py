"""What would keep a plan from working, found before anything is written: ports that cannot be had."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ciprov.domain.environment import EnvironmentRecord, Phase
from ciprov.environments.agent_ports import AgentPorts, agent_ports, offered_text
from ciprov.environments.desired import ENV_LABEL
from ciprov.environments.fixed_ports import fixed_host_ports, service_ports
from ciprov.environments.plan import Action, AppPlan, Conflict, Plan
from ciprov.environments.replacing.volumes import volume_conflicts
from ciprov.environments.tree import apps_of, is_below
from ciprov.foundation.json import JsonObject

_CHANGING = (Action.CREATE, Action.SCALE, Action.UPDATE, Action.REPLACE)
_OTHER_PORT = "give it another port in the blueprint (a parameter lets every environment have its own)"


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What else is on the cluster: all its apps, the records of environments, the agents (None: unknown).

    `own_ports` are host ports that tasks of the environment itself have by chance, `out_of_reach` those that its tasks
    may have on agents that are cut off: who offers those cannot be told before they return.
    """

    apps: Sequence[JsonObject] = ()
    records: Sequence[EnvironmentRecord] = ()
    slaves: Sequence[JsonObject] | None = None
    own_ports: Collection[int] = frozenset()
    out_of_reach: Collection[int] = frozenset()


@dataclass(frozen=True, slots=True)
class _Holder:
    """Who has a port outside the environment: `app_id`, the environment it belongs to, and how many instances."""

    app_id: str
    environment: str
    instances: int

    def __str__(self) -> str:
        return f"{self.app_id} (environment {self.environment})" if self.environment else self.app_id


@dataclass(frozen=True, slots=True)
class _Claims:
    """Ports held outside the environment, by port."""

    fixed: Mapping[int, list[_Holder]] = field(default_factory=dict)
    service: Mapping[int, list[_Holder]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Own:
    """Ports of the environment itself: those that it holds, and those of them that are on agents that are cut off."""

    held: Collection[int]
    out_of_reach: Collection[int]


def with_conflicts(plan: Plan, group: JsonObject, live: JsonObject | None, neighbours: Neighbours) -> Plan:
    """`plan` with its conflicts and with notes on checks that could not be made. `group` is the one to reach.

    Apps below the environment's own group never conflict with the plan: what they hold they keep, or it is freed by
    the plan itself before it is wanted again.
    """
    claims = _claims(plan, neighbours)
    wanted, there = apps_of(group), apps_of(live)
    agents = agent_ports(neighbours.slaves) if neighbours.slaves is not None else None
    conflicts = [
        *_fixed_conflicts(plan, _Own({*neighbours.own_ports, *_held(there)}, neighbours.out_of_reach), claims, agents),
        *_service_conflicts(plan, wanted, there, claims),
        *volume_conflicts(plan, there),
    ]
    notes = list(plan.notes)
    if agents is None and any(app.fixed_ports for app in plan.apps):
        notes.append(
            "the Mesos agents are not known (the cluster's `mesos` is not set or does not answer): whether they offer "
            "the fixed ports was not checked"
        )
    return replace(plan, conflicts=(*plan.conflicts, *conflicts), notes=tuple(notes))


def _held(live: Mapping[str, JsonObject]) -> set[int]:
    return {port for app in live.values() for port in fixed_host_ports(app)}


def _claims(plan: Plan, neighbours: Neighbours) -> _Claims:
    fixed: dict[int, list[_Holder]] = {}
    service: dict[int, list[_Holder]] = {}
    for app in neighbours.apps:
        if is_below(app["id"], plan.group_path):
            continue
        instances = int(app.get("instances", 1))
        holder = _Holder(app["id"], (app.get("labels") or {}).get(ENV_LABEL, ""), instances)
        for port in fixed_host_ports(app):
            if instances:
                fixed.setdefault(port, []).append(holder)
        for port in service_ports(app):
            service.setdefault(port, []).append(holder)
    for record in neighbours.records:
        if record.group_path != plan.group_path:
            _record_claims(record, fixed, service)
    return _Claims(fixed, service)


def _record_claims(
    record: EnvironmentRecord, fixed: dict[int, list[_Holder]], service: dict[int, list[_Holder]]
) -> None:
    """What an environment will hold that is not live yet: another `up` is between its record and its group PUT. Its
    apps may be live all the same, at zero or with the ports that they had before.
    """
    if record.phase in (Phase.CREATING, Phase.UPDATING):
        for app_id, ports in record.claimed_ports.items():
            holder = _Holder(app_id, record.name, record.pending_counts.get(app_id, 1))
            for port in ports:
                if holder.instances and all(other.app_id != app_id for other in fixed.get(port, [])):
                    fixed.setdefault(port, []).append(holder)
    for key, port in record.service_ports.items():
        if all(holder.environment != record.name for holder in service.get(port, [])):
            service.setdefault(port, []).append(_Holder(f"{record.group_path}/{key}", record.name, 1))


def _fixed_conflicts(plan: Plan, own: _Own, claims: _Claims, agents: tuple[AgentPorts, ...] | None) -> list[Conflict]:
    wanting: dict[int, list[AppPlan]] = {}
    for app in plan.apps:
        if app.action is not Action.REMOVE and app.instances:
            for port in app.fixed_ports:
                wanting.setdefault(port, []).append(app)
    found = []
    for port, apps in sorted(wanting.items()):
        changing = [app for app in apps if app.action in _CHANGING]
        if not changing or port in own.out_of_reach:
            continue
        conflict = _fixed_conflict(port, changing[0], apps, claims.fixed.get(port, []), agents)
        # Where a live app of ours holds the port, its own tasks (perhaps just dying) cannot be told from strangers.
        if conflict is None and agents is not None and port not in own.held:
            conflict = _used_by_a_stranger(port, changing[0], apps, claims, agents)
        if conflict is not None:
            found.append(conflict)
    return found


def _fixed_conflict(
    port: int, app: AppPlan, apps: list[AppPlan], holders: list[_Holder], agents: tuple[AgentPorts, ...] | None
) -> Conflict | None:
    """`apps` of the environment want `port`, `holders` outside have it; each agent can give it once."""
    places = 1 if agents is None else sum(agent.offers(port) for agent in agents)
    if agents is not None and not places:
        return Conflict(
            app.app_id,
            port,
            "",
            f"it needs host port {port}, which no agent offers (offered: {offered_text(agents)})",
            "choose a port that agents offer, or have the agents offer this one and end what else holds it there",
            offered=False,
        )
    needed = sum(one.instances for one in apps)
    if needed + sum(holder.instances for holder in holders) <= places:
        return None
    if agents is None and not holders and len(apps) == 1:
        return None  # how many agents there are is not known; several instances may well fit
    if holders:
        others = ", ".join(map(str, holders))
        return Conflict(
            app.app_id,
            port,
            holders[0].app_id,
            f"it needs host port {port}, which {others} holds" + _on(places, agents),
            f"{_OTHER_PORT}, or take down what holds it",
        )
    if len(apps) > 1:
        others = ", ".join(one.app_id for one in apps if one is not app)
        return Conflict(
            app.app_id,
            port,
            others,
            f"it needs host port {port}, which {others} of this environment needs too" + _on(places, agents),
            "give them different ports in the blueprint",
        )
    return Conflict(
        app.app_id,
        port,
        app.app_id,
        f"its {needed} instances all need host port {port}, but only {places} of the agents "
        f"{'offers' if places == 1 else 'offer'} it",
        f"ask for at most {places}, or let the port be free (requirePorts false, hostPort 0)",
    )


def _used_by_a_stranger(
    port: int,
    app: AppPlan,
    apps: list[AppPlan],
    claims: _Claims,
    agents: tuple[AgentPorts, ...],
) -> Conflict | None:
    """The port is in use by a task that holds it by chance or belongs to another framework: no definition tells."""
    using = [agent for agent in agents if agent.offers(port) and agent.uses(port)]
    known = sum(holder.instances for holder in claims.fixed.get(port, []))
    places = sum(agent.offers(port) for agent in agents)
    if sum(one.instances for one in apps) <= places - max(len(using), known):
        return None
    where = ", ".join(agent.hostname or agent.id for agent in using)
    return Conflict(
        app.app_id,
        port,
        "",
        f"it needs host port {port}, which another task on {where} has at the moment",
        f"{_OTHER_PORT}, or end the task that has it",
    )


def _service_conflicts(
    plan: Plan, wanted: Mapping[str, JsonObject], live: Mapping[str, JsonObject], claims: _Claims
) -> list[Conflict]:
    found = []
    ours: dict[int, AppPlan] = {}
    for app in plan.apps:
        if app.action is Action.REMOVE:
            continue
        had = service_ports(live[app.app_id]) if app.action in (Action.KEEP, Action.SCALE) else ()
        for port in sorted({*service_ports(wanted[app.app_id]), *had}):
            other = ours.setdefault(port, app)
            if other is not app and {app.action, other.action} != {Action.KEEP}:
                way_out = "give one of them another service port"
                found.append(_service_conflict(app.app_id, port, other.app_id, way_out))
            elif app.action in _CHANGING and (holders := claims.service.get(port)):
                way_out = "give it another service port, or none so that ciprov allocates one"
                found.append(_service_conflict(app.app_id, port, str(holders[0]), way_out))
    return found


def _service_conflict(app_id: str, port: int, holder: str, way_out: str) -> Conflict:
    return Conflict(app_id, port, holder, f"it needs service port {port}, which {holder} has", way_out)


def _on(places: int, agents: tuple[AgentPorts, ...] | None) -> str:
    if agents is None:
        return ""
    return f" (only {places} agent{'s offer' if places != 1 else ' offers'} it)"
