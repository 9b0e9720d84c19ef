"""Tasks that are to die. A KILL that Mesos accepts may still be lost: right after a master has started, or while an
agent is away, the master does not know the task. So it is sent again when the master says that the task lives. Pure.
"""

from __future__ import annotations

from ciprov.clients.mesos_scheduler.outbox import Call
from ciprov.domain.mesos_events import Update

_ENDS = frozenset(
    f"TASK_{end}" for end in ("FINISHED", "FAILED", "KILLED", "ERROR", "LOST", "DROPPED", "GONE", "GONE_BY_OPERATOR")
)
_LIVES = frozenset({"TASK_STAGING", "TASK_STARTING", "TASK_RUNNING"})
_MOST = 10_000


class Kills:
    def __init__(self) -> None:
        self._ordered: dict[str, Call] = {}

    def order(self, call: Call) -> None:
        self._ordered[call.ids[0]] = call
        if len(self._ordered) > _MOST:  # ends that are never reported must not fill the memory
            del self._ordered[next(iter(self._ordered))]

    def heard(self, update: Update) -> Call | None:
        """The KILL to send again, if so. Only the master's own word counts: an executor's may be from before."""
        call = self._ordered.get(update.task_id)
        if call is not None and update.state in _ENDS:
            del self._ordered[update.task_id]
        lives = update.state in _LIVES and update.status.get("source") == "SOURCE_MASTER"
        return call if lives else None
