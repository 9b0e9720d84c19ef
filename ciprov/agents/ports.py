"""What the agents need of the outside."""

from __future__ import annotations

from typing import Protocol

from ciprov.domain.jenkins import AgentSecret, NewNode, Node, QueueItem, Server


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

    def secret(self, name: str) -> AgentSecret:
        """Raises `JenkinsNotFound`. Ask once: each call leaves a warning in Jenkins's log."""
