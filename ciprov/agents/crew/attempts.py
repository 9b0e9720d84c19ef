"""What failed of a template, and until when it is left alone.

A wave of agents that fails is one attempt, however many it was: what was launched before the last failure was noticed
does not count again. Between attempts the template waits, twice as long each time, and then one agent alone is tried.
After `Limits.attempts` failures of one kind it pauses; after a pause it gets one attempt before the next one. The first
success makes all of it forgotten.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from ciprov.agents.crew.ways_out import way_out
from ciprov.agents.record import AgentRecord, Cause, Phase
from ciprov.agents.template import Limits
from ciprov.agents.view.snapshot import Pause
from ciprov.foundation.clock import for_people
from ciprov.foundation.json import JsonObject
from ciprov.foundation.shortening import shortened

_LONGEST_DETAIL = 600
_BEGUN_BY_LAUNCH = frozenset({Cause.TASK_FAILED, Cause.NOT_CONNECTED})


@dataclass(frozen=True, slots=True)
class Trouble:
    """Of a template that failed and has not succeeded since. `counts` are its failures by cause.

    `cause`, `detail` and `agent`, its name, are the last failure's, which was noticed at `at`. It is not tried again
    before `until`; `final`: because it pauses.
    """

    cause: str
    detail: str
    at: datetime
    until: datetime
    counts: Mapping[str, int] = field(default_factory=dict)
    final: bool = False
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Attempts:
    """By template; what is not in here never failed, or succeeded since."""

    troubles: Mapping[str, Trouble] = field(default_factory=dict)


def failed(attempts: Attempts, record: AgentRecord, limits: Limits, now: datetime) -> Attempts:
    """For each agent that ended for one of `record.FAILURES`. `limits` are those of its template."""
    before = attempts.troubles.get(record.template)
    if record.cause is None or (before is not None and _is_of_an_earlier_attempt(record, before, now)):
        return attempts
    counts = Counter(before.counts if before is not None else {})
    counts[record.cause.value] += 1
    final = counts[record.cause.value] >= limits.attempts or (before is not None and before.final)
    wait_s = limits.pause_s if final else min(limits.retry_s * 2.0 ** (counts.total() - 1), limits.pause_s)
    trouble = Trouble(
        record.cause.value,
        shortened(record.detail, _LONGEST_DETAIL),
        now,
        now + timedelta(seconds=wait_s),
        dict(counts),
        final,
        record.name,
    )
    return Attempts({**attempts.troubles, record.template: trouble})


def succeeded(attempts: Attempts, template: str) -> Attempts:
    """An agent of the template came online, or was given a build."""
    return retained(attempts, attempts.troubles.keys() - {template})


def resumed(attempts: Attempts, template: str) -> Attempts:
    """It may be tried at once and has all its attempts again, each with one agent until it succeeds."""
    trouble = attempts.troubles.get(template)
    if trouble is None:
        return attempts
    again = replace(trouble, until=trouble.at, counts={}, final=False)
    return Attempts({**attempts.troubles, template: again})


def retained(attempts: Attempts, templates: Collection[str]) -> Attempts:
    """Without what is known of other templates."""
    kept = {name: trouble for name, trouble in attempts.troubles.items() if name in templates}
    return attempts if len(kept) == len(attempts.troubles) else Attempts(kept)


def pauses(attempts: Attempts, now: datetime) -> Mapping[str, Pause]:
    """By template: those that are not tried now."""
    return {
        name: Pause(
            name,
            trouble.cause,
            trouble.detail,
            sum(trouble.counts.values()),
            trouble.until,
            trouble.final,
            trouble.agent,
        )
        for name, trouble in attempts.troubles.items()
        if now < trouble.until
    }


def probed(attempts: Attempts) -> frozenset[str]:
    """Templates of which one agent alone is tried at a time, as they failed and did not succeed since."""
    return frozenset(attempts.troubles)


def told(pause: Pause) -> str:
    """One sentence for people: the template, what failed, what becomes of it, and what to do."""
    if pause.final:
        return f"{why(pause)}; {way_out(pause)}, then run `ciprov agents resume {pause.template}`"
    return f"{why(pause)}; if it goes on, {way_out(pause)}"


def why(pause: Pause) -> str:
    """The same without what to do."""
    cause = f"{pause.cause} ({pause.detail})" if pause.detail else pause.cause
    times = "once" if pause.failures == 1 else f"{pause.failures} times in a row"
    until = for_people(pause.until)
    if pause.final:
        return f"template {pause.template} is paused until {until}, as it failed {times}, at last: {cause}"
    return f"template {pause.template} failed {times}: {cause}; it is tried again at {until}"


def encode(attempts: Attempts) -> JsonObject:
    """For a store."""
    return {
        name: {
            "cause": trouble.cause,
            "detail": trouble.detail,
            "at": trouble.at.isoformat(),
            "until": trouble.until.isoformat(),
            "counts": dict(trouble.counts),
            "final": trouble.final,
            "agent": trouble.agent,
        }
        for name, trouble in attempts.troubles.items()
    }


def decode(document: JsonObject) -> Attempts:
    """From a store; nothing failed where it is empty. Raises ValueError or KeyError for what `encode` never wrote."""
    return Attempts(
        {
            name: Trouble(
                str(each["cause"]),
                str(each["detail"]),
                datetime.fromisoformat(each["at"]),
                datetime.fromisoformat(each["until"]),
                {str(cause): int(count) for cause, count in each["counts"].items()},
                bool(each["final"]),
                str(each.get("agent", "")),
            )
            for name, each in document.items()
        }
    )


def _is_of_an_earlier_attempt(record: AgentRecord, before: Trouble, now: datetime) -> bool:
    if record.cause in _BEGUN_BY_LAUNCH or Phase.LAUNCHED.value in record.times:
        return record.times.get(Phase.LAUNCHED.value, record.wanted_at) <= before.at
    # While the template waits nothing of it is begun; afterwards one that was held back until then may be.
    return now < before.until
