"""Which label an item of the queue asks for.

Jenkins tells it for jobs. Of a pipeline only the text `why` has it, and not always: without any node it is left out,
and where exactly one node carries the label, that node is named instead. So what was certain once is remembered; nodes
that stay offline ("anchors") keep it certain.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from functools import reduce

from ciprov.agents.queue.blockage import Blockage, Told, read
from ciprov.agents.queue.labels import And, Atom, Expression, LabelError, canonical, parse, unquoted
from ciprov.domain.jenkins import Node, QueueItem

_ANCHORS = "nodes that stay offline (anchors) make Jenkins tell it"


class Certainty(StrEnum):
    """LIKELY: a name that is no node's now, but may have been one's. GUESSED: from the only node that carries it."""

    CERTAIN = "certain"
    LIKELY = "likely"
    GUESSED = "guessed"


@dataclass(frozen=True, slots=True)
class Asked:
    """`expression` is None where any node will do. `text` is its canonical form."""

    expression: Expression | None = None
    text: str = ""
    certainty: Certainty = Certainty.CERTAIN


@dataclass(frozen=True, slots=True)
class Hidden:
    """The label cannot be known now; `reason` says why."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotALabel:
    reason: str


@dataclass(frozen=True, slots=True)
class Resumes:
    """It goes on where it was before Jenkins restarted: on that agent, and nowhere else."""

    agent: str


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent of ours, from when it is wanted until its node is gone. `labels` without its name.

    `spent` says that it takes no build any more: it had one, is fenced, or is on its way out; `resumable`, that it had
    its build when Jenkins restarted, and a pipeline may go on there. The one with the higher
    `progress` is further on its way; of equal ones the older is preferred, and then the one that is named first.
    """

    name: str
    template: str
    labels: frozenset[str]
    exclusive: bool = True
    spent: bool = False
    progress: int = 0
    wanted_at: datetime | None = None
    resumable: bool = False


ItemKey = tuple[int, datetime | None]
"""Of an item: its id, and since when it waits. A Jenkins that was killed gives the same ids once more."""


def key(item: QueueItem) -> ItemKey:
    return item.id, item.since


class Labels:
    """What is known of labels at one moment: the nodes, our agents, and what was told before of items."""

    def __init__(self, nodes: Sequence[Node], agents: Sequence[Agent], told_before: Mapping[ItemKey, str]) -> None:
        self._node_names = {node.name for node in nodes}
        self._carried: frozenset[str] = frozenset().union(*(node.labels for node in nodes))
        self._any_agent_node = any(not node.built_in for node in nodes)
        self._agents = {agent.name: agent for agent in agents}
        self._told_before = told_before

    def asked_by(self, item: QueueItem) -> Asked | Hidden | NotALabel | Resumes:
        if item.label is not None:
            return self._understood(unquoted(item.label))
        told = read(item.why)
        before = self._told_before.get(key(item))
        # What was told before is the label: a name may stand there now because that node alone carries it.
        for name in (told.label, told.name) if before is None else (before,):
            if (agent := self._agents.get(name)) is not None and agent.resumable:
                return Resumes(name)
        if before is not None:
            return self._understood(before)
        if told.label:
            return self._understood(told.label)
        if told.name:
            return self._named(told.name)
        return self._nameless(told, item.why)

    def _named(self, name: str) -> Asked | Hidden | NotALabel:
        agent = self._agents.get(name)
        if agent is not None:
            # The only node on that label is ours: whatever the label is, an agent like this one has it.
            every: Expression = _all_of(agent.labels or {name})
            return Asked(every, canonical(every), Certainty.GUESSED)
        if name in self._node_names:
            return Hidden(f"Jenkins names the node '{name}' instead of the label; {_ANCHORS}")
        understood = self._understood(name)
        # It may be the name of a node that has gone since Jenkins wrote the text.
        return replace(understood, certainty=Certainty.LIKELY) if isinstance(understood, Asked) else understood

    def _nameless(self, told: Told, why: str) -> Asked | Hidden:
        if told.blockage is not Blockage.ANYWHERE:
            return Hidden(f"Jenkins does not tell the label, only: {why or 'nothing'}")
        if not self._any_agent_node:
            return Hidden(f"without any node Jenkins does not tell the label; {_ANCHORS}")
        return Asked(certainty=Certainty.LIKELY)

    def _understood(self, text: str) -> Asked | NotALabel:
        if not text.strip():
            return Asked()
        try:
            expression = parse(text)
        except LabelError as error:
            # Jenkins takes what is no expression for the name of one label, and a node may have it.
            if text not in self._carried:
                return NotALabel(f"{error.place}: {error.message}")
            expression = Atom(text)
        return Asked(expression, canonical(expression))


def _all_of(names: Collection[str]) -> Expression:
    atoms: list[Expression] = [Atom(name) for name in sorted(names)]
    return reduce(And, atoms)
