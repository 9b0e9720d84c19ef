"""What environments need from outside, as small protocols. Wiring passes the clients and the store that fit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from ciprov.domain.environment import DeadLock, EnvironmentRecord, HistoryEntry, LockHolder
from ciprov.domain.marathon import DeploymentRef, MarathonEvent
from ciprov.domain.page import Page
from ciprov.foundation.json import JsonObject


class Marathon(Protocol):
    """Marathon as raw JSON, in its own field names. All calls raise the errors of `ciprov.domain.marathon`.

    Reads return None where the thing does not exist. Writes go to one server once: after `MarathonUnavailable`
    read before repeating.
    """

    @property
    def target(self) -> str:
        """The cluster as it is shown to people: name and URL, without credentials."""
        ...

    def info(self) -> JsonObject: ...
    def server_time(self) -> datetime | None:
        """The time there, to a second; None where it is not told."""
        ...

    def group(self, path: str) -> JsonObject | None:
        """The group with all groups and apps below it, apps with counts and deployments."""
        ...

    def app(self, app_id: str) -> JsonObject | None:
        """One app with counts, tasks, deployments and `lastTaskFailure`."""
        ...

    def apps(self) -> list[JsonObject]:
        """All apps of the cluster."""
        ...

    def tasks(self, app_id: str) -> list[JsonObject]: ...
    def root_version(self) -> str:
        """The version of the root group, of which each change makes a new one: the way back to what is there now."""
        ...

    def group_at(self, path: str, version: str) -> JsonObject | None:
        """The group as it was at `version` of the root group; None once Marathon has forgotten it."""
        ...

    def app_at(self, app_id: str, version: str) -> JsonObject | None:
        """One app's definition at `version`; None once Marathon has forgotten it."""
        ...

    def put_group(self, path: str, body: JsonObject, *, force: bool = False) -> DeploymentRef: ...
    def put_app(self, app_id: str, body: JsonObject, *, force: bool = False) -> DeploymentRef:
        """A partial update, or a creation."""
        ...

    def delete_app(self, app_id: str, *, force: bool = False) -> DeploymentRef: ...
    def delete_group(self, path: str, *, force: bool = False) -> DeploymentRef: ...
    def deployments(self) -> list[JsonObject]: ...
    def cancel_deployment(self, deployment_id: str) -> None:
        """Cancel without rollback (`force=true`). Does nothing where it already ended."""
        ...

    def queue(self) -> list[JsonObject]: ...
    def events(self, types: Collection[str], wake: Callable[[MarathonEvent], None]) -> AbstractContextManager[None]:
        """While entered, call `wake` from another thread for each event of `types`; reconnects by itself."""
        ...


class Agents(Protocol):
    """The Mesos side: what agents offer, and what tasks wrote. Every answer may be None: no Mesos address is known."""

    def agents(self) -> list[JsonObject] | None:
        """The `slaves` list of the master: id, hostname, active, resources and used_resources (`ports` as ranges)."""
        ...

    def unreachable_tasks(self) -> list[JsonObject] | None:
        """The tasks that the master cannot reach and has not given up: id, slave_id, state and resources."""
        ...

    def tasks_of(self, framework_id: str) -> list[JsonObject] | None:
        """All tasks of a framework that have not ended, those out of reach too; None too where nobody knows it."""
        ...

    def operate(self, call: JsonObject) -> None:
        """One call of the master's operator API, sent once. Raises `CiprovError` where it is refused."""
        ...

    def sandbox_tail(self, agent_id: str, task_id: str, file: str, limit: int) -> str | None:
        """The last `limit` bytes of `stdout` or `stderr` of a task, also of one that ended; None if unreadable."""
        ...


class Store(Protocol):
    """Records, history and locks. Safe for several processes at once."""

    def get(self, cluster: str, name: str) -> EnvironmentRecord | None: ...
    def list(self, cluster: str) -> Sequence[EnvironmentRecord]: ...
    def save(self, record: EnvironmentRecord) -> EnvironmentRecord:
        """Insert where `revision` is 0, else replace if the stored revision is the same; raises `RecordChanged`.

        Returns the record with its new revision.
        """
        ...

    def delete(self, cluster: str, name: str) -> None: ...
    def begin(self, entry: HistoryEntry) -> int:
        """Record that an operation starts; returns its id."""
        ...

    def end(self, entry_id: int, outcome: str, at: datetime) -> None: ...
    def history(self, cluster: str, name: str, limit: int = 50) -> Sequence[HistoryEntry]:
        """Of one environment, newest first, also where it is gone."""
        ...

    def operations(self, cluster: str, limit: int = 50) -> Sequence[HistoryEntry]:
        """Of all environments of a cluster, those that are gone too; newest first."""
        ...

    def lock(
        self, key: str, description: str, *, wait_seconds: float, on_wait: Callable[[LockHolder], None]
    ) -> AbstractContextManager[Callable[[], None]]:
        """Hold a lease on `key`, renewed by itself; gives a function that raises `LockHeld` once the lease is lost.

        Waits up to `wait_seconds`, telling `on_wait` once who holds it, then raises `LockHeld`.
        """
        ...

    def holder(self, key: str) -> LockHolder | None:
        """Who holds `key` now; None where nobody does, or only one who has ended."""
        ...

    def dead_locks(self) -> Sequence[DeadLock]:
        """What holders that have ended left behind. Whoever wants such a lock gets it; this is for tidiness."""
        ...

    def drop_dead_lock(self, key: str) -> bool:
        """Remove what is left of it; False where there is nothing, or where somebody holds the lock by now."""
        ...


class LocalCommand(Protocol):
    """A command under way on this machine."""

    def wait(self, seconds: float) -> int | None:
        """Its exit status as a shell gives it (128 + the signal that ended it); None where it still runs after
        `seconds`.
        """
        ...


class Here(Protocol):
    """The machine on which ciprov runs."""

    def variables(self) -> Mapping[str, str]:
        """The environment variables of this process."""
        ...

    def command(
        self, text: str, directory: str, variables: Mapping[str, str], tell: Callable[[str], None]
    ) -> AbstractContextManager[LocalCommand]:
        """Run `text` by a shell in `directory`, with `variables` besides this process's own. `tell` is called with each
        line that it writes, from another thread. On leaving, whatever it started and still runs is ended. One that
        cannot be started writes why, and ends with 127.
        """
        ...

    def page(self, url: str, seconds: float, *, follow: bool = True) -> Page:
        """GET `url`; with `follow`, redirects too."""
        ...
