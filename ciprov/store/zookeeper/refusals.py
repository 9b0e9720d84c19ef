"""What a transaction of ZooKeeper that was not done was refused for."""

from __future__ import annotations

from collections.abc import Sequence

from kazoo.exceptions import (
    BadVersionError,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
    RolledBackError,
    RuntimeInconsistency,
)

from ciprov.store.zookeeper.connection import Connection


def refused_step(connection: Connection, results: Sequence[object]) -> int | None:
    """Which step was refused, so that none was done; None where all were done. `results` are those of its steps.

    Raises `StoreError` where we may not do that there.
    """
    for index, result in enumerate(results):
        if isinstance(result, BadVersionError | NoNodeError | NodeExistsError):
            return index
        if isinstance(result, NoAuthError):
            raise connection.denied()
        if isinstance(result, Exception) and not isinstance(result, RolledBackError | RuntimeInconsistency):
            raise result
    return None
