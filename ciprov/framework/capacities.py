"""What the agents that are known could take if nothing else were there."""

from __future__ import annotations

from collections.abc import Sequence

from ciprov.framework.admission import Admission
from ciprov.framework.asks import Ask, Kind
from ciprov.framework.resources import Amounts, contains, size
from ciprov.framework.state import KnownAgent


class Capacities:
    def __init__(self, agents: Sequence[KnownAgent], admission: Admission) -> None:
        self.agents = agents
        self._admission = admission
        self._usable: dict[Kind, list[KnownAgent]] = {}
        self._largest: dict[Kind, list[tuple[Amounts, int]]] = {}

    def never(self, ask: Ask) -> bool:
        """Whether no agent could take it, as far as any is known."""
        if ask.fixed_ports:
            return bool(self.agents) and not self.large_enough(ask)
        if ask.kind not in self._largest:
            self._largest[ask.kind] = _largest(self._usable_for(ask.kind))
        return bool(self.agents) and not any(
            amounts.covers(ask.amounts) and ports >= ask.free_ports for amounts, ports in self._largest[ask.kind]
        )

    def large_enough(self, ask: Ask) -> list[KnownAgent]:
        """The agents that could take it."""
        return [
            agent
            for agent in self._usable_for(ask.kind)
            if agent.capacity.covers(ask.amounts)
            and (not ask.free_ports or size(agent.ports) >= ask.free_ports)
            and all(contains(agent.ports, port) for port in ask.fixed_ports)
        ]

    def _usable_for(self, kind: Kind) -> list[KnownAgent]:
        if kind not in self._usable:
            self._usable[kind] = [agent for agent in self.agents if self._admission.standing(kind, agent) is None]
        return self._usable[kind]


def _largest(agents: Sequence[KnownAgent]) -> list[tuple[Amounts, int]]:
    """Their capacities without those that another one covers."""
    result: list[tuple[Amounts, int]] = []
    for amounts, ports in sorted({(agent.capacity, size(agent.ports)) for agent in agents}, reverse=True):
        if not any(larger.covers(amounts) and more >= ports for larger, more in result):
            result.append((amounts, ports))
    return result
