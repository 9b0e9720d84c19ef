"""What Mesos tells of a task: the status in an UPDATE event of the v1 scheduler API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ciprov.foundation.errors import CiprovError
from ciprov.foundation.json import JsonObject
from ciprov.framework.ledger.transitions import Seen

SEEN: Mapping[str, Seen] = {
    "TASK_STAGING": Seen.STAGING,
    "TASK_STARTING": Seen.STARTING,
    "TASK_RUNNING": Seen.RUNNING,
    "TASK_KILLING": Seen.KILLING,
    "TASK_UNREACHABLE": Seen.UNREACHABLE,
    "TASK_UNKNOWN": Seen.UNKNOWN,
    "TASK_FINISHED": Seen.ENDED,
    "TASK_FAILED": Seen.ENDED,
    "TASK_KILLED": Seen.ENDED,
    "TASK_ERROR": Seen.ENDED,
    "TASK_LOST": Seen.ENDED,
    "TASK_DROPPED": Seen.ENDED,
    "TASK_GONE": Seen.ENDED,
    "TASK_GONE_BY_OPERATOR": Seen.ENDED,
}

CERTAIN = frozenset({"TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR"})
"""After these nothing of the task is left. After any other end it may turn up again."""


class StatusUnreadable(CiprovError):
    """An update that is not as Mesos makes them."""


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """`state`, `reason` and `source` are Mesos' own names. `uuid` is empty where nothing is to be acknowledged.

    `agent_id` may be empty. `reconciled`: it is an answer to reconciliation, nothing new.
    """

    task_id: str
    state: str
    agent_id: str = ""
    uuid: str = ""
    reason: str = ""
    message: str = ""
    source: str = ""

    @property
    def seen(self) -> Seen:
        return SEEN[self.state]

    @property
    def reconciled(self) -> bool:
        return self.reason == "REASON_RECONCILIATION"


def parse_status(status: JsonObject) -> TaskStatus:
    """`update.status` of an UPDATE event; raises `StatusUnreadable`."""
    try:
        result = TaskStatus(
            task_id=status["task_id"]["value"],
            state=status["state"],
            agent_id=status.get("agent_id", {}).get("value", ""),
            uuid=status.get("uuid", ""),
            reason=status.get("reason", ""),
            message=status.get("message", ""),
            source=status.get("source", ""),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise StatusUnreadable(f"a status update cannot be read: {error!r}", place="Mesos master") from error
    if not all(isinstance(getattr(result, name), str) for name in TaskStatus.__slots__):
        raise StatusUnreadable("a status update cannot be read: a text is expected", place="Mesos master")
    if result.state not in SEEN:
        raise StatusUnreadable(
            f"task {result.task_id} is in the state {result.state}, which is not known",
            place="Mesos master",
            way_out="Is this a Mesos master of a version up to 1.11?",
        )
    return result
