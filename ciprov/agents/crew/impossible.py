"""Templates that no Mesos agent could take, even one with nothing else on it: told soon, instead of waited for.

What an agent has is known from its offers, and after a start they come one by one; so a template must be impossible for
a few seconds on end. Agents under maintenance count: they come back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ciprov.agents.record import AgentRecord, Cause, Phase
from ciprov.agents.template import Rules, Template
from ciprov.agents.view.snapshot import Pause
from ciprov.framework.admission import Admission
from ciprov.framework.asks import Ask, asks
from ciprov.framework.constraints import Crowd
from ciprov.framework.decisions import Held, Lack, Refusal
from ciprov.framework.requests import Request
from ciprov.framework.resources import Amounts, contains, shown, size
from ciprov.framework.state import KnownAgent, Policy

SURE_AFTER = timedelta(seconds=3)
"""So long no agent must be large enough."""

_WAITING = frozenset({Phase.WANTED, Phase.NODE_CREATED})
_UNITS = ("cpus", "MiB of memory", "MiB of disk", "gpus")


@dataclass(frozen=True, slots=True)
class Cluster:
    """`agents` are those that are known; `policy` as in the framework's decisions."""

    agents: Collection[KnownAgent]
    policy: Policy


@dataclass(frozen=True, slots=True)
class Impossible:
    """`agents` of ours by name, which are to end as TOO_LARGE, all for the same `detail`."""

    template: str
    agents: tuple[str, ...]
    detail: str


def suspected(
    before: Mapping[str, datetime], held: Mapping[str, Held], records: Mapping[str, AgentRecord], now: datetime
) -> dict[str, datetime]:
    """By template, since when its requests find no agent that is large enough. `before` is what this gave last; `held`
    by agent's name, as the framework's last decision says.
    """
    names = (name for name, why in held.items() if why.never and name in records)
    return {
        record.template: before.get(record.template, now)
        for record in (records[name] for name in names)
        if _waits(record)
    }


def impossible(
    suspects: Mapping[str, datetime], records: Mapping[str, AgentRecord], rules: Rules, cluster: Cluster, now: datetime
) -> tuple[Impossible, ...]:
    """Those suspected for long enough, with what is lacking."""
    result = []
    for name, since in suspects.items():
        template = rules.template(name)
        if template is None or now < since + SURE_AFTER:
            continue
        detail = lacking(template, cluster, now)
        agents = tuple(record.name for record in records.values() if record.template == name and _waits(record))
        if detail and agents:
            result.append(Impossible(name, agents, detail))
    return tuple(result)


def possible_again(pauses: Mapping[str, Pause], rules: Rules, cluster: Cluster, now: datetime) -> tuple[str, ...]:
    """Templates that are paused as too large while an agent is known by now that could take them: to be resumed."""
    if not cluster.agents:
        return ()
    too_large = [rules.template(name) for name, pause in pauses.items() if pause.cause == Cause.TOO_LARGE]
    return tuple(each.name for each in too_large if each is not None and not lacking(each, cluster, now))


def lacking(template: Template, cluster: Cluster, now: datetime) -> str:
    """Why no agent could take the template; empty where one could, or where none is known yet."""
    if not cluster.agents:
        return ""
    agents = sorted(cluster.agents, key=lambda agent: (agent.hostname, agent.id))
    request = Request(
        template.name,
        template.name,
        template.wanted,
        now,
        constraints=template.constraints,
        roles=template.roles,
    )
    (ask,) = asks([request], (), cluster.policy, now)
    admission = Admission((), cluster.policy, {}, Crowd())
    refusals = [admission.standing(ask.kind, agent) for agent in agents]
    usable = [agent for agent, refusal in zip(agents, refusals, strict=True) if refusal is None]
    if not usable:
        return _refused(template.name, agents, refusals)
    return _short(ask, usable, len(agents))


def _waits(record: AgentRecord) -> bool:
    return record.leaving is None and record.phase in _WAITING


def _refused(name: str, agents: Sequence[KnownAgent], refusals: Sequence[Refusal | None]) -> str:
    order = list(Lack)
    closest = max(
        ((refusal, agent) for refusal, agent in zip(refusals, agents, strict=True) if refusal is not None),
        key=lambda pair: order.index(pair[0].lack),
    )
    known = "the only agent known" if len(agents) == 1 else f"none of the {len(agents)} agents known"
    verb = "may not be used" if len(agents) == 1 else "may be used"
    return f"template {name}: {known} {verb}; {closest[1].hostname} comes closest: {closest[0].detail}"


def _short(ask: Ask, usable: Sequence[KnownAgent], known: int) -> str:
    name, wanted = ask.request.label, ask.amounts
    among = "" if len(usable) == known else " that may be used"
    parts = []
    for which, unit in enumerate(_UNITS):
        largest = max(usable, key=lambda agent: agent.capacity[which])
        if largest.capacity[which] < wanted[which]:
            has = shown(largest.capacity[which])
            parts.append(
                f"wants {shown(wanted[which])} {unit}; the largest agent{among}, {largest.hostname}, has {has}"
            )
    if parts:
        return f"template {name} {', and it '.join(parts)}"
    covering = [agent for agent in usable if agent.capacity.covers(wanted)]
    if not covering:
        closest = max(usable, key=lambda agent: _covered(agent.capacity, wanted))
        return (
            f"template {name} wants {_told(wanted, wanted)} on one agent; the agent{among} that comes "
            f"closest, {closest.hostname}, has {_told(closest.capacity, wanted)}"
        )
    return _without_ports(ask, covering)


def _without_ports(ask: Ask, agents: Sequence[KnownAgent]) -> str:
    fitting = [agent for agent in agents if all(contains(agent.ports, port) for port in ask.fixed_ports)]
    if not fitting:
        ports = ", ".join(str(port) for port in ask.fixed_ports)
        return f"template {ask.request.label} wants port {ports}, which no agent that is large enough offers"
    most = max(fitting, key=lambda agent: size(agent.ports))
    if size(most.ports) < ask.free_ports:
        return (
            f"template {ask.request.label} wants {ask.free_ports} ports; the agent with the most, {most.hostname}, "
            f"has {size(most.ports)}"
        )
    return ""


def _covered(has: Amounts, wanted: Amounts) -> tuple[float, float]:
    """The smallest and the mean share of what is wanted that is there."""
    shares = [min(1.0, mine / want) for mine, want in zip(has, wanted, strict=True) if want]
    return min(shares), sum(shares) / len(shares)


def _told(amounts: Amounts, wanted: Amounts) -> str:
    return " and ".join(
        f"{shown(amount)} {unit}" for amount, unit, want in zip(amounts, _UNITS, wanted, strict=True) if want
    )
