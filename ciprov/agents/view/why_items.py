"""The items of the queue that ask for a label, each with what it gets, or why it gets nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ciprov.agents.queue.asked_labels import Agent, Asked, Hidden, Labels
from ciprov.agents.queue.demand import Need, Spare
from ciprov.agents.queue.labels import Expression, canonical
from ciprov.agents.record import AgentRecord
from ciprov.agents.view.snapshot import Snapshot
from ciprov.domain.jenkins import QueueItem
from ciprov.framework.decisions import Held

_COMES = {Spare.SERVED, Spare.ASSIGNED, Spare.QUIET, Spare.FLYWEIGHT, Spare.NOT_WAITING}
_WAY_OUT = {
    Spare.BLOCKED: "Jenkins itself lets it go on later; nothing is to be done here.",
    Spare.THROTTLED: "Jenkins itself lets it go on later; nothing is to be done here.",
    Spare.SHUTDOWN: "Cancel the shutdown in Jenkins, or wait until it is back.",
    Spare.LABEL_HIDDEN: "Turn on the anchors (`anchors: true`), so that Jenkins tells the labels of pipelines.",
    Spare.LABEL_WRONG: "Correct the label in the job.",
    Spare.NO_TEMPLATE: "Give a template that label, or correct the job.",
}


@dataclass(frozen=True, slots=True)
class Waiting:
    """An item of the queue. `comes`: it has its agent, or gets one without anybody's doing. `held`: its agent has no
    place yet, and why.
    """

    item: int
    job: str
    seconds: float
    comes: bool
    why: str
    way_out: str = ""
    agent: str = ""
    held: str = ""


@dataclass(frozen=True, slots=True)
class HiddenItem:
    item: int
    reason: str


def waiting(snapshot: Snapshot, expression: Expression | None, now: datetime) -> tuple[Waiting, ...]:
    """Those that ask for exactly this, the oldest first."""
    wanted = canonical(expression) if expression is not None else ""
    labels = _labels(snapshot)
    asking = [
        item for item in snapshot.items if isinstance(asked := labels.asked_by(item), Asked) and asked.text == wanted
    ]
    told = _Told(snapshot)
    return tuple(told.of(item, now) for item in sorted(asking, key=lambda item: (item.since or now, item.id)))


def hidden(snapshot: Snapshot) -> tuple[HiddenItem, ...]:
    """Those whose label cannot be known now."""
    labels = _labels(snapshot)
    found = ((item.id, labels.asked_by(item)) for item in snapshot.items)
    return tuple(HiddenItem(item, asked.reason) for item, asked in found if isinstance(asked, Hidden))


def held_text(held: Held | None) -> str:
    """Why an agent has no place, with the agents that came closest; empty for one that has."""
    if held is None:
        return ""
    funnel = str(held.funnel) if held.funnel is not None else ""
    never = _NEVER if held.never and not held.reason.startswith(_NEVER_REASON) else ""
    parts = [held.reason, funnel if funnel not in held.reason else "", never]
    return "; ".join(part for part in parts if part)


def counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


_NEVER_REASON = "no agent seen so far is large enough"
_NEVER = "no agent seen so far could take it even when empty"


class _Told:
    """What was decided of the items, by item."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._needs: Mapping[int, Need] = {need.item_id: need for need in snapshot.demand.needs}
        self._spared = {spared.item_id: spared for spared in snapshot.demand.spared}
        self._agents: Mapping[int, AgentRecord] = {
            record.item_id: record for record in snapshot.agents.values() if record.item_id and not record.spent
        }

    def of(self, item: QueueItem, now: datetime) -> Waiting:
        seconds = max(0.0, (now - item.since).total_seconds()) if item.since is not None else 0.0
        comes, why, way_out = self._outlook(item)
        agent = self._agents.get(item.id)
        held = held_text(self._snapshot.held.get(agent.name)) if agent is not None else ""
        name = agent.name if agent is not None else ""
        return Waiting(item.id, item.task_name, round(seconds, 1), comes, why, way_out, name, held)

    def _outlook(self, item: QueueItem) -> tuple[bool, str, str]:
        agent = self._agents.get(item.id)
        if agent is not None:
            return True, f"agent {agent.name} was made for it: {agent.phase}", ""
        if item.id in self._snapshot.capped:
            return False, self._snapshot.capped[item.id], ""
        if item.id in self._spared:
            spared = self._spared[item.id]
            return spared.why in _COMES, f"{spared.why}: {spared.reason}", _WAY_OUT.get(spared.why, "")
        if item.id in self._needs:
            need = self._needs[item.id]
            return True, f"it gets an agent of template {need.template}", ""
        return True, "it came just now", ""


def _labels(snapshot: Snapshot) -> Labels:
    agents: Sequence[Agent] = [
        Agent(record.name, record.template, frozenset(record.labels), record.exclusive, record.spent)
        for record in snapshot.agents.values()
    ]
    return Labels(snapshot.nodes, agents, snapshot.demand.labels)
