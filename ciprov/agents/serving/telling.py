"""What is told when an agent moves on, for logs and metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from ciprov.agents.lifecycle import Act
from ciprov.agents.queue.demand import Demand, Spare
from ciprov.agents.record import FAILURES, AgentRecord, Cause, Phase
from ciprov.agents.view.happenings import Happening, Severity, What
from ciprov.domain.jenkins import JenkinsError, QueueItem
from ciprov.framework.ledger.entry import Entry

_WHAT: Mapping[Phase, What] = {
    Phase.WANTED: What.WANTED,
    Phase.NODE_CREATED: What.NODE_CREATED,
    Phase.LAUNCHED: What.LAUNCHED,
    Phase.CONNECTING: What.CONNECTING,
    Phase.ONLINE: What.ONLINE,
    Phase.BUSY: What.BUSY,
    Phase.FENCED: What.FENCED,
    Phase.ENDED: What.ENDED,
    Phase.REMOVED: What.REMOVED,
}
_UNEXPECTED = FAILURES | {Cause.NODE_DELETED, Cause.TASK_DIED, Cause.HOST_LOST, Cause.DISCONNECTED}


def moved_on(before: AgentRecord | None, after: AgentRecord, task: Entry | None) -> tuple[Happening, ...]:
    """In the order in which it happened, with what was passed through in one look."""
    told: list[Happening] = []
    if before is None or before.phase is not after.phase:
        told.append(_phase(after, task))
    if after.leaks > (before.leaks if before else 0):
        text = f"agent {after.name} was given another build: {', '.join(after.builds)}"
        told.append(_about(What.LEAKED, text, after, task, Severity.WARNING))
    return tuple(told)


def mislabelled(before: Demand, after: Demand, items: Sequence[QueueItem]) -> tuple[Happening, ...]:
    """Of each item once: its label cannot be understood, and nobody else would tell who waits for it."""
    known = {spared.item_id for spared in before.spared if spared.why is Spare.LABEL_WRONG}
    named = {item.id: f"item {item.id} {item.task_name}" for item in items}
    return tuple(
        Happening(
            What.REFUSED,
            f"{named.get(spared.item_id, 'an item')} gets no agent: {spared.reason}; correct the job's label",
            Severity.WARNING,
            item=spared.item_id,
            cause=spared.why.value,
        )
        for spared in after.spared
        if spared.why is Spare.LABEL_WRONG and spared.item_id not in known
    )


def refused(act: Act, node: str, error: JenkinsError) -> Happening:
    """What Jenkins will not do, now or later. The text is the same for all nodes, so that it is told once."""
    why = "; ".join(part for part in (error.message, error.way_out) if part)
    return Happening(What.REFUSED, f"Jenkins does not let ciprov {act}: {why}", Severity.WARNING, agent=node)


def seconds(record: AgentRecord) -> dict[str, float]:
    """How long each part took, as far as it is over: from the item in the queue to the build.

    An agent that is busy when it is seen for the first time counts as online since then.
    """
    online = _time(record, Phase.ONLINE) or _time(record, Phase.BUSY)
    spans = {
        "queue_to_accept": (record.item_since, _time(record, Phase.LAUNCHED)),
        "wanted_to_accept": (record.wanted_at, _time(record, Phase.LAUNCHED)),
        "accept_to_online": (_time(record, Phase.LAUNCHED), online),
        "online_to_busy": (online, _time(record, Phase.BUSY)),
        "busy_to_fenced": (_time(record, Phase.BUSY), _time(record, Phase.FENCED)),
        "ended_to_removed": (_time(record, Phase.ENDED), _time(record, Phase.REMOVED)),
    }
    return {
        name: max(0.0, (end - begin).total_seconds())
        for name, (begin, end) in spans.items()
        if begin is not None and end is not None
    }


def _phase(record: AgentRecord, task: Entry | None) -> Happening:
    parts = [f"agent {record.name}: {record.phase}"]
    severity = Severity.INFO
    if record.phase is Phase.WANTED:
        parts.append(_wanted_for(record))
    if record.phase is Phase.ENDED and record.cause is not None:
        parts.append(f"{record.cause}: {record.detail}" if record.detail else str(record.cause))
        severity = Severity.WARNING if record.cause in _UNEXPECTED else Severity.INFO
    return _about(_WHAT[record.phase], ", ".join(parts), record, task, severity)


def _wanted_for(record: AgentRecord) -> str:
    if record.item_id:
        return f"for item {record.item_id} {record.job}".rstrip()
    return f"for label {record.unique_label}, as requested" if record.unique_label else "to be ready"


def _about(what: What, text: str, record: AgentRecord, task: Entry | None, severity: Severity) -> Happening:
    return Happening(
        what,
        text,
        severity,
        agent=record.name,
        template=record.template,
        cause=record.cause.name.lower() if record.cause else "",
        mesos_agent=task.agent_id if task else record.mesos_agent,
        host=task.hostname if task else record.host,
        offers=task.offer_ids if task else (),
        item=record.item_id,
        seconds=seconds(record),
    )


def _time(record: AgentRecord, phase: Phase) -> datetime | None:
    return record.times.get(phase.value)
