"""Tasks on agents that cannot be reached."""

from __future__ import annotations

from collections.abc import Sequence

from ciprov.environments.diagnosis.cause import Cause
from ciprov.environments.diagnosis.kinds import Kind
from ciprov.foundation.json import JsonObject


def unreachable_cause(app: JsonObject, slaves: Sequence[JsonObject] | None = None) -> Cause | None:
    """Tasks of `app` whose agent is away, with those agents. `slaves` is the master's list (None: unknown).

    Such a task may still run, and hold its ports, where nobody sees it.
    """
    lost = [task for task in app.get("tasks") or [] if task.get("state") == "TASK_UNREACHABLE"]
    if not lost:
        return None
    hosts = sorted({str(task.get("host") or task.get("slaveId") or "?") for task in lost})
    known = {str(slave.get("id")) for slave in slaves or [] if slave.get("active", True)}
    evidence = [
        f"task {task.get('id')} is TASK_UNREACHABLE on {task.get('host')}"
        + (" (the master does not list its agent)" if slaves is not None and task.get("slaveId") not in known else "")
        for task in lost
    ]
    what = "1 of its tasks" if len(lost) == 1 else f"{len(lost)} of its tasks"
    agents = f"agent {hosts[0]}" if len(hosts) == 1 else f"agents {', '.join(hosts)}"
    return Cause(Kind.UNREACHABLE_AGENT, f"{agents} cannot be reached, with {what}", tuple(evidence))
