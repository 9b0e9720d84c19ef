"""What the engine says about a container, as Mesos words it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ciprov.localcluster.model import Condition

_MIB = 1024**2


def outcome(container: Mapping[str, Any], *, kill_asked: bool) -> tuple[Condition, str]:
    """The final condition and message from what the engine's `inspect` answers for an ended container."""
    state = container["State"]
    code = int(state.get("ExitCode") or 0)
    if kill_asked:
        return Condition.KILLED, f"Container exited with status {code}"
    limit = int((container.get("HostConfig") or {}).get("Memory") or 0) // _MIB
    if state.get("OOMKilled") and code:
        return Condition.FAILED, f"Memory limit exceeded: Requested: {limit}MB Maximum Used: {limit}MB"
    why = f": {state['Error']}" if state.get("Error") else ""
    return (Condition.FAILED if code else Condition.FINISHED), f"Container exited with status {code}{why}"


def address_in(container: Mapping[str, Any]) -> str:
    """A running container's address on its own network, from what `inspect` answers; empty on the host's."""
    networks = (container.get("NetworkSettings") or {}).get("Networks") or {}
    return next((str(network["IPAddress"]) for network in networks.values() if network.get("IPAddress")), "")
