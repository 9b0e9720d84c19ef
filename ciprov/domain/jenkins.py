"""What the rooms need to know of Jenkins: its queue, its nodes, and its refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ciprov.foundation.errors import CiprovError


class Stage(StrEnum):
    """Where an item of the queue stands. PENDING has its executor already; OTHER is a kind that we do not know."""

    WAITING = "waiting"
    BLOCKED = "blocked"
    BUILDABLE = "buildable"
    PENDING = "pending"
    LEFT = "left"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class QueueItem:
    """`task_class` is the Java class of what is to run. `label` is the job's own label expression, empty for a job
    without one, and None where Jenkins tells none, as for a pipeline, whose label stands only in `why`. `starts_at` is
    the end of the quiet period. `concurrent` is whether several builds of the job may run at once.
    """

    id: int
    stage: Stage
    why: str = ""
    label: str | None = None
    task_class: str = ""
    task_name: str = ""
    task_url: str = ""
    since: datetime | None = None
    starts_at: datetime | None = None
    buildable_since: datetime | None = None
    stuck: bool = False
    concurrent: bool = False
    params: str = ""


@dataclass(frozen=True, slots=True)
class Build:
    """A build that occupies an executor."""

    url: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class NodeMark:
    """Says which service made a node, and from which template: without it a node is somebody else's."""

    service: str
    template: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """`labels` hold the node's own name too. `idle` is false while any executor works. `offline` also stands where
    `fenced` does: set offline by hand or by us, with `offline_reason` as the message. `offline_class` is the Java class
    of the cause, empty for a node that never connected. `mark` is None for nodes that are not ours.
    """

    name: str
    labels: frozenset[str] = frozenset()
    description: str = ""
    offline: bool = False
    fenced: bool = False
    idle: bool = True
    executors: int = 1
    idle_executors: int = 0
    builds: tuple[Build, ...] = ()
    offline_class: str = ""
    offline_reason: str = ""
    inbound: bool = False
    built_in: bool = False
    mark: NodeMark | None = None

    @property
    def takes_builds(self) -> bool:
        return not self.offline and not self.fenced


@dataclass(frozen=True, slots=True)
class NewNode:
    """An inbound node with one executor. `work_dir` is a path on the agent's host; `web_socket` is how it connects."""

    name: str
    labels: tuple[str, ...]
    work_dir: str
    template: str = ""
    description: str = ""
    exclusive: bool = True
    web_socket: bool = True


@dataclass(frozen=True, slots=True)
class AgentSecret:
    """What an agent proves its name with. Derived from the name alone: a name used again has the same secret."""

    value: str = field(repr=False)

    def __str__(self) -> str:
        return "***"


@dataclass(frozen=True, slots=True)
class Server:
    """`time` is Jenkins's own clock, to the second. `session` changes whenever Jenkins restarts. `hides_jobs`: it shows
    this user no job at all, though items wait in its queue.
    """

    version: str
    time: datetime | None = None
    session: str = ""
    quieting_down: bool = False
    hides_jobs: bool = False


class Withdrawn(StrEnum):
    """What became of a node that was to get no further build. STARTING: it got an item at the last moment, whose build
    has not begun; it gets no other one.
    """

    FENCED = "fenced"
    STARTING = "starting"
    GONE = "gone"


NEEDED_PERMISSIONS: Mapping[str, str] = {
    "Overall/Read": "ask Jenkins anything",
    "Agent/Create": "create a node",
    "Agent/Configure": "take the labels off a node that is sent away",
    "Agent/Connect": "read the secret of a node",
    "Agent/Disconnect": "set a node offline",
    "Agent/Delete": "take a node away",
}
"""Each with what it is needed for. Job/Read is needed too: without it the queue looks empty, and no call tells that it
lacks, only `Server.hides_jobs` once something waits.
"""


class JenkinsError(CiprovError):
    """Jenkins refused or could not be asked. `status` is the HTTP status, 0 where there was no answer."""

    def __init__(self, message: str, *, status: int = 0, place: str = "", way_out: str = "") -> None:
        super().__init__(message, place=place, way_out=way_out)
        self.status = status


class JenkinsUnavailable(JenkinsError):
    """No connection, a time-out, or a 5xx. A write may or may not have happened: read before repeating.

    `unsent` says that the request certainly did not reach Jenkins.
    """

    unsent = False


class JenkinsRestarting(JenkinsUnavailable):
    """Nothing listens there, or Jenkins says itself that it is starting up. Nothing was done."""

    unsent = True


class JenkinsUntrusted(JenkinsError):
    """TLS failed: no trust in the server's certificate, or none in ours."""


class JenkinsDenied(JenkinsError):
    """401 or 403. `permission` is the missing one where Jenkins names it, such as `Agent/Create`."""

    def __init__(
        self, message: str, *, status: int = 403, permission: str = "", place: str = "", way_out: str = ""
    ) -> None:
        super().__init__(message, status=status, place=place, way_out=way_out)
        self.permission = permission


class JenkinsNotFound(JenkinsError):
    """404."""


class NodeExists(JenkinsError):
    """A node of that name is there already, and it is not the one that was asked for."""


class NotOurNode(JenkinsError):
    """The node does not bear our mark, so it is left alone."""
