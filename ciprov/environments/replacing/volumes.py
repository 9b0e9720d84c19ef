"""Changes that Marathon refuses to apps with persistent volumes. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ciprov.environments.plan import Action, AppPlan, Conflict, Plan
from ciprov.environments.strategies import has_persistent_volume
from ciprov.foundation.json import JsonObject

_RESERVED = ("cpus", "mem", "disk", "gpus", "requirePorts")
_WAY_OUT = "give the app another name, or save the data and take the environment down first"


def volume_conflicts(plan: Plan, live: Mapping[str, JsonObject]) -> list[Conflict]:
    """What was reserved with a volume cannot change, and deleting the app would destroy its data."""
    return [
        Conflict(
            app.app_id,
            0,
            app.app_id,
            f"{what}: Marathon refuses that while the app exists, and deleting the app would destroy its data",
            _WAY_OUT,
        )
        for app in plan.of(Action.REPLACE, Action.UPDATE)
        if has_persistent_volume(live[app.app_id])
        for what in _refused(app)
    ]


def _refused(app: AppPlan) -> Iterator[str]:
    """One conflict is enough."""
    paths = [difference.path for difference in app.differences]
    if any(path.startswith("container.volumes") for path in paths):
        yield "its volumes changed, and a persistent one is among them"
        return
    reserved = [path for path in paths if path in _RESERVED or _is_port(path)]
    if reserved:
        yield f"it has a persistent volume, and {', '.join(reserved)} changed, which is reserved together with it"
    elif "role" in paths:
        yield "it has a persistent volume, which stays reserved for the role that it had"


def _is_port(path: str) -> bool:
    fixed = path.startswith("portDefinitions[") and path.endswith("].port")
    return fixed or (path.startswith("container.portMappings[") and path.endswith("].hostPort"))
