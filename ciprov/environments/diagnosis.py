"""Why an app does not become healthy, told in plain words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ciprov.environments.fixed_ports import fixed_host_ports
from ciprov.environments.ports import Agents
from ciprov.foundation.json import JsonObject

STDERR_BYTES = 2000
_HIDDEN = "(hidden)"

ENDED = "its command ended by itself with status 0"

_ENDS: Mapping[str, str] = {
    "failed": "failed",
    "error": "could not be run",
    "killed": "was killed",
    "finished": "ended",
    "lost": "was lost",
    "dropped": "was dropped",
    "gone": "was lost with its agent",
}

_REJECTED: Mapping[str, str] = {
    "UnfulfilledRole": "no offer is for its role",
    "UnfulfilledConstraint": "no agent satisfies its constraints",
    "NoCorrespondingReservationFound": "its reserved resources are on no agent that offers any",
    "AgentMaintenance": "the agents are about to be maintained",
    "InsufficientCpus": "no agent has enough cpus free",
    "InsufficientMemory": "no agent has enough memory free",
    "InsufficientDisk": "no agent has enough disk free",
    "InsufficientGpus": "no agent has enough gpus free",
    "InsufficientPorts": "no agent has its ports free",
    "DeclinedScarceResources": "the agents left have scarce resources that it does not ask for",
}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`reason` is the verdict, `waiting_for` the queue's reason, `last_failure` the last task failure of the app.

    `stderr` is the end of what its last task wrote.
    """

    app_id: str
    reason: str
    waiting_for: str = ""
    last_failure: str = ""
    stderr: str = ""

    def __str__(self) -> str:
        lines = [f"{self.app_id}: {self.reason}"]
        if self.waiting_for and self.waiting_for not in self.reason:
            lines.append(f"  waiting: {self.waiting_for}")
        if self.last_failure and self.last_failure not in self.reason:
            lines.append(f"  last failure: {self.last_failure}")
        if self.stderr:
            lines.append("  end of its stderr:")
            lines += [f"    | {line}" for line in self.stderr.splitlines()]
        return "\n".join(lines)

    def to_json(self) -> JsonObject:
        return {
            "id": self.app_id,
            "reason": self.reason,
            "waiting_for": self.waiting_for,
            "last_failure": self.last_failure,
            "stderr": self.stderr,
        }


def diagnose(
    app: JsonObject, queued: JsonObject | None, reason: str, agents: Agents, secrets: Collection[str] = ()
) -> Diagnosis:
    """`app` as Marathon answers it with its tasks, `queued` its entry in the queue if it has one.

    Reads the end of stderr of the task that failed last, else of one that runs; what cannot be read is left out. What
    failed under an earlier definition explains nothing.
    """
    failure = current_failure(app) or {}
    task_id, agent_id = failure.get("taskId"), failure.get("slaveId")
    if not task_id:
        running = [task for task in app.get("tasks") or [] if task.get("slaveId")]
        task_id, agent_id = (running[-1].get("id"), running[-1].get("slaveId")) if running else (None, None)
    stderr = agents.sandbox_tail(agent_id, task_id, "stderr", STDERR_BYTES) if task_id and agent_id else None
    return Diagnosis(
        app_id=str(app.get("id", "")),
        reason=hidden(reason, secrets),
        waiting_for=explain_queue(queued, app) if queued and not in_back_off(queued) else "",
        last_failure=hidden(explain_failure(failure), secrets),
        stderr=hidden((stderr or "").strip("\n"), secrets),
    )


def current_failure(app: JsonObject) -> JsonObject | None:
    """The last failure of a task of the app's present definition."""
    failure: JsonObject | None = app.get("lastTaskFailure")
    since = (app.get("versionInfo") or {}).get("lastConfigChangeAt") or ""
    return failure if failure and str(failure.get("version") or since) >= since else None


def explain_failure(failure: JsonObject | None) -> str:
    """`lastTaskFailure` in one line; empty where there is none."""
    if not failure:
        return ""
    state = str(failure.get("state", "")).removeprefix("TASK_").lower()
    state = _ENDS.get(state, f"ended as {state}")
    message = str(failure.get("message") or "").strip() or "no message"
    where = f" on {failure['host']}" if failure.get("host") else ""
    when = f" at {failure['timestamp']}" if failure.get("timestamp") else ""
    return f"{state}{where}{when}: {message}"


def explain_queue(queued: JsonObject, app: JsonObject) -> str:
    """Why instances of `app` wait for launch."""
    if in_back_off(queued):
        # Marathon keeps no failure of a command that ends with status 0.
        ended = "tasks" in app and current_failure(app) is None
        return (
            f"{f'{ENDED}; back-off' if ended else 'back-off after failures'}, next try in {back_off_left(queued):.0f} s"
        )
    return explain_rejections(queued, app) or "resources: no offer was looked at yet"


def in_back_off(queued: JsonObject | None) -> bool:
    """Whether launches of an app are held back because its tasks ended by themselves."""
    return ((queued or {}).get("delay") or {}).get("overdue") is False


def back_off_left(queued: JsonObject | None) -> float:
    """Seconds."""
    return float(((queued or {}).get("delay") or {}).get("timeLeftSeconds") or 0)


def explain_rejections(queued: JsonObject, app: JsonObject) -> str:
    """Why the last offers did not do; empty where none was looked at."""
    reasons = _rejections(queued)
    if not reasons:
        return ""
    ports = ", ".join(map(str, fixed_host_ports(app)))
    words = []
    for reason in reasons:
        text = _REJECTED.get(reason, reason)
        words.append(f"{text} ({ports})" if reason == "InsufficientPorts" and ports else text)
    return "resources: " + "; ".join(words)


def _rejections(queued: JsonObject) -> list[str]:
    """The reasons of the last offers that were declined, else of this launch attempt."""
    summary = queued.get("processedOffersSummary") or {}
    for key in ("rejectSummaryLastOffers", "rejectSummaryLaunchAttempt"):
        reasons = [str(one.get("reason")) for one in summary.get(key) or [] if one.get("declined")]
        if reasons:
            return reasons
    return []


def hidden(text: str, secrets: Collection[str]) -> str:
    """`text` with every secret in it replaced, longer ones first, as one may be part of another."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return text
