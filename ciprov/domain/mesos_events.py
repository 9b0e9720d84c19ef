"""What a Mesos master tells a framework, and what the driver tells of the connection: frozen records for one queue.

What Mesos itself says stays plain JSON of its v1 API. Nothing in it may be changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from ciprov.foundation.json import JsonObject


@dataclass(frozen=True, slots=True)
class Subscribed:
    """Registered. All offers from before are void, and the master was asked for the state of all tasks it knows.

    `again`: the framework had its id before. `heartbeat_s`: seconds between two signs of life of the master.
    """

    framework_id: str
    master: str
    version: str
    heartbeat_s: float
    again: bool


@dataclass(frozen=True, slots=True)
class Offers:
    offers: tuple[JsonObject, ...]


@dataclass(frozen=True, slots=True)
class Rescinded:
    offer_id: str


@dataclass(frozen=True, slots=True)
class InverseOffers:
    """Agents that are to be emptied for maintenance."""

    offers: tuple[JsonObject, ...]


@dataclass(frozen=True, slots=True)
class InverseRescinded:
    offer_id: str


@dataclass(frozen=True, slots=True)
class Update:
    """The state of a task. With a `uuid` it comes again until it is acknowledged."""

    status: JsonObject

    @property
    def task_id(self) -> str:
        return str(self.status["task_id"]["value"])

    @property
    def state(self) -> str:
        return str(self.status["state"])

    @property
    def wants_acknowledgement(self) -> bool:
        return bool(self.status.get("uuid"))


@dataclass(frozen=True, slots=True)
class OperationUpdate:
    status: JsonObject


@dataclass(frozen=True, slots=True)
class Failure:
    """An agent was lost; with `executor_id`, only that executor ended, with `status` where it is known."""

    agent_id: str
    executor_id: str = ""
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """From an executor; `data` in base64."""

    agent_id: str
    executor_id: str
    data: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The master said something that could not be understood. The driver goes on."""

    what: str


class Loss(StrEnum):
    """Why there is no subscription."""

    CLOSED = "the master closed the connection"
    SILENT = "no sign of life from the master"
    UNREACHABLE = "the master cannot be reached"
    UNAVAILABLE = "the master does not serve"
    REFUSED = "the master refuses"
    UNTRUSTED = "no trust between the master and this side"
    NO_LEADER = "no leading master is known"
    LEADER_CHANGED = "another master leads"
    GARBLED = "what came was not understood"


@dataclass(frozen=True, slots=True)
class Disconnected:
    """No subscription; it is tried again in `retry_s` seconds. `was_subscribed`: offers were lost with it."""

    loss: Loss
    reason: str
    retry_s: float
    was_subscribed: bool


@dataclass(frozen=True, slots=True)
class CallLost:
    """A call that is not tried any more. Where it is `perhaps_done`, only the state of the tasks will tell."""

    type: str
    detail: JsonObject
    reason: str
    perhaps_done: bool
    ids: tuple[str, ...] = field(default=())
    """Of the offers in an ACCEPT or DECLINE, or of the task in a KILL or ACKNOWLEDGE."""


class End(StrEnum):
    """Why a driver stopped for good."""

    ASKED = "asked to stop"
    TORN_DOWN = "the framework was torn down as asked"
    REMOVED = "the master does not know the framework any more"
    FAILED_OVER = "another scheduler took the framework over"
    REFUSED = "the master refused the framework"
    UNTRUSTED = "no trust between the master and this side"
    ERROR = "the master reported an error"


@dataclass(frozen=True, slots=True)
class Stopped:
    """The last event. The tasks run on, except after `REMOVED` and `TORN_DOWN`. `way_out` is for people."""

    end: End
    reason: str
    way_out: str = ""


MesosEvent = (
    Subscribed
    | Offers
    | Rescinded
    | InverseOffers
    | InverseRescinded
    | Update
    | OperationUpdate
    | Failure
    | Message
    | Unreadable
    | Disconnected
    | CallLost
    | Stopped
)
