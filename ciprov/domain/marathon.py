"""What the rooms need to know of Marathon: its refusals, and references to what it is doing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ciprov.foundation.errors import CiprovError
from ciprov.foundation.json import JsonObject


@dataclass(frozen=True, slots=True)
class DeploymentRef:
    """A deployment that Marathon accepted: poll its id until it is no longer listed."""

    id: str
    version: str


STREAM_OPENED = "ciprov_stream_opened"
STREAM_LOST = "ciprov_stream_lost"
"""Types of events that only come to those who ask for them by name: whether events are heard by now, or missed."""


@dataclass(frozen=True, slots=True)
class MarathonEvent:
    """One event of `/v2/events`. A hint only: lost, repeated or reordered events must change nothing but delay."""

    type: str
    data: JsonObject = field(default_factory=dict)


class MarathonError(CiprovError):
    """Marathon refused or could not be asked. `status` is the HTTP status, 0 where there was no answer."""

    def __init__(self, message: str, *, status: int = 0, place: str = "", way_out: str = "") -> None:
        super().__init__(message, place=place, way_out=way_out)
        self.status = status


class MarathonUnavailable(MarathonError):
    """No leader, no connection, a time-out, or a 5xx. A write may or may not have happened: read before repeating."""


class MarathonUntrusted(MarathonError):
    """TLS failed: no trust in the server's certificate, or none in ours."""


class MarathonDenied(MarathonError):
    """401 or 403: wrong or missing credentials, or no permission."""


class MarathonNotFound(MarathonError):
    """404."""


class MarathonInvalid(MarathonError):
    """400 or 422. `details` are `(path, message)` pairs as Marathon gave them."""

    def __init__(
        self, message: str, *, status: int = 422, details: Sequence[tuple[str, str]] = (), place: str = ""
    ) -> None:
        super().__init__(message, status=status, place=place)
        self.details = tuple(details)


class MarathonConflict(MarathonError):
    """409. `deployment_ids` are those that hold the lock; empty where the id exists already."""

    def __init__(self, message: str, *, deployment_ids: Sequence[str] = (), place: str = "") -> None:
        super().__init__(message, status=409, place=place)
        self.deployment_ids = tuple(deployment_ids)
