"""What the agents need of the outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from ciprov.domain.agents import Key
from ciprov.domain.jenkins import AgentSecret, NewNode, Node, QueueItem, Server, Withdrawn
from ciprov.domain.leadership import Lead
from ciprov.foundation.json import JsonObject


class Jenkins(Protocol):
    """Errors are `JenkinsError`s. No write is sent twice blindly: where its answer was lost, the node is looked at."""

    @property
    def target(self) -> str:
        """Where it writes to, without credentials."""

    def server(self) -> Server: ...

    def check_permissions(self) -> None:
        """Raises `JenkinsDenied` that names each permission that is missing."""

    def queue(self) -> list[QueueItem]:
        """All items, by one request. Read the nodes first: see `demand`."""

    def nodes(self) -> list[Node]:
        """All nodes, the built-in one too, by one request."""

    def node(self, name: str) -> Node | None: ...

    def create_node(self, new: NewNode) -> bool:
        """False where the same node of ours is there already. Raises `NodeExists` where another one is."""

    def delete_node(self, name: str) -> bool:
        """False where it is gone already. Raises `NotOurNode` where it does not bear our mark."""

    def fence(self, name: str, message: str) -> bool:
        """Keeps further builds away; the one that runs goes on. False where the node is gone. May be repeated."""

    def withdraw(self, name: str, message: str) -> Withdrawn:
        """As `fence`, and no item is lost that Jenkins gives to it at this moment. May be repeated."""

    def unfence(self, name: str) -> bool:
        """Lets builds come again. False where the node is gone. May be repeated."""

    def secret(self, name: str) -> AgentSecret:
        """Raises `JenkinsNotFound`. Ask once: each call leaves a warning in Jenkins's log."""


class AgentStore(Protocol):
    """What one service keeps, from when it leads until it leaves. Documents hold no secrets.

    Errors are `CiprovError`s; `LockHeld` once another service leads, or led since the last `load`.
    """

    def load(self) -> Mapping[Key, JsonObject]:
        """All that is kept: to be asked once this service leads, and again after each loss."""

    def write(self, put: Mapping[Key, JsonObject], remove: Collection[Key] = ()) -> None:
        """All or nothing, and only while this service leads. Durable when it returns. `put` wins over `remove`.

        Waits a bounded time for a store that is away. After an error the old state is to be gone on with: what may have
        been written nevertheless is taken back by the next write.
        """


class AgentStores(Protocol):
    """A store in which services keep their agents, under the cluster's and the service's name."""

    def agents(self, cluster: str, service: str, lead: Lead) -> AgentStore:
        """Where `service` keeps those on `cluster`. Nothing is written unless `lead`, of the same store, leads."""
