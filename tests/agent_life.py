"""An agent's record, task and node at any point of its life, for tests of what follows from a look at them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from ciprov.agents.lifecycle import Advance, Seen, advance
from ciprov.agents.record import AgentRecord, Phase
from ciprov.agents.template import Template
from ciprov.domain.jenkins import Build, Node, NodeMark
from ciprov.framework.ledger.entry import Entry
from ciprov.framework.ledger.transitions import TaskState
from ciprov.framework.requests import Wanted
from ciprov.framework.resources import NOTHING

T0 = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MAVEN = Template("maven", ("maven",), Wanted(cpus=1, mem=512))


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def agent(phase: Phase = Phase.WANTED, since: float = 0, **more: Any) -> AgentRecord:
    """One that came to `phase` by the usual way, all at T0 save the phase itself."""
    usual = [Phase.WANTED, Phase.NODE_CREATED, Phase.LAUNCHED, Phase.CONNECTING, Phase.ONLINE, Phase.BUSY, Phase.FENCED]
    passed = usual[: usual.index(phase)] if phase in usual else usual
    times = {**{each.value: T0 for each in passed}, phase.value: at(since)}
    return AgentRecord("a1", "maven", ("maven",), T0, at(since), phase, times=times, **more)


def task(state: TaskState, since: float = 0, **more: Any) -> Entry:
    return Entry("a1", "a1", "maven", "S0", "host-1", "*", NOTHING, T0, at(since), state=state, **more)


RUNNING = task(TaskState.RUNNING)
_NODE = Node("a1", frozenset({"a1", "maven"}), mark=NodeMark("ciprov", "maven"))
OFFLINE = replace(_NODE, offline=True)
IDLE = replace(_NODE, idle_executors=1)
BUSY = replace(_NODE, idle=False, builds=(Build("http://j/job/x/1/", 1),))
STARTING = replace(_NODE, idle=False)
FENCED_IDLE = replace(_NODE, offline=True, fenced=True)
WITHDRAWN = replace(FENCED_IDLE, labels=frozenset({"a1"}))
FENCED_BUSY = replace(BUSY, offline=True, fenced=True)


def look(record: AgentRecord, seconds: float, node: Node | None, entry: Entry | None = RUNNING, **more: Any) -> Advance:
    """A look at `seconds` that found `node`."""
    return advance(record, Seen(task=entry, node=node, looked_at=at(seconds), **more), MAVEN, at(seconds))
