"""Virtual agents, and the ledger of what is free on them.

The ledger is immutable: `take` and `give` return a new one. Amounts are kept to three decimals, as Mesos keeps them,
so a thousand launches and ends of 0.1 cpus leave exactly what was there before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.model import Agent, Resources, agent_name


class Overcommitted(ValueError):
    """More was taken from an agent than it has free: a fault of the caller, never of a user."""


def split(total: Resources, hostnames: Sequence[str], first_port: int, last_port: int) -> tuple[Agent, ...]:
    """One agent per host name; each gets an equal share of `total`, all ports, and a share of these for dynamic ones.

    `total.ports` is ignored: the ports are `first_port` to `last_port`, both included. Raises ValueError if there are
    fewer ports than agents.
    """
    count = len(hostnames)
    ports = last_port - first_port + 1
    everywhere = frozenset(range(first_port, last_port + 1))
    if count < 1 or ports < count:
        raise ValueError(f"{count} agents cannot share the ports {first_port}-{last_port}: each needs at least one")
    return tuple(
        Agent(
            id=agent_name(index),
            hostname=hostname,
            total=Resources(
                cpus=_floor(total.cpus / count),
                mem=float(int(total.mem / count)),
                disk=float(int(total.disk / count)),
                gpus=total.gpus // count + (1 if index < total.gpus % count else 0),
                ports=everywhere,
            ),
            share=frozenset(range(first_port + ports * index // count, first_port + ports * (index + 1) // count)),
        )
        for index, hostname in enumerate(hostnames)
    )


def resources_of(app: App, ports: Iterable[int] = ()) -> Resources:
    """What one instance of `app` holds on its agent; port 0 stands for "no host port" and is not counted."""
    return Resources(app.cpus, app.mem, app.disk, app.gpus, frozenset(port for port in ports if port))


def add(one: Resources, other: Resources) -> Resources:
    return Resources(
        _round(one.cpus + other.cpus),
        _round(one.mem + other.mem),
        _round(one.disk + other.disk),
        one.gpus + other.gpus,
        one.ports | other.ports,
    )


def subtract(one: Resources, other: Resources) -> Resources:
    return Resources(
        _round(one.cpus - other.cpus),
        _round(one.mem - other.mem),
        _round(one.disk - other.disk),
        one.gpus - other.gpus,
        one.ports - other.ports,
    )


@dataclass(frozen=True, slots=True)
class Ledger:
    """The agents, and what is free on each, by agent id."""

    agents: Mapping[str, Agent]
    free: Mapping[str, Resources]

    @staticmethod
    def of(agents: Iterable[Agent], held: Iterable[tuple[str, Resources]] = ()) -> Ledger:
        """The ledger of `agents` where `held` are `(agent id, resources)` of the instances that run already.

        Unlike `take` this accepts more than an agent has, since after a restart with a smaller machine that may be
        what runs; nothing is placed there until enough has ended. Unknown agents are left out.
        """
        known = {agent.id: agent for agent in agents}
        free = {agent.id: agent.total for agent in known.values()}
        for agent_id, resources in held:
            if agent_id in free:
                free[agent_id] = subtract(free[agent_id], resources)
        return Ledger(known, free)

    def with_agent(self, agent: Agent) -> Ledger:
        """The same amounts, but a known agent is told of differently."""
        return Ledger({**self.agents, agent.id: agent}, self.free)

    def used(self, agent_id: str) -> Resources:
        return subtract(self.agents[agent_id].total, self.free[agent_id])

    def take(self, agent_id: str, wanted: Resources) -> Ledger:
        """Raises `Overcommitted` where the agent has less free, KeyError for an unknown agent."""
        left = subtract(self.free[agent_id], wanted)
        missing = wanted.ports - self.free[agent_id].ports
        if missing or min(left.cpus, left.mem, left.disk, left.gpus) < 0:
            raise Overcommitted(f"agent {agent_id} has {self.free[agent_id]} free, not {wanted}")
        return Ledger(self.agents, {**self.free, agent_id: left})

    def hold(self, agent_id: str, held: Resources) -> Ledger:
        """Take what runs already, even where that is more than there is, as in `of`."""
        if agent_id not in self.free:
            return self
        return Ledger(self.agents, {**self.free, agent_id: subtract(self.free[agent_id], held)})

    def give(self, agent_id: str, freed: Resources) -> Ledger:
        """Give back what was taken. An agent that is gone is ignored; ports that are not the agent's are dropped."""
        agent = self.agents.get(agent_id)
        if agent is None:
            return self
        back = add(self.free[agent_id], freed)
        back = Resources(back.cpus, back.mem, back.disk, back.gpus, back.ports & agent.total.ports)
        return Ledger(self.agents, {**self.free, agent_id: back})


def _round(amount: float) -> float:
    return round(amount, 3)


def _floor(amount: float) -> float:
    return int(amount * 1000) / 1000
