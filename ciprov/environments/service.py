"""The operations on environments: the only way in for the command line.

desired + live + record ──▶ plan ──▶ steps ──▶ apply ──▶ status, endpoints
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ciprov.domain.environment import EnvironmentRecord, HistoryEntry
from ciprov.environments.adopting import Adopter, adopt
from ciprov.environments.bringing_up import bring_up
from ciprov.environments.context import Context
from ciprov.environments.events.following import Followed, follow
from ciprov.environments.events.happening import Happening
from ciprov.environments.hooks.around_down import hooks_before_down
from ciprov.environments.hooks.around_up import with_hooks
from ciprov.environments.hooks.records import DUE_HOOKS, Hook, HookChoice
from ciprov.environments.lifetime.reaper import Orders, Reaping, reap
from ciprov.environments.lifetime.sleeping import Rest, fall_asleep, wake_up
from ciprov.environments.outlook import Build, look
from ciprov.environments.outside import Outside
from ciprov.environments.plan import Plan
from ciprov.environments.ports import Agents, Here, Marathon, Store
from ciprov.environments.removal import take_down
from ciprov.environments.results import DownOptions, DownResult, UpOptions, UpResult
from ciprov.environments.resuming import Rebuild, Resumed, resume
from ciprov.environments.session import Report
from ciprov.environments.standing import read_status, summaries
from ciprov.environments.status import EnvironmentStatus, EnvironmentSummary
from ciprov.environments.tree import apps_of
from ciprov.environments.upkeep.collecting import Collection, CollectOrders, collect

__all__ = ["Build", "EnvironmentService", "Report"]


class EnvironmentService:
    """All calls raise `CiprovError`s, among them those of `ciprov.domain.marathon` and `ciprov.domain.environment`.

    Where a `group_path` is asked for, it is where the environment would be if no record tells.
    """

    def __init__(self, marathon: Marathon, agents: Agents, store: Store, context: Context, here: Here) -> None:
        self._outside = Outside(marathon, agents, store, context, here)

    def record(self, name: str) -> EnvironmentRecord | None:
        return self._outside.store.get(self._outside.context.cluster, name)

    def history(self, name: str, limit: int = 50) -> Sequence[HistoryEntry]:
        return self._outside.store.history(self._outside.context.cluster, name, limit)

    def plan(self, name: str, build: Build, hooks: HookChoice = DUE_HOOKS) -> Plan:
        """Reads only. Conflicts are part of the plan, not raised."""
        return with_hooks(look(self._outside, name, build), hooks).plan

    def hooks_before_down(self, name: str, hooks: HookChoice = DUE_HOOKS) -> tuple[Hook, ...]:
        """Those that `down` would run."""
        record = self.record(name)
        live = self._outside.marathon.group(record.group_path) if record else None
        return hooks_before_down(self._outside, record, apps_of(live), hooks).hooks if record else ()

    def up(self, name: str, build: Build, options: UpOptions, report: Report) -> UpResult:
        """Raises `PlanConflict`, `UpFailed`, `Interrupted` or `LockHeld`."""
        return bring_up(self._outside, name, build, options, report)

    def down(self, name: str, group_path: str, options: DownOptions, report: Report) -> DownResult:
        """Quiet and successful where nothing is left. Raises `NotOurs`, `StillThere`, `Interrupted` or `LockHeld`."""
        return take_down(self._outside, name, group_path, options, report)

    def resume(self, name: str, rebuild: Rebuild, lock_wait_seconds: float, report: Report) -> Resumed:
        """Take up what was cut short, if anything was. Raises what that operation raises."""
        return resume(self._outside, name, rebuild, lock_wait_seconds, report)

    def interrupted(self) -> tuple[str, ...]:
        """Environments whose last operation was cut short: it has not ended, and nobody is at it."""
        store, cluster = self._outside.store, self._outside.context.cluster
        open_ones = [one.name for one in store.list(cluster) if one.operation is not None]
        return tuple(name for name in open_ones if store.holder(self._outside.lock_key(name)) is None)

    def adopt(self, name: str, group_path: str, adopter: Adopter, report: Report) -> EnvironmentRecord:
        """Record again what has lost its record. Raises `NoSuchEnvironment`, `NotOurs` or `LockHeld`."""
        return adopt(self._outside, name, group_path, adopter, report)

    def sleep(self, name: str, lock_wait_seconds: float, report: Report) -> Rest:
        """All instances to zero, counts remembered. Raises `NoSuchEnvironment`, `Interrupted` or `LockHeld`."""
        return fall_asleep(self._outside, name, lock_wait_seconds, report)

    def wake(self, name: str, lock_wait_seconds: float, timeout: int | None, report: Report) -> Rest:
        """Bring back what sleeps, as it was, and wait `timeout` seconds for each app (None: as its blueprint says)."""
        return wake_up(self._outside, name, lock_wait_seconds, timeout, report)

    def reap(self, orders: Orders, report: Report) -> Reaping:
        """Take away what nobody needs any more; refusals and failures are part of the result. Raises `Interrupted`."""
        return reap(self._outside, orders, report)

    def follow(self, followed: Followed, tell: Callable[[Happening], None]) -> None:
        """Tell what happens until `tell` raises: what of it Marathon says may be lost on the way."""
        follow(self._outside, followed, tell)

    def collect(self, orders: CollectOrders, report: Report) -> Collection:
        """What has no owner; removed where that is ordered. Failures are part of the result. Raises `Interrupted`."""
        return collect(self._outside, orders, report)

    def status(self, name: str, group_path: str) -> EnvironmentStatus:
        """Raises `NoSuchEnvironment`."""
        return read_status(self._outside, name, group_path)

    def list(self) -> tuple[EnvironmentSummary, ...]:
        """Of all recorded environments of the cluster, by name."""
        return summaries(self._outside)
