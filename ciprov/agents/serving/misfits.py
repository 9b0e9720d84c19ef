"""Ends agents that no Mesos agent could take, so that their template's failure is told instead of waited for."""

from __future__ import annotations

from datetime import datetime

from ciprov.agents.crew.impossible import Cluster, impossible, possible_again, suspected
from ciprov.agents.record import Cause
from ciprov.agents.serving.demand_desk import DemandDesk
from ciprov.agents.serving.mesos_desk import MesosDesk
from ciprov.agents.serving.roster import Roster


class Misfits:
    """Owned by the loop's thread."""

    def __init__(self, demand: DemandDesk, mesos: MesosDesk, roster: Roster) -> None:
        self._demand = demand
        self._mesos = mesos
        self._roster = roster
        self._suspects: dict[str, datetime] = {}

    def weed_out(self, now: datetime) -> None:
        """After each decision."""
        records, rules = self._roster.records, self._demand.rules
        self._suspects = suspected(self._suspects, self._mesos.held, records, now)
        pauses = self._demand.pauses(now)
        if not self._suspects and not pauses:
            return
        cluster = Cluster(tuple(self._mesos.memory.agents.values()), self._mesos.policy)
        for found in impossible(self._suspects, records, rules, cluster, now):
            for name in found.agents:
                self._roster.end(name, Cause.TOO_LARGE, found.detail, now)
        again = possible_again(pauses, rules, cluster, now)
        if again:
            self._demand.resume(frozenset(again), now)
