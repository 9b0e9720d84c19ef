"""The service's state as a document, for `ciprov agents status` and whoever reads its JSON."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from urllib.parse import quote

from ciprov.agents.record import FAILURES, AgentRecord, Cause, Phase, cause_word
from ciprov.agents.serving.telling import seconds
from ciprov.agents.view.snapshot import Pause, Peer, Snapshot
from ciprov.agents.view.why import hindrance
from ciprov.agents.view.why_items import held_text
from ciprov.foundation.clock import timestamp
from ciprov.foundation.errors import UsageError
from ciprov.foundation.json import JsonObject

_RECENT = 20
_CREDENTIALS = re.compile(r"//[^/\s]*@")
_URL = re.compile(r"https?://[^\s,()]+")


def status(snapshot: Snapshot, now: datetime) -> JsonObject:
    """Times in seconds, moments in ISO 8601. Of the agents that are gone, the newest 20; figures are of all known."""
    known = [*snapshot.agents.values(), *snapshot.recent]
    return {
        "service": snapshot.rules.service.name,
        "at": timestamp(snapshot.at),
        "framework_id": snapshot.framework_id,
        "jenkins": _peer(snapshot.jenkins),
        "mesos": _peer(snapshot.mesos),
        "queue": _queue(snapshot),
        "templates": templates(snapshot, now),
        "agents": [_agent(snapshot, record, now) for record in _in_order(snapshot.agents.values())],
        "times": times(known),
        "leaks": sum(record.leaks for record in known),
        "surplus": sum(_is_surplus(record) for record in known),
        "failures": _failures(known),
        "counts": dict(sorted(snapshot.counts.items())),
        "pauses": [_pause(pause) for pause in snapshot.pauses if pause.until > now],
        "drained": sorted(snapshot.drained),
        "recent": [_ended(record) for record in snapshot.recent[:_RECENT]],
    }


def templates(snapshot: Snapshot, now: datetime) -> list[JsonObject]:
    """In the order of the settings, then those that only old agents still have."""
    phases: dict[str, Counter[str]] = {template.name: Counter() for template in snapshot.rules.templates}
    for record in snapshot.agents.values():
        phases.setdefault(record.template, Counter())[record.phase.value] += 1
    wanted = snapshot.demand.by_template
    found: list[JsonObject] = []
    for name, counts in phases.items():
        template = snapshot.rules.template(name)
        found.append(
            {
                "template": name,
                "labels": list(template.labels) if template is not None else [],
                "most": template.limits.most if template is not None else 0,
                "configured": template is not None,
                "hindered": hindrance(snapshot, name, now),
                "wanted": wanted.get(name, 0),
                "agents": sum(counts.values()),
                "phases": {phase.value: counts[phase.value] for phase in Phase if counts[phase.value]},
            }
        )
    return found


def agent(snapshot: Snapshot, name: str, now: datetime) -> JsonObject:
    """One agent with all that is known of it, also one that went lately. Raises `UsageError` for any other name."""
    record = snapshot.agents.get(name) or next((one for one in snapshot.recent if one.name == name), None)
    if record is None:
        from difflib import get_close_matches

        near = get_close_matches(name, snapshot.agents, n=1)
        raise UsageError(
            f"there is no agent {name}, nor was there lately",
            way_out=f"Did you mean {near[0]}?" if near else "`ciprov agents status` lists them.",
        )
    task = snapshot.tasks.get(name)
    return {
        **_agent(snapshot, record, now),
        "labels": list(record.labels),
        "cause": _cause(record.cause),
        "why": record.cause.value if record.cause is not None else "",
        "detail": record.detail,
        "times": {phase: timestamp(moment) for phase, moment in _by_time(record)},
        "task": {"state": task.state.value, "outcome": task.outcome, "reason": task.reason, "message": task.message}
        if task is not None
        else None,
        "links": _links(snapshot, record),
    }


def times(records: Iterable[AgentRecord]) -> JsonObject:
    """For each part of an agent's way: how many there were, and p50 and p95 in seconds, None where there were none."""
    found: dict[str, list[float]] = {"queue_to_accept": [], "accept_to_online": [], "online_to_busy": []}
    for record in records:
        for name, measured in seconds(record).items():
            if name in found:
                found[name].append(measured)
    return {
        name: {"count": len(values), "p50": percentile(values, 50), "p95": percentile(values, 95)}
        for name, values in found.items()
    }


def percentile(values: Sequence[float], percent: int) -> float | None:
    """By nearest rank: one of the values."""
    if not values:
        return None
    return round(sorted(values)[max(1, math.ceil(len(values) * percent / 100)) - 1], 3)


def _peer(peer: Peer) -> JsonObject:
    return {
        "target": _CREDENTIALS.sub("//", peer.target),
        "up": peer.up,
        "since": timestamp(peer.since) if peer.since is not None else None,
        "version": peer.version,
        "message": peer.message,
    }


def _queue(snapshot: Snapshot) -> JsonObject:
    states = Counter(spared.why.value for spared in snapshot.demand.spared)
    return {
        "items": len(snapshot.items),
        "wanted": len(snapshot.demand.needs),
        "capped": len(snapshot.capped),
        "spared": dict(sorted(states.items())),
    }


def _agent(snapshot: Snapshot, record: AgentRecord, now: datetime) -> JsonObject:
    return {
        "agent": record.name,
        "template": record.template,
        "phase": record.phase.value,
        "since": timestamp(record.since),
        "seconds": round(max(0.0, (now - record.since).total_seconds()), 1),
        "host": record.host,
        "mesos_agent": record.mesos_agent,
        "item": record.item_id,
        "job": record.job,
        "unique_label": record.unique_label,
        "builds": list(record.builds),
        "leaks": record.leaks,
        "leaving": record.leaving.value if record.leaving is not None else "",
        "held": held_text(snapshot.held.get(record.name)),
    }


def _ended(record: AgentRecord) -> JsonObject:
    end = record.times.get(Phase.ENDED.value, record.since)
    return {
        "agent": record.name,
        "template": record.template,
        "ended": timestamp(end),
        "cause": _cause(record.cause),
        "why": record.cause.value if record.cause is not None else "",
        "detail": record.detail,
        "host": record.host,
        "item": record.item_id,
        "job": record.job,
        "worked": _worked(record),
        "builds": list(record.builds),
        "leaks": record.leaks,
    }


def _pause(pause: Pause) -> JsonObject:
    return {
        "template": pause.template,
        "cause": cause_word(pause.cause),
        "why": pause.cause,
        "detail": pause.detail,
        "failures": pause.failures,
        "until": timestamp(pause.until),
        "final": pause.final,
    }


def _failures(records: Iterable[AgentRecord]) -> JsonObject:
    counted = Counter(_cause(record.cause) for record in records if record.cause in FAILURES)
    return dict(sorted(counted.items()))


def _is_surplus(record: AgentRecord) -> bool:
    """Launched for an item, and gone without a build."""
    launched = bool(record.item_id) and Phase.LAUNCHED.value in record.times
    return launched and not _worked(record) and record.cause in {Cause.SURPLUS, Cause.IDLE}


def _worked(record: AgentRecord) -> bool:
    """A short build may be over before its URL is seen."""
    return bool(record.builds) or Phase.BUSY.value in record.times


def _cause(cause: Cause | None) -> str:
    return cause.word if cause is not None else ""


def _links(snapshot: Snapshot, record: AgentRecord) -> JsonObject:
    """Jenkins's own log of the agent, which goes with its node, and the sandbox in the master's pages: a bare path
    where no master is known.
    """
    jenkins, mesos = (_URL.search(peer.target) for peer in (snapshot.jenkins, snapshot.mesos))
    agent_id, framework_id = record.mesos_agent, snapshot.framework_id
    place = f"/#/agents/{agent_id}/frameworks/{framework_id}/executors/{quote(record.name)}"
    has_node = record.phase not in {Phase.WANTED, Phase.REMOVED}
    return {
        "jenkins_log": f"{jenkins[0].rstrip('/')}/computer/{quote(record.name)}/log" if jenkins and has_node else "",
        "sandbox": f"{mesos[0].rstrip('/') if mesos else ''}{place}" if agent_id and framework_id else "",
    }


def _by_time(record: AgentRecord) -> list[tuple[str, datetime]]:
    order = [phase.value for phase in Phase]
    return sorted(record.times.items(), key=lambda found: (found[1], order.index(found[0]) if found[0] in order else 0))


def _in_order(records: Iterable[AgentRecord]) -> list[AgentRecord]:
    return sorted(records, key=lambda record: (record.template, record.wanted_at, record.name))
