"""What is kept of one agent, from when it is wanted until it is gone, and its form in a store.

One name for all: the node in Jenkins, the task in Mesos and the request for it bear the agent's name, which is never
used again. What is secret (the node's secret, the token of its task) is not in here; of the token there is a digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from ciprov.foundation.json import JsonObject


class Phase(StrEnum):
    """Where an agent stands; `lifecycle` says what leads where.

    ONLINE is connected and idle. FENCED takes no further build; the one it has goes on. ENDED is to be taken away,
    which is done when it is REMOVED.
    """

    WANTED = "wanted"
    NODE_CREATED = "node created"
    LAUNCHED = "launched"
    CONNECTING = "connecting"
    ONLINE = "online"
    BUSY = "busy"
    FENCED = "fenced"
    ENDED = "ended"
    REMOVED = "removed"


class Cause(StrEnum):
    """Why an agent ended. The first ones are no failures; `FAILURES` are those that count against its template."""

    DONE = "its build is over"
    IDLE = "no build came"
    SURPLUS = "nothing wants it any more"
    DRAINED = "drained"
    KILLED = "killed by an operator"
    RETIRED = "its template was changed or removed"
    PAUSED = "its template is paused"
    NODE_REFUSED = "Jenkins refused its node"
    NODE_DELETED = "somebody deleted its node"
    TOO_LARGE = "no Mesos agent can take it"
    NOT_LAUNCHED = "it was not launched"
    LAUNCH_LOST = "Mesos lost its task before it connected"
    TASK_FAILED = "its task failed before it connected"
    NOT_CONNECTED = "it did not connect in time"
    TASK_DIED = "its task died"
    HOST_LOST = "its host was lost"
    DISCONNECTED = "it lost its connection and did not come back"

    @property
    def word(self) -> str:
        """For programs: it stays the same."""
        return self.name.lower()


def cause_word(text: str) -> str:
    """The word of a cause that is told by its text; any other text as it is."""
    return _WORDS.get(text, text)


_WORDS = {cause.value: cause.word for cause in Cause}

FAILURES = frozenset({Cause.NODE_REFUSED, Cause.TOO_LARGE, Cause.NOT_LAUNCHED, Cause.TASK_FAILED, Cause.NOT_CONNECTED})


_PROGRESS = {Phase.LAUNCHED: 1, Phase.CONNECTING: 1, Phase.ONLINE: 2}


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """`labels` of its node, without its own name. `item_id` is the item of the queue that it was made for, 0 for a warm
    one or one that was asked for by its `unique_label`. `template_digest` tells whether its template was changed since.

    `times` is when it came into each phase for the first time; `since` when into the present one. `leaving` is why it
    is to go as soon as it surely has no build. `builds` are the URLs of all that were seen on it: more than one is a
    leak.
    `token_digest` is the SHA-256 of its task's token, in hex.
    """

    name: str
    template: str
    labels: tuple[str, ...]
    wanted_at: datetime
    since: datetime
    phase: Phase = Phase.WANTED
    exclusive: bool = True
    item_id: int = 0
    item_since: datetime | None = None
    job: str = ""
    unique_label: str = ""
    template_digest: str = ""
    leaving: Cause | None = None
    cause: Cause | None = None
    detail: str = ""
    mesos_agent: str = ""
    host: str = ""
    builds: tuple[str, ...] = ()
    leaks: int = 0
    offline_since: datetime | None = None
    token_digest: str = ""
    times: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def spent(self) -> bool:
        """Takes no build any more."""
        return self.leaving is not None or self.phase in {Phase.BUSY, Phase.FENCED, Phase.ENDED, Phase.REMOVED}

    @property
    def progress(self) -> int:
        """How far it is on its way; see `asked_labels.Agent`. As rough as the cost of an agent goes, so that it changes
        seldom which ones are kept busy.
        """
        return _PROGRESS.get(self.phase, 0)

    def at(self, phase: Phase, now: datetime) -> AgentRecord:
        return replace(self, phase=phase, since=now, times={phase.value: now, **self.times})


_TEXTS = ("name", "template", "job", "unique_label", "template_digest", "detail", "mesos_agent", "host", "token_digest")
_TIMES = ("wanted_at", "since", "item_since", "offline_since")


def encode(record: AgentRecord) -> JsonObject:
    """For a store."""
    return {
        **{name: getattr(record, name) for name in _TEXTS},
        **{name: moment.isoformat() for name in _TIMES if (moment := getattr(record, name)) is not None},
        "labels": list(record.labels),
        "builds": list(record.builds),
        "phase": record.phase.value,
        "exclusive": record.exclusive,
        "item_id": record.item_id,
        "leaks": record.leaks,
        "leaving": record.leaving.value if record.leaving else "",
        "cause": record.cause.value if record.cause else "",
        "times": {phase: moment.isoformat() for phase, moment in record.times.items()},
    }


def decode(document: JsonObject) -> AgentRecord:
    """From a store. Raises ValueError or KeyError for what `encode` never wrote."""
    given: dict[str, Any] = {name: str(document[name]) for name in _TEXTS}
    given |= {name: datetime.fromisoformat(document[name]) for name in _TIMES if name in document}
    return AgentRecord(
        **given,
        labels=tuple(document["labels"]),
        builds=tuple(document["builds"]),
        phase=Phase(document["phase"]),
        exclusive=bool(document["exclusive"]),
        item_id=int(document["item_id"]),
        leaks=int(document["leaks"]),
        leaving=Cause(document["leaving"]) if document["leaving"] else None,
        cause=Cause(document["cause"]) if document["cause"] else None,
        times={phase: datetime.fromisoformat(moment) for phase, moment in document["times"].items()},
    )
