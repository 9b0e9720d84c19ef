"""What the HTTP routes ask of the engine. All of it runs on the daemon's one event loop, so reads are consistent."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.group import Group
from ciprov.localcluster.model import Action, Agent, Instance, Resources, Step, TaskFailure

TreeChange = Callable[[Group, str], Group]
"""`(current root, version of this change) -> new root`; pure; raises the errors of `definitions.errors`."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A change that became a deployment."""

    deployment_id: str
    version: str


@dataclass(frozen=True, slots=True)
class DeploymentView:
    """A running deployment as `GET /v2/deployments` shows it."""

    id: str
    version: str
    affected_apps: tuple[str, ...]
    steps: tuple[Step, ...]
    current_actions: tuple[Action, ...]
    current_step: int
    readiness: Mapping[str, Sequence[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """An app with instances waiting for launch. `rejects` counts reasons over the latest offers, in funnel order."""

    app: App
    count: int
    since: datetime
    delay_seconds: float
    overdue: bool
    processed: int
    unused: int
    last_unused_at: datetime | None
    last_used_at: datetime | None
    rejects_last: Sequence[tuple[str, int, int]]
    """`(reason, declined, processed)` for `rejectSummaryLastOffers`, all reasons of the funnel in order."""
    rejects_attempt: Sequence[tuple[str, int, int]]
    refusals: Mapping[str, str] = field(default_factory=dict)
    """Why each agent refused lastly: agent id -> reason."""


class Locked(Exception):
    """A change touches apps under deployment. `deployment_ids` hold the lock."""

    def __init__(self, deployment_ids: Sequence[str]) -> None:
        super().__init__(", ".join(deployment_ids))
        self.deployment_ids = tuple(deployment_ids)


class Events(Protocol):
    """The event bus. `subscribe` gives a bounded queue-like async iterator and is closed by `unsubscribe`."""

    def publish(self, event_type: str, fields: Mapping[str, Any]) -> None: ...

    def published(self, event_type: str, condition: str = "") -> int:
        """How many events of a type there were since the start; `condition` is that of the event, if it has one."""
        ...


class Engine(Protocol):
    """The embedded cluster behind the API."""

    @property
    def events(self) -> Events: ...
    @property
    def root(self) -> Group: ...
    @property
    def agents(self) -> Sequence[Agent]: ...
    def change(self, change: TreeChange, *, force: bool, group_id: str, restart: Collection[str] = ()) -> Accepted:
        """Apply a tree change and start its deployment; `restart` names apps to restart though nothing changed.

        `group_id` is for `group_change_success/failed`. Raises `Locked` or whatever `change` raises.
        """
        ...

    def instances(self, app_id: str | None = None) -> Sequence[Instance]: ...
    def strays(self) -> Sequence[Instance]:
        """Those that were forgotten while their tasks could not be reached, which may still run."""
        ...

    def held_by_frameworks(self) -> Mapping[str, Resources]:
        """What tasks of frameworks beside Marathon hold, by agent id."""
        ...

    def last_failure(self, app_id: str) -> TaskFailure | None: ...
    def app_versions(self, app_id: str) -> Sequence[str]:
        """Newest first."""
        ...

    def app_version(self, app_id: str, version: str) -> App | None: ...
    def group_versions(self, group_id: str) -> Sequence[str]: ...
    def group_version(self, group_id: str, version: str) -> Group | None: ...
    def deployments(self) -> Sequence[DeploymentView]: ...
    def cancel(self, deployment_id: str, *, force: bool) -> Accepted | None:
        """None with `force` (cancelled only); raises KeyError if it is not running."""
        ...

    def kill(self, instance_ids: Collection[str], *, wipe: bool) -> None:
        """A plain kill: no deployment, no lock; the instances are replaced without delay."""
        ...

    def scale_down(self, instance_ids: Collection[str], *, force: bool) -> Accepted:
        """Kill these instances and lower their apps' counts, as one deployment."""
        ...

    def queue(self) -> Sequence[QueueEntry]: ...
    def reset_delay(self, app_id: str) -> bool:
        """False where the app has nothing queued."""
        ...
