"""The port to a Mesos master as a framework sees it. Events come on a queue, calls go out without waiting."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from ciprov.domain.mesos_events import MesosEvent
from ciprov.foundation.json import JsonObject

DAY_S = 86400.0


@dataclass(frozen=True, slots=True)
class Framework:
    """Who subscribes. With the `id` of an earlier life its tasks are taken over. Agents run its tasks as `user`.

    `failover_timeout_s`: for so many seconds the master keeps the tasks of a framework that is away. `capabilities`
    are given to the master as they are. `roles` in which there are no offers at the start: `suppressed`.
    """

    name: str
    roles: tuple[str, ...]
    id: str = ""
    user: str = "root"
    failover_timeout_s: float = 7 * DAY_S
    checkpoint: bool = True
    capabilities: tuple[str, ...] = ("MULTI_ROLE", "PARTITION_AWARE")
    hostname: str = ""
    webui_url: str = ""
    suppressed: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()


class EventQueue(Protocol):
    """Where events go: any `queue.SimpleQueue`. `put` must neither wait nor fail."""

    def put(self, event: MesosEvent, /) -> None: ...


class MesosScheduler(Protocol):
    """Calls never raise for the master's sake and never wait for it.

    Those that may be repeated (kill, acknowledge, suppress, revive, reconcile) wait in an outbox while there is no
    subscription. Those that concern offers die with the subscription that brought the offers. What was given up comes
    back as `CallLost`. An ACCEPT is never sent twice; where it was lost, its offers are still to be declined.
    """

    def start(self, framework: Framework, events: EventQueue) -> None:
        """Once in a driver's life. Raises `UsageError` on a framework that no master could take."""
        ...

    def accept(self, offer_ids: Sequence[str], operations: Sequence[JsonObject], *, filter_s: float = 5.0) -> None:
        """Use offers of one agent, for operations as in Mesos' v1 JSON."""
        ...

    def launch(self, offer_ids: Sequence[str], task_infos: Sequence[JsonObject], *, filter_s: float = 5.0) -> None:
        """`accept` with one LAUNCH."""
        ...

    def decline(self, offer_ids: Sequence[str], *, filter_s: float = 5.0) -> None: ...

    def accept_inverse(self, offer_ids: Sequence[str]) -> None:
        """Agree to a maintenance."""
        ...

    def decline_inverse(self, offer_ids: Sequence[str]) -> None: ...

    def suppress(self, roles: Collection[str] = ()) -> None:
        """No offers for these roles, by default for all; remembered over connections."""
        ...

    def revive(self, roles: Collection[str] = ()) -> None:
        """Offers at once for these roles, by default for all, filters forgotten."""
        ...

    def kill(self, task_id: str, *, agent_id: str = "", grace_s: float | None = None) -> None:
        """Repeated by itself whenever the master reports that the task still lives."""
        ...

    def acknowledge(self, status: JsonObject) -> None:
        """Of an `Update`; one without `uuid` needs none, and nothing is sent."""
        ...

    def acknowledge_operation(self, status: JsonObject) -> None: ...

    def reconcile(self, tasks: Sequence[tuple[str, str]] = ()) -> None:
        """Ask for the state of these tasks, as `(task id, agent id or "")`; by default of all that the master knows.

        The driver asks for all by itself after each subscription.
        """
        ...

    def teardown(self, framework_id: str) -> None:
        """Remove the framework and kill ALL its tasks. Raises `UsageError` where this is not the framework's id."""
        ...

    def stop(self) -> None:
        """Leave, tasks run on. What is in the outbox gets about a second to go out, and what does not is told.

        When this returns, after three seconds at most, `Stopped` is on the queue, and nothing comes after it.
        """
        ...
