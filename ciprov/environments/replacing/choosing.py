"""How a changed app is replaced: by rolling where that surely ends, in place where that is safe, else stopped first.

A new id in the same group PUT would end the old app before the new one starts, too, but lose the app's versions, its
reservations and every address that is made of its id: it is never chosen.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from ciprov.environments.fixed_ports import fixed_host_ports
from ciprov.environments.normalise import normal_form
from ciprov.environments.replacing.around import NOTHING_KNOWN, Around
from ciprov.environments.replacing.partition import in_the_way
from ciprov.environments.replacing.places import room_for
from ciprov.environments.replacing.rolling import (
    ANYWHERE,
    DEFAULT,
    DEFAULT_WITH_VOLUMES,
    IN_PLACE,
    Capacities,
    Old,
    capacities,
    comes_to_its_end,
)
from ciprov.environments.strategies import Replacement, Strategy, external_volumes, has_persistent_volume
from ciprov.foundation.json import JsonObject

_ALIVE = ("TASK_STAGING", "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING", "TASK_UNREACHABLE")


@dataclass(frozen=True, slots=True)
class Change:
    """An app before and after, with the count that it gets. `elsewhere` is what other apps of the environment hold or
    want: host ports and names of external volumes.
    """

    desired: JsonObject
    live: JsonObject
    instances: int
    around: Around = NOTHING_KNOWN
    elsewhere: Collection[int | str] = field(default=frozenset())

    @property
    def app_id(self) -> str:
        return str(self.live["id"])

    @property
    def tasks(self) -> Sequence[JsonObject] | None:
        """Those that hold something; None where they are not known."""
        listed = self.around.tasks.get(self.app_id)
        return None if listed is None else [task for task in listed if task.get("state", "TASK_RUNNING") in _ALIVE]


def holdings(app: JsonObject | None) -> frozenset[int | str]:
    """What one instance has to itself: fixed host ports, and external volumes by name."""
    return frozenset((*fixed_host_ports(app), *external_volumes(app))) if app else frozenset()


def choose(change: Change) -> Replacement:
    """Scaling to zero is the rule: it keeps the app's versions, its reservations and its volumes. Deleting is for what
    cannot be updated while the app exists, and never for an app with persistent volumes, whose data it would destroy.
    """
    if has_persistent_volume(change.desired) and not has_persistent_volume(change.live):
        return Replacement(Strategy.DELETE_CREATE, "Marathon gives persistent volumes to new apps only")
    held = holdings(change.live) | holdings(change.desired)
    if not held:
        return _holding_nothing(change)
    holds = f"it holds {_told(held)}"
    stop = f"{holds}, for which a rolling update would wait for ever"
    before, after = normal_form(change.live).get("role"), normal_form(change.desired).get("role")
    if after is not None and before is not None and before != after and not has_persistent_volume(change.live):
        kept = f"and its instances keep the role {before} for as long as the app exists"
        return Replacement(Strategy.DELETE_CREATE, f"{stop}, {kept}")
    if not change.instances or not _count(change.live) or change.tasks is None:
        return Replacement(Strategy.SCALE_TO_ZERO, stop)
    against = _against_one_deployment(change, held, change.tasks)
    if against:
        return Replacement(Strategy.SCALE_TO_ZERO, f"{holds}, and {against}")
    return _within_one_deployment(change, holds, change.tasks)


def _holding_nothing(change: Change) -> Replacement:
    tasks, given = change.tasks or (), capacities(change.desired)
    well = sum(_well(task, change.live) for task in tasks)
    old = Old(well, len(tasks) - well)
    if given is None or not change.instances or comes_to_its_end(change.instances, given, old, ANYWHERE):
        return Replacement(Strategy.ROLLING, "its definition changed, and it holds no fixed host port")
    return Replacement(
        Strategy.SCALE_TO_ZERO,
        f"by its upgradeStrategy {given} its {old.sick} sick instances leave no room for new ones, and Marathon does "
        "not end them",
    )


def _against_one_deployment(change: Change, held: frozenset[int | str], tasks: Sequence[JsonObject]) -> str:
    """Why the app's instances have to be gone before its definition is put; empty where they need not."""
    lost = in_the_way({**change.desired, "instances": change.instances}, change.around)
    if lost:
        return "; ".join(map(str, lost))
    shared = held & frozenset(change.elsewhere)
    if shared:
        return f"another app of the environment has or wants {_told(shared)}, too"
    well = sum(_well(task, change.live) for task in tasks)
    if well < max(len(tasks), _count(change.live)):
        checked = "healthy" if change.live.get("healthChecks") else "running"
        return f"only {well} of its {_count(change.live)} instances are {checked}: Marathon would let the others live"
    return ""


def _within_one_deployment(change: Change, holds: str, tasks: Sequence[JsonObject]) -> Replacement:
    """All old instances are healthy, so Marathon counts all of them."""
    desired, own = change.desired, capacities(change.desired)
    volumes = external_volumes(change.live) or external_volumes(desired)
    if own is not None and own.keep(change.instances) == 0 and not (volumes and own.maximum_over):
        return Replacement(Strategy.IN_PLACE, f"{holds}, and by its upgradeStrategy {own} its old instances end first")
    if not volumes:
        usual = DEFAULT_WITH_VOLUMES if has_persistent_volume(desired) else DEFAULT
        if _ends(change, own or usual, tasks):
            upgrade = f"its upgradeStrategy {own}" if own else "Marathon's default"
            return Replacement(Strategy.ROLLING, f"{holds}, and by {upgrade} each new instance finds a free place")
    if own is None:
        return Replacement(
            Strategy.IN_PLACE, f"{holds}, all old instances are healthy, and with capacities {IN_PLACE} they end first"
        )
    return Replacement(Strategy.SCALE_TO_ZERO, f"{holds}, for which its upgradeStrategy {own} would wait for ever")


def _ends(change: Change, given: Capacities, tasks: Sequence[JsonObject]) -> bool:
    room = room_for(change.desired, change.live, tasks, change.around.slaves)
    resident = has_persistent_volume(change.desired)
    return comes_to_its_end(change.instances, given, Old(len(tasks)), room, resident=resident)


def _well(task: JsonObject, app: JsonObject) -> bool:
    """Whether Marathon counts it as healthy. Stricter without checks: there it counts even what has not started."""
    results = task.get("healthCheckResults") or []
    alive = len(results) >= len(app.get("healthChecks") or []) and all(one.get("alive") for one in results)
    return task.get("state", "TASK_RUNNING") == "TASK_RUNNING" and alive


def _count(app: JsonObject) -> int:
    return int(app.get("instances", 1))


def _told(held: Collection[int | str]) -> str:
    ports = sorted(one for one in held if isinstance(one, int))
    volumes = sorted(one for one in held if isinstance(one, str))
    parts = []
    if ports:
        parts.append(f"host port{'s' if len(ports) > 1 else ''} {', '.join(map(str, ports))}")
    if volumes:
        parts.append(f"the external volume{'s' if len(volumes) > 1 else ''} {', '.join(volumes)}")
    return " and ".join(parts)
