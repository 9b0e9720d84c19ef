"""How an environment stands: what is recorded and what is live, in one record."""

from __future__ import annotations

from dataclasses import dataclass

from ciprov.domain.environment import Endpoint, EnvironmentRecord
from ciprov.environments.diagnosis import Diagnosis
from ciprov.environments.progress import AppState
from ciprov.foundation.errors import CiprovError
from ciprov.foundation.json import JsonObject


class NoSuchEnvironment(CiprovError):
    """Neither a record nor a group is there."""


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """One task; `ports` are its host ports in the order of the definition."""

    id: str
    host: str
    agent_id: str
    state: str
    ports: tuple[int, ...] = ()
    healthy: bool | None = None
    started_at: str = ""

    def to_json(self) -> JsonObject:
        return {
            "id": self.id,
            "host": self.host,
            "agent_id": self.agent_id,
            "state": self.state,
            "ports": list(self.ports),
            "healthy": self.healthy,
            "started_at": self.started_at,
        }


@dataclass(frozen=True, slots=True)
class AppStatus:
    """One app; `app` is relative to the group. `detail`: why it is not healthy; `drift`: what was changed outside."""

    app: str
    app_id: str
    state: AppState
    ready: int
    wanted: int
    detail: str = ""
    drift: str = ""
    last_failure: str = ""
    tasks: tuple[TaskStatus, ...] = ()

    def to_json(self) -> JsonObject:
        return {
            "app": self.app,
            "id": self.app_id,
            "state": self.state.value,
            "ready": self.ready,
            "wanted": self.wanted,
            "detail": self.detail,
            "drift": self.drift,
            "last_failure": self.last_failure,
            "tasks": [task.to_json() for task in self.tasks],
        }


@dataclass(frozen=True, slots=True)
class EnvironmentStatus:
    """`record` is None for a group that carries our labels but of which no record is left.

    `cut_short`: the record's operation has not ended, and nobody is at it. `diagnoses` are of the apps that are not
    ready now, `last_failure` why the last operation failed or was refused.
    """

    name: str
    group_path: str
    target: str
    record: EnvironmentRecord | None
    apps: tuple[AppStatus, ...]
    endpoints: tuple[Endpoint, ...] = ()
    front_url: str = ""
    cut_short: bool = False
    diagnoses: tuple[Diagnosis, ...] = ()
    last_failure: tuple[Diagnosis, ...] = ()

    @property
    def healthy(self) -> bool:
        return all(app.state in (AppState.HEALTHY, AppState.ASLEEP) for app in self.apps)


@dataclass(frozen=True, slots=True)
class EnvironmentSummary:
    """One line of a list. `ready_apps` of `apps`, which include those that somebody took away, are healthy or asleep;
    `expired`: it has outlived its time.
    """

    record: EnvironmentRecord
    apps: int
    ready_apps: int
    expired: bool = False
