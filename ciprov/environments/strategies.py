"""How a changed app that holds fixed host ports is replaced: never by rolling, which would wait for its own port."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ciprov.environments.fixed_ports import fixed_host_ports
from ciprov.environments.normalise import normal_form
from ciprov.foundation.json import JsonObject


class Strategy(StrEnum):
    """Both end the old tasks, wait until the ports are free, and then put the new definition."""

    SCALE_TO_ZERO = "scale-to-zero"
    DELETE_CREATE = "delete-create"


@dataclass(frozen=True, slots=True)
class Replacement:
    strategy: Strategy
    reason: str


def replacement(desired: JsonObject, live: JsonObject) -> Replacement | None:
    """How to replace `live` by `desired`; None where rolling is safe because neither holds a fixed host port.

    Scaling to zero is the rule: it keeps the app's versions, its reservations and its volumes. Deleting is for what
    cannot be updated in place, and never for an app with persistent volumes, whose data it would destroy.
    """
    held = sorted({*fixed_host_ports(live), *fixed_host_ports(desired)})
    if not held:
        return None
    ports = "port " + ", ".join(map(str, held)) if len(held) == 1 else "ports " + ", ".join(map(str, held))
    reason = f"it holds host {ports}, for which a rolling update would wait for ever"
    before, after = normal_form(live).get("role"), normal_form(desired).get("role")
    if after is not None and before is not None and before != after and not has_persistent_volume(live):
        return Replacement(
            Strategy.DELETE_CREATE, f"{reason}, and its instances keep the role {before} for as long as the app exists"
        )
    return Replacement(Strategy.SCALE_TO_ZERO, reason)


def has_persistent_volume(app: JsonObject) -> bool:
    """Whether deleting `app` would destroy data."""
    container = app.get("container")
    volumes = container.get("volumes") if isinstance(container, dict) else None
    return any(isinstance(volume, dict) and volume.get("persistent") for volume in volumes or [])
