"""The cluster's own bridge network, made when the first container needs it.

A network of its own gives the cluster a gateway address of its own, at which its service ports can be served to
containers without colliding with those of other clusters.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Any

from ciprov.localcluster.runtimes.docker.creation import CLUSTER_LABEL, Bridge
from ciprov.localcluster.runtimes.docker.engine import DockerEngine, EngineRefused, EngineUnavailable

CONFLICT = 409
NOT_FOUND = 404

logger = logging.getLogger(__name__)


def network_name(cluster: str) -> str:
    return f"ciprov-{cluster}"


def bridge_of(network: Mapping[str, Any], cluster: str) -> Bridge:
    """Raises EngineRefused where the network is not this cluster's, or has no gateway."""
    name = network["Name"]
    if (network.get("Labels") or {}).get(CLUSTER_LABEL) != cluster:
        raise EngineRefused(CONFLICT, f"the docker network '{name}' is not this cluster's: remove or rename it")
    for entry in (network.get("IPAM") or {}).get("Config") or ():
        if entry.get("Gateway"):
            return Bridge(name, entry["Gateway"].partition("/")[0])
    raise EngineRefused(CONFLICT, f"the docker network '{name}' has no gateway: remove it, and it is made anew")


class ClusterNetwork:
    """Names the bridge, and takes it away again when the cluster stops."""

    def __init__(self, engine: DockerEngine, cluster: str) -> None:
        self._engine = engine
        self._cluster = cluster
        self._making = asyncio.Lock()

    async def ensured(self) -> Bridge:
        """Looked at anew each time, since anybody may remove it. Raises EngineUnavailable or EngineRefused."""
        async with self._making:
            found = await self._engine.call(self._find_or_make)
            return bridge_of(found, self._cluster)

    async def check(self, name: str) -> None:
        """Raises EngineRefused, worded for a user, where there is no network `name` to join."""
        try:
            await self._engine.call(lambda client: client.inspect_network(name))
        except EngineRefused as error:
            if error.status == NOT_FOUND:
                way_out = f"make it (docker network create {name}), or name another one in the app's networks"
                raise EngineRefused(
                    NOT_FOUND, f"there is no docker network '{name}' on this machine: {way_out}"
                ) from None
            raise

    async def found(self) -> Bridge | None:
        """The bridge where it is there already. Raises EngineUnavailable."""
        try:
            return bridge_of(await self._engine.call(self._inspect), self._cluster)
        except EngineRefused:
            return None

    async def remove(self) -> None:
        """Leaves one alone that is not the cluster's, or is still in use."""
        with contextlib.suppress(EngineUnavailable, EngineRefused):
            bridge = await self.found()
            if bridge is not None:
                await self._engine.call(lambda client: client.remove_network(bridge.name))

    def _inspect(self, client: Any) -> Any:
        return client.inspect_network(network_name(self._cluster))

    def _find_or_make(self, client: Any) -> Any:
        from docker.errors import APIError

        try:
            return self._inspect(client)
        except APIError as error:
            if error.status_code != NOT_FOUND:
                raise
        name = network_name(self._cluster)
        client.create_network(name, driver="bridge", labels={CLUSTER_LABEL: self._cluster}, check_duplicate=True)
        logger.info("made the docker network %s", name)
        return self._inspect(client)
