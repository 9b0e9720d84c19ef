"""One task in the ledger, and its form in a store."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ciprov.foundation.json import JsonObject
from ciprov.framework.ledger.transitions import TRANSITIONS, Seen, TaskState
from ciprov.framework.offers import Attributes
from ciprov.framework.resources import Amounts
from ciprov.framework.state import PlacedTask


@dataclass(frozen=True, slots=True)
class Entry:
    """`since` is when it came into `state`. `outcome` is how it ended: a state of Mesos such as TASK_FINISHED, or one
    of ours (see `book`); `reason` and `message` are what was told with it. `certain`: nothing of it is left for sure.
    `stop_since` is when it was asked to end, `kills` how often Mesos was told, `killed_at` when last.
    """

    task_id: str
    request_id: str
    label: str
    agent_id: str
    hostname: str
    role: str
    amounts: Amounts
    intended_at: datetime
    since: datetime
    offer_ids: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    attributes: Attributes = field(default_factory=dict)
    state: TaskState = TaskState.INTENDED
    outcome: str = ""
    reason: str = ""
    message: str = ""
    certain: bool = False
    stop_since: datetime | None = None
    kills: int = 0
    killed_at: datetime | None = None

    @property
    def ended(self) -> bool:
        return self.state is TaskState.ENDED

    @property
    def placed(self) -> PlacedTask:
        """For the state of a decision."""
        return PlacedTask(
            self.task_id, self.request_id, self.label, self.agent_id, self.hostname, self.amounts, self.attributes
        )

    def after(self, seen: Seen, now: datetime) -> Entry:
        """What the table says. Nothing else than the state and its time changes."""
        state = TRANSITIONS[self.state][seen]
        return self if state is self.state else replace(self, state=state, since=now)


_TEXTS = ("task_id", "request_id", "label", "agent_id", "hostname", "role", "outcome", "reason", "message")
_TIMES = ("intended_at", "since", "stop_since", "killed_at")


def encode(entry: Entry) -> JsonObject:
    """For a store."""
    times = {name: moment.isoformat() for name in _TIMES if (moment := getattr(entry, name)) is not None}
    return {
        **{name: getattr(entry, name) for name in _TEXTS},
        **times,
        "amounts": list(entry.amounts),
        "offer_ids": list(entry.offer_ids),
        "ports": list(entry.ports),
        "attributes": {name: list(values) for name, values in entry.attributes.items()},
        "state": entry.state.value,
        "certain": entry.certain,
        "kills": entry.kills,
    }


def decode(document: JsonObject) -> Entry:
    """What `encode` made."""
    times: dict[str, Any] = {name: datetime.fromisoformat(document[name]) for name in _TIMES if name in document}
    return Entry(
        **{name: document[name] for name in _TEXTS},
        **times,
        amounts=Amounts(*document["amounts"]),
        offer_ids=tuple(document["offer_ids"]),
        ports=tuple(document["ports"]),
        attributes={name: tuple(values) for name, values in document["attributes"].items()},
        state=TaskState(document["state"]),
        certain=document["certain"],
        kills=document["kills"],
    )
