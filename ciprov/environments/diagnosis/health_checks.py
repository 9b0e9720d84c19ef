"""What a failing health check says about the app."""

from __future__ import annotations

import re

from ciprov.environments.current import current_tasks
from ciprov.environments.diagnosis.cause import Cause
from ciprov.environments.diagnosis.kinds import Kind
from ciprov.foundation.json import JsonObject

_ANSWER = re.compile(r"\b([345]\d\d)\b")
_CLOSED = re.compile(
    r"refused|connection attempt .*failed|ConnectionAttemptFailed|no route to host|nothing listens", re.I
)
_SLOW = re.compile(r"time[d ]*out|no answer within|has not returned after|AskTimeout", re.I)


def health_of(app: JsonObject) -> Cause | None:
    """Why tasks of the present definition are not healthy. None where they are, where none runs or none is checked."""
    checks = len(app.get("healthChecks") or [])
    tasks = current_tasks(app)
    waiting = [task for task in tasks if not _healthy(task, checks)]
    if not checks or not waiting:
        return None
    for task in waiting:
        for index, result in enumerate(task.get("healthCheckResults") or []):
            if not result.get("alive") and result.get("lastFailureCause"):
                failed = result.get("consecutiveFailures") or 0
                evidence = (
                    (f"task {task.get('id')} on {task.get('host')}: {failed} failures in a row",) if failed else ()
                )
                return health_cause(app, str(result["lastFailureCause"]), evidence, index)
    grace = max(int(check.get("gracePeriodSeconds") or 0) for check in app["healthChecks"])
    # Marathon itself keeps no failure from before the end of the grace period.
    later = f"; failures show after the grace period of {grace} s" if grace else ""
    return Cause(Kind.HEALTH_SILENT, f"no health check has passed yet{later}")


def health_cause(app: JsonObject, said: str, evidence: tuple[str, ...] = (), index: int = 0) -> Cause:
    """`said` is what the check at `index` of the app's `healthChecks` gave as its cause."""
    checks = app.get("healthChecks") or [{}]
    check = checks[index] if index < len(checks) else checks[0]
    protocol = str(check.get("protocol") or "HTTP").upper().removeprefix("MESOS_")
    what = f"health check {protocol} {check.get('path') or '/'}" if protocol.startswith("HTTP") else f"{protocol} check"
    line = said.splitlines()[0] if said else "no cause given"
    text = f"{what}: {line}"
    answer = _ANSWER.search(line) if protocol.startswith("HTTP") else None
    if answer and answer[1] in ("404", "405", "410"):
        return Cause(Kind.HEALTH_PATH_WRONG, text, evidence)
    if answer and answer[1][0] in "345":
        return Cause(Kind.HEALTH_FAILING, text, evidence)
    if _CLOSED.search(line):
        return Cause(Kind.HEALTH_PORT_CLOSED, text, evidence)
    return Cause(Kind.HEALTH_TIMED_OUT if _SLOW.search(line) else Kind.HEALTH_FAILING, text, evidence)


def _healthy(task: JsonObject, checks: int) -> bool:
    results = task.get("healthCheckResults") or []
    return len(results) >= checks and all(result.get("alive") for result in results)
