"""The virtual agents of the running embedded cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

from ciprov.foundation.errors import CiprovError
from ciprov.wiring.localcluster import descriptor
from ciprov.wiring.localcluster_status import Refused, ask

PATH = "/ciprov/agents"


def agents(state_dir: Path) -> list[dict[str, Any]]:
    """Id, hostname, state (active, drained, lost), role, attributes, amounts and tasks of each. Raises CiprovError."""
    found: list[dict[str, Any]] = _call(state_dir, "GET", PATH)["agents"]
    return found


def act(state_dir: Path, agent_id: str, action: str) -> dict[str, Any]:
    """`drain`, `lose` or `return` an agent; the agent as it is then. Raises CiprovError."""
    return _call(state_dir, "POST", f"{PATH}/{quote(agent_id, safe='')}/{action}")


def _call(state_dir: Path, method: str, path: str) -> dict[str, Any]:
    running = descriptor(state_dir)
    if running is None:
        raise CiprovError(
            "the embedded cluster does not run", place=str(state_dir), way_out="start it: ciprov local start"
        )
    try:
        return ask(running, method, path)
    except Refused as error:
        raise CiprovError(str(error), place=running.marathon, way_out="see: ciprov local agent list") from None
