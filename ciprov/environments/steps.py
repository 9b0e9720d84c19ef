"""The ordered steps of an operation, as frozen records that print themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ciprov.environments.fixed_ports import fixed_host_ports
from ciprov.environments.plan import Action, Plan
from ciprov.environments.strategies import Strategy
from ciprov.environments.tree import apps_of, depends_on, group_dependencies, teardown_layers
from ciprov.foundation.json import JsonObject


@dataclass(frozen=True, slots=True)
class StopApps:
    """End all tasks of some apps, all at once: by scaling to zero, or by deleting the app."""

    scale_to_zero: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()

    @property
    def app_ids(self) -> tuple[str, ...]:
        return (*self.scale_to_zero, *self.delete)

    def __str__(self) -> str:
        parts = []
        if self.scale_to_zero:
            parts.append(f"scale to zero: {', '.join(self.scale_to_zero)}")
        if self.delete:
            parts.append(f"delete: {', '.join(self.delete)}")
        return "; ".join(parts)


@dataclass(frozen=True, slots=True)
class AwaitGone:
    """Wait until the apps have no task left and `ports`, the fixed host ports per app, are free.

    `grace` is the longest kill grace of the apps in seconds.
    """

    app_ids: tuple[str, ...]
    ports: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    grace: float = 3.0

    def __str__(self) -> str:
        ports = sorted({port for held in self.ports.values() for port in held})
        free = f", and ports {', '.join(map(str, ports))} are free" if ports else ""
        return f"wait until no task is left of {', '.join(self.app_ids)}{free}"


@dataclass(frozen=True, slots=True)
class PutGroup:
    """One write with the complete list of apps, whose counts are read afresh just before."""

    path: str

    def __str__(self) -> str:
        return f"put group {self.path}"


@dataclass(frozen=True, slots=True)
class DeleteGroup:
    """Take the group away with all that is left in it, and wait for the end of that deployment."""

    path: str

    def __str__(self) -> str:
        return f"delete group {self.path}"


Step = StopApps | AwaitGone | PutGroup | DeleteGroup


def steps_of(plan: Plan, live: JsonObject | None) -> tuple[Step, ...]:
    """The writes of `plan`, in order; none where nothing changes.

    1. Removed apps that other removed apps need stop after those: Marathon would stop all of them at once. The last
       layer simply vanishes in the group PUT.
    2. Replaced apps stop together with the last of those layers, to be away as briefly as possible.
    3. One group PUT, once their tasks are gone and their ports free.
    """
    if not plan.changes:
        return ()
    apps = apps_of(live)
    graph = depends_on(apps, group_dependencies(live))
    layers = teardown_layers([app.app_id for app in plan.of(Action.REMOVE)], graph)[:-1]
    replaced = plan.of(Action.REPLACE)
    by_scaling = tuple(app.app_id for app in replaced if app.strategy is Strategy.SCALE_TO_ZERO)
    by_deleting = tuple(app.app_id for app in replaced if app.strategy is Strategy.DELETE_CREATE)
    stops = [StopApps(scale_to_zero=layer) for layer in layers]
    if replaced:
        last = stops.pop() if stops else StopApps()
        stops.append(StopApps((*last.scale_to_zero, *by_scaling), by_deleting))
    return (*_stopping(stops, apps), PutGroup(plan.group_path))


def teardown_steps(group_path: str, live: JsonObject | None) -> tuple[Step, ...]:
    """Stop everything in reverse dependency order, then delete the group; nothing where there is no group."""
    apps = apps_of(live)
    graph = depends_on(apps, group_dependencies(live))
    stops = [StopApps(scale_to_zero=layer) for layer in teardown_layers(apps.keys(), graph)]
    steps = _stopping(stops, apps)
    return steps if live is None else (*steps, DeleteGroup(group_path))


def kill_grace(app: JsonObject | None) -> float:
    """Seconds between SIGTERM and SIGKILL; unset it is the executor's 3 s."""
    value = (app or {}).get("taskKillGracePeriodSeconds")
    return float(value) if value is not None else 3.0


def _stopping(stops: list[StopApps], apps: Mapping[str, JsonObject]) -> tuple[Step, ...]:
    steps: list[Step] = []
    for stop in stops:
        ports = {app_id: fixed_host_ports(apps[app_id]) for app_id in stop.app_ids}
        grace = max(kill_grace(apps.get(app_id)) for app_id in stop.app_ids)
        held = {app_id: numbers for app_id, numbers in ports.items() if numbers}
        steps += [stop, AwaitGone(stop.app_ids, held, grace)]
    return tuple(steps)
