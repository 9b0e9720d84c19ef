"""What the service tells while it works: for logs and metrics, which follow from it alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class What(StrEnum):
    """One word for each kind of thing that happens."""

    STARTED = "started"
    STOPPED = "stopped"
    RELOADED = "reloaded"
    JENKINS_LOST = "jenkins lost"
    JENKINS_BACK = "jenkins back"
    MESOS_LOST = "mesos lost"
    MESOS_BACK = "mesos back"
    WANTED = "agent wanted"
    NODE_CREATED = "node created"
    LAUNCHED = "launched"
    CONNECTING = "connecting"
    ONLINE = "online"
    BUSY = "busy"
    FENCED = "fenced"
    ENDED = "ended"
    REMOVED = "removed"
    LEAKED = "second build on an agent"
    ATTEMPT_FAILED = "attempt failed"
    PAUSED = "template paused"
    RESUMED = "template resumed"
    SWEPT = "swept"
    REFUSED = "refused"
    FAULT = "fault"


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Happening:
    """`text` is one line for people, without secrets. `agent` is the name of the agent, its node and its task.

    `mesos_agent` and `offers` are ids of Mesos. `seconds` are times that were measured just then, by name, such as
    `queue_to_accept`, `accept_to_online`, `online_to_busy`.
    """

    what: What
    text: str
    severity: Severity = Severity.INFO
    agent: str = ""
    template: str = ""
    cause: str = ""
    mesos_agent: str = ""
    host: str = ""
    offers: tuple[str, ...] = ()
    item: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)


Tell = Callable[[Happening], None]
"""Must neither wait nor fail."""
