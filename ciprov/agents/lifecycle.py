"""The life of an agent as a table, and what is to be done at each point of it. Pure.

`advance` compares what is written of an agent with what was just seen of its task and its node, and says where it
stands now and what to do. What it says may be done any number of times and is said until its effect is seen, so that a
crash anywhere, of the service, of Jenkins or of Mesos, is mended by the next look.

The awkward cases, each named where it is decided: the task dies before it connects · connects after the time-out · a
node that a person deleted, or set online or offline · Jenkins restarts under an agent · a host that is lost under a
build · a build that slips in while an idle agent is sent away · a second build.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from ciprov.agents.record import AgentRecord, Cause, Phase
from ciprov.agents.start.start_script import explained
from ciprov.agents.template import Template
from ciprov.domain.jenkins import Node
from ciprov.framework.ledger.book import FRAMEWORK_REMOVED, GIVEN_UP
from ciprov.framework.ledger.entry import Entry
from ciprov.framework.ledger.transitions import TaskState

TRANSITIONS: Mapping[Phase, frozenset[Phase]] = {
    Phase.WANTED: frozenset({Phase.NODE_CREATED, Phase.ENDED}),
    Phase.NODE_CREATED: frozenset({Phase.LAUNCHED, Phase.ENDED}),
    Phase.LAUNCHED: frozenset({Phase.CONNECTING, Phase.ONLINE, Phase.BUSY, Phase.FENCED, Phase.ENDED}),
    Phase.CONNECTING: frozenset({Phase.ONLINE, Phase.BUSY, Phase.FENCED, Phase.ENDED}),
    Phase.ONLINE: frozenset({Phase.CONNECTING, Phase.BUSY, Phase.FENCED, Phase.ENDED}),
    Phase.BUSY: frozenset({Phase.FENCED, Phase.ENDED}),
    Phase.FENCED: frozenset({Phase.ENDED}),
    Phase.ENDED: frozenset({Phase.REMOVED}),
    Phase.REMOVED: frozenset(),
}

RESUMED_WITHIN = timedelta(seconds=30)
"""So long after a restart of Jenkins an agent that had a build is kept though it looks idle."""

BEGINS_WITHIN = timedelta(seconds=30)
"""A build that Jenkins does not show for so long has begun: ciprov's user may not read its job."""

_CONNECTED_ONCE = frozenset({Phase.ONLINE, Phase.BUSY})
_LOST_BY_MESOS = frozenset(
    {
        "REASON_INVALID_OFFERS",
        "REASON_RECONCILIATION",
        "REASON_MASTER_DISCONNECTED",
        "REASON_SLAVE_DISCONNECTED",
        "REASON_SLAVE_REMOVED",
        "REASON_SLAVE_RESTARTED",
        "REASON_SLAVE_UNKNOWN",
    }
)
"""What Mesos tells of tasks that it never started, or whose host it lost: no template is to blame."""

_BY_ITS_HOST = frozenset({"REASON_AGENT_DRAINING", "REASON_AGENT_REREGISTERED"})
"""It was sent away, or was out of reach and came back without the task, which Mesos may call failed."""


class Act(StrEnum):
    """What is to be done for an agent. Each may be repeated."""

    CREATE_NODE = "create its node"
    FENCE = "fence it"
    WITHDRAW = "take its labels off and fence it"
    UNFENCE = "set it online again"
    DELETE_NODE = "delete its node"
    STOP_TASK = "stop its task"


class BadTransition(Exception):
    """The table forbids it: a fault of ciprov."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of one agent from outside.

    `confirmed`: Mesos told of its task since this service registered there.
    `looked_at`: when the last look at the nodes began; None where there was none since the start. `created`: its node
    was made and its secret is at hand. `fenced`: Jenkins confirmed a fence. `deleted`: Jenkins confirmed that the node
    is gone. `signalled`: its task told of work, of `jobs_told` jobs so far. `answers_since`: Jenkins answers without a
    break since then. `restarted_at`: when a restart of Jenkins was noticed last. `resumed`: an item of the queue waits
    for this very agent, to go on there. `withdrawn`: Jenkins confirmed that in this life of the service. `missed_at`:
    when the look began that was the first not to find its node, as all since then.
    """

    task: Entry | None = None
    confirmed: bool = True
    node: Node | None = None
    answers_since: datetime | None = None
    restarted_at: datetime | None = None
    looked_at: datetime | None = None
    created: bool = False
    fenced: bool = False
    deleted: bool = False
    signalled: bool = False
    jobs_told: int = 0
    resumed: bool = False
    withdrawn: bool = False
    missed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Advance:
    record: AgentRecord
    acts: tuple[Act, ...] = ()


def moved(record: AgentRecord, phase: Phase, now: datetime) -> AgentRecord:
    """Raises `BadTransition` for what the table does not have."""
    if phase not in TRANSITIONS[record.phase]:
        raise BadTransition(f"agent {record.name}: {record.phase} does not lead to {phase}")
    return record.at(phase, now)


def ended(record: AgentRecord, cause: Cause, detail: str, now: datetime) -> AgentRecord:
    """It is to be taken away. Nothing changes for one that ended before."""
    if record.phase in {Phase.ENDED, Phase.REMOVED}:
        return record
    return replace(moved(record, Phase.ENDED, now), cause=cause, detail=detail, leaving=None)


def advance(record: AgentRecord, seen: Seen, template: Template, now: datetime) -> Advance:
    """Where the agent stands at `now`, and what to do. `template` is the one that it was made of, or its successor."""
    record = _with_builds(record, seen)
    while True:
        further = _STEPS[record.phase](record, seen, template, now)
        # Also where it is gone already, its end is told first.
        if further.phase in {record.phase, Phase.ENDED}:
            return Advance(further, _acts(further, seen))
        record = further


def _wanted(record: AgentRecord, seen: Seen, _: Template, now: datetime) -> AgentRecord:
    if record.leaving is not None:
        return ended(record, record.leaving, record.detail, now)
    return moved(record, Phase.NODE_CREATED, now) if seen.created else record


def _node_created(record: AgentRecord, seen: Seen, template: Template, now: datetime) -> AgentRecord:
    if seen.task is not None and not seen.task.ended:
        return moved(record, Phase.LAUNCHED, now)
    if seen.task is not None:
        return ended(record, Cause.NOT_LAUNCHED, _told(seen.task, template), now)
    if record.leaving is not None:
        return ended(record, record.leaving, record.detail, now)
    if _is_node_missing(record, seen):
        return ended(record, Cause.NODE_DELETED, "", now)
    return record


def _on_its_way(record: AgentRecord, seen: Seen, template: Template, now: datetime) -> AgentRecord:
    if lost := _lost(record, seen, template, now):
        return lost
    if seen.signalled or _is_busy(seen.node):
        return moved(record, Phase.BUSY, now)
    if record.leaving is not None:
        # Not ended before Jenkins gives it no build any more: one may slip in until then.
        return moved(record, Phase.FENCED, now) if _is_fenced(seen) else record
    record = _with_connection(record, seen, now)
    if record.phase is Phase.CONNECTING:
        return _overdue(record, seen, template, now)
    if record.phase is Phase.LAUNCHED:
        running = seen.task is not None and seen.task.state is TaskState.RUNNING
        return moved(record, Phase.CONNECTING, now) if running else _overdue(record, seen, template, now)
    return _set_aside(record, seen, template, now)


def _set_aside(record: AgentRecord, seen: Seen, template: Template, now: datetime) -> AgentRecord:
    """A person set it offline while it was idle, or Jenkins did, for want of disk space and the like: nothing takes it,
    so nothing else would ever send it away.
    """
    node, end = seen.node, record.since + timedelta(seconds=template.limits.idle_s)
    if now < end or node is None or not (node.fenced and node.idle):
        return record
    reason = f": {node.offline_reason}" if node.offline_reason else ""
    return replace(record, leaving=Cause.IDLE, detail=f"its node was set offline{reason}")


def _with_connection(record: AgentRecord, seen: Seen, now: datetime) -> AgentRecord:
    if seen.node is None or seen.looked_at is None:
        return record
    connected = not seen.node.offline or (seen.node.fenced and record.phase is Phase.ONLINE)
    if connected and record.phase is not Phase.ONLINE:
        return replace(moved(record, Phase.ONLINE, now), offline_since=None)
    if not connected and record.phase is Phase.ONLINE:
        # Jenkins restarted, or the connection broke: the agent tries to come back by itself.
        return replace(moved(record, Phase.CONNECTING, now), offline_since=now)
    return record


def _overdue(record: AgentRecord, seen: Seen, template: Template, now: datetime) -> AgentRecord:
    """Past its time it is to go, by way of a fence: it may connect this very moment."""
    if record.offline_since is not None:
        patience, begin, cause = template.start.reconnect_s, record.offline_since, Cause.DISCONNECTED
    else:
        begin = record.times.get(Phase.LAUNCHED, record.since)
        patience, cause = template.limits.online_s, Cause.NOT_CONNECTED
    # While Jenkins was away, nobody could connect.
    deadline = max(begin, seen.answers_since or begin) + timedelta(seconds=patience)
    if now < deadline or seen.looked_at is None or seen.looked_at < deadline:
        return record
    state = seen.task.state if seen.task is not None else "none"
    if state is TaskState.UNREACHABLE and cause is Cause.NOT_CONNECTED:
        cause = Cause.LAUNCH_LOST
    return replace(record, leaving=cause, detail=f"not connected after {patience:g} s, its task is {state}")


def _busy(record: AgentRecord, seen: Seen, template: Template, now: datetime) -> AgentRecord:
    if lost := _lost(record, seen, template, now):
        return lost
    return moved(record, Phase.FENCED, now) if _is_fenced(seen) else record


def _fenced(record: AgentRecord, seen: Seen, template: Template, now: datetime) -> AgentRecord:
    if seen.node is not None and _is_fresh(record, seen) and seen.node.fenced and seen.node.idle:
        had_one = Phase.BUSY in record.times or record.builds
        if had_one and (seen.resumed or _may_be_resumed(record, seen)):
            return _lost(record, seen, template, now) or record
        cause = Cause.DONE if had_one else record.leaving or Cause.IDLE
        return ended(record, cause, "" if had_one else record.detail, now)
    return _lost(record, seen, template, now) or record


def _may_be_resumed(record: AgentRecord, seen: Seen) -> bool:
    """After Jenkins restarted an agent looks idle until the pipeline on it goes on."""
    if not had_build_before(record, seen.restarted_at) or seen.restarted_at is None or seen.looked_at is None:
        return False
    return seen.looked_at < seen.restarted_at + RESUMED_WITHIN


def had_build_before(record: AgentRecord, restarted_at: datetime | None) -> bool:
    """Whether it had its build when Jenkins restarted, so that a pipeline may go on there."""
    # Not when it was fenced: a fence that was asked for before the restart may come true only after it.
    begun = record.times.get(Phase.BUSY, record.since)
    return restarted_at is not None and begun < restarted_at and record.phase in {Phase.BUSY, Phase.FENCED}


def _ended(record: AgentRecord, seen: Seen, _: Template, now: datetime) -> AgentRecord:
    return moved(record, Phase.REMOVED, now) if _is_gone(record, seen) else record


def _removed(record: AgentRecord, _seen: Seen, _template: Template, _now: datetime) -> AgentRecord:
    return record


_STEPS: Mapping[Phase, Callable[[AgentRecord, Seen, Template, datetime], AgentRecord]] = {
    Phase.WANTED: _wanted,
    Phase.NODE_CREATED: _node_created,
    Phase.LAUNCHED: _on_its_way,
    Phase.CONNECTING: _on_its_way,
    Phase.ONLINE: _on_its_way,
    Phase.BUSY: _busy,
    Phase.FENCED: _fenced,
    Phase.ENDED: _ended,
    Phase.REMOVED: _removed,
}
"""One step on, or the same phase."""


def _lost(record: AgentRecord, seen: Seen, template: Template, now: datetime) -> AgentRecord | None:
    """What ends an agent whatever it does: its task ended, its host is gone, or its node was deleted."""
    task = seen.task
    if task is None:
        return ended(record, Cause.NOT_LAUNCHED, "nothing is known of its task", now)
    if task.ended:
        connected = _CONNECTED_ONCE & {Phase(phase) for phase in record.times}
        if record.phase is Phase.FENCED and not _is_busy(seen.node) and seen.looked_at is not None:
            return ended(record, record.leaving or Cause.DONE, _told(task, template), now)
        unconnected = Cause.LAUNCH_LOST if _is_lost_by_mesos(task) else Cause.TASK_FAILED
        return ended(record, Cause.TASK_DIED if connected else unconnected, _told(task, template), now)
    patience = timedelta(seconds=template.limits.unreachable_s)
    # What was known before a restart of this service proves nothing: the host may be back.
    if task.state is TaskState.UNREACHABLE and seen.confirmed and now >= task.since + patience:
        # The build on it, if any, fails with its node, and may be repeated elsewhere.
        return ended(record, Cause.HOST_LOST, f"{task.hostname} was out of reach for too long", now)
    if _is_node_missing(record, seen):
        return ended(record, Cause.NODE_DELETED, "", now)
    return None


def _acts(record: AgentRecord, seen: Seen) -> tuple[Act, ...]:
    phase = record.phase
    if phase is Phase.ENDED:
        stop = seen.task is not None and not seen.task.ended
        return (*(() if seen.deleted else (Act.DELETE_NODE,)), *((Act.STOP_TASK,) if stop else ()))
    # After a restart of the service the secret of a node is not at hand any more.
    create = phase in {Phase.WANTED, Phase.NODE_CREATED} and not seen.created
    leaves = phase in {Phase.LAUNCHED, Phase.CONNECTING, Phase.ONLINE} and record.leaving is not None
    fence = (_way_to_fence(record, seen),) if leaves or _wants_fence(record, seen) else ()
    back = () if fence else _way_back(record, seen)
    return (*((Act.CREATE_NODE,) if create else ()), *fence, *back)


def _way_to_fence(record: AgentRecord, seen: Seen) -> Act:
    """Where no build is known to go on, Jenkins may give it an item this moment, and would lose it by a fence."""
    told_since = seen.signalled and not _is_fresh(record, seen)
    return Act.FENCE if _is_busy(seen.node) or told_since else Act.WITHDRAW


def _wants_fence(record: AgentRecord, seen: Seen) -> bool:
    if record.phase is Phase.BUSY:
        shown = seen.signalled or not _is_starting(seen.node)
        return shown or (seen.looked_at is not None and seen.looked_at >= record.since + BEGINS_WITHIN)
    if record.phase is not Phase.FENCED or seen.node is None or not _is_fresh(record, seen) or seen.node.fenced:
        return False
    if _is_starting(seen.node):
        return False
    # Somebody set it online again, or it was done for a pipeline, which has it by now.
    return not (seen.resumed and seen.node.idle)


def _way_back(record: AgentRecord, seen: Seen) -> tuple[Act, ...]:
    """A pipeline goes on only where the agent is online. Others would get it then, were its labels still there."""
    node = seen.node
    if record.phase is not Phase.FENCED or not seen.resumed or node is None or not (node.fenced and node.idle):
        return ()
    if seen.restarted_at is None or not _is_fresh(record, seen):
        return ()
    # What labels it has does not tell: plugins give it some, and one that a person made his own keeps all.
    return (Act.UNFENCE if seen.withdrawn else Act.WITHDRAW,)


def _with_builds(record: AgentRecord, seen: Seen) -> AgentRecord:
    there = seen.node.builds if seen.node is not None else ()
    builds = (*record.builds, *(build.url for build in there if build.url and build.url not in record.builds))
    # A short build may be over before any look sees it; of its job the task tells all the same.
    leaks = max(record.leaks, len(builds) - 1, seen.jobs_told - 1)
    return record if (builds, leaks) == (record.builds, record.leaks) else replace(record, builds=builds, leaks=leaks)


def _is_busy(node: Node | None) -> bool:
    return node is not None and not node.idle


def _is_starting(node: Node | None) -> bool:
    """An item was given to it and its build has not begun: were it set offline now, Jenkins would lose the item."""
    return node is not None and not node.idle and not node.builds


def _is_fenced(seen: Seen) -> bool:
    return seen.fenced or (seen.node is not None and seen.node.fenced)


def _is_fresh(record: AgentRecord, seen: Seen) -> bool:
    """Whether the look began after the agent came into its phase."""
    return seen.looked_at is not None and seen.looked_at > record.since


def _is_node_missing(record: AgentRecord, seen: Seen) -> bool:
    """Two looks in a row did not find it, and both began after it was made. One alone proves nothing: Jenkins leaves a
    node out of its answer where the cause of its being offline changes at that moment.
    """
    made = record.times.get(Phase.NODE_CREATED)
    if seen.node is not None or seen.looked_at is None or seen.missed_at is None or made is None:
        return False
    return made < seen.missed_at < seen.looked_at


def _is_gone(record: AgentRecord, seen: Seen) -> bool:
    no_task = seen.task is None or seen.task.ended
    no_node = seen.deleted or (seen.node is None and _is_fresh(record, seen))
    return no_task and no_node


def _is_lost_by_mesos(task: Entry) -> bool:
    by_host = task.reason in _BY_ITS_HOST
    lost = task.reason in _LOST_BY_MESOS or task.outcome in {GIVEN_UP, FRAMEWORK_REMOVED}
    return by_host or (lost and not task.certain)


def _told(task: Entry, template: Template) -> str:
    """What Mesos said of its end."""
    return ": ".join(part for part in (task.outcome, task.reason, explained(task.message, template)) if part)
