"""Tasks that end by themselves without a failure: started again with back-off, but kept nowhere."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ciprov.environments.diagnosis.causes import back_off_left, in_back_off
from ciprov.environments.diagnosis.ends_of_tasks import current_failure
from ciprov.foundation.json import JsonObject


@dataclass(frozen=True, slots=True)
class Ends:
    """What two traces have shown so far: tasks that are gone though nobody killed them, and a back-off that began anew.

    A poll may miss either: a quick task starts and ends between two polls, and so does a short back-off. `known` are
    the tasks of the last poll that saw any, `left` the seconds of back-off left at the last poll (None: no back-off).
    """

    vanished: int = 0
    delays: int = 0
    known: frozenset[str] = frozenset()
    left: float | None = None

    @property
    def count(self) -> int:
        return max(self.vanished, self.delays)

    def forgotten(self) -> Ends:
        return replace(self, vanished=0, delays=0)


NO_ENDS = Ends()


def after(before: Ends, app: JsonObject, queued: JsonObject | None) -> Ends:
    """What another poll adds. Where the present definition has a failure, failures are what counts."""
    left = back_off_left(queued) if in_back_off(queued) else None
    if "tasks" not in app:
        return replace(before, left=left)
    known = _living(app)
    if current_failure(app) is not None:
        return Ends(known=known, left=left)
    began = left is not None and (before.left is None or left > before.left)
    # A task that is not started again was taken away.
    gone = len(before.known - known) if queued or known - before.known else 0
    delays = before.delays + began
    # Kills cause no back-off: without any, somebody replaces tasks.
    return Ends(before.vanished + gone if delays else 0, delays, known, left)


def _living(app: JsonObject) -> frozenset[str]:
    since = (app.get("versionInfo") or {}).get("lastConfigChangeAt") or ""
    return frozenset(
        str(task.get("id"))
        for task in app.get("tasks") or []
        if str(task.get("version") or since) >= since and task.get("state") in _PRESENT
    )


_PRESENT = ("TASK_STAGING", "TASK_STARTING", "TASK_RUNNING", None)
