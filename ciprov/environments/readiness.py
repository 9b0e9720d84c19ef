"""When is an app ready, and when is it hopeless? A pure verdict per app from what one poll saw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ciprov.environments.current import current_tasks, outdated_tasks
from ciprov.environments.diagnosis.cause import Cause
from ciprov.environments.diagnosis.causes import Evidence, causes
from ciprov.environments.diagnosis.ends_of_tasks import cause_of_failure, current_failure, explain_failure
from ciprov.environments.diagnosis.kinds import AT_ONCE, HEALTH, Kind
from ciprov.environments.diagnosis.placement import Surroundings
from ciprov.environments.diagnosis.remembering import best_first, in_one_line, still_holds, worth_remembering
from ciprov.environments.ends import NO_ENDS, Ends, after
from ciprov.environments.progress import AppState
from ciprov.environments.tree import teardown_layers
from ciprov.foundation.json import JsonObject

_ALIVE = ("TASK_STAGING", "TASK_STARTING", "TASK_RUNNING", "TASK_KILLING", "TASK_UNREACHABLE")


@dataclass(frozen=True, slots=True)
class Limits:
    """`timeout`: seconds from when the app's dependencies are ready until it must be ready itself.

    `settle`: seconds that an app without health checks must run, `settle_again` once a task of it has ended by itself;
    the apps in `settled` need not, as nothing is done to them. `failures`: as many in a row are a crash loop.
    `certain`: as many suffice where neither another try nor another app can help, as with an image that is not there.
    `idle`: seconds without deployment and queue entry after which nothing is going to change an app's tasks.
    """

    timeout: float
    settle: float = 1.5
    settle_again: float = 5.0
    failures: int = 4
    certain: int = 2
    idle: float = 5.0
    settled: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Sight:
    """What one poll saw of an app: its definition with counts (and tasks, where they were read), its queue entry, and
    whether a deployment still acts on it. `around` is what is known of the cluster.
    """

    app: JsonObject
    queued: JsonObject | None = None
    deploying: bool = False
    around: Surroundings = field(default_factory=Surroundings)


@dataclass(frozen=True, slots=True)
class Around:
    """How the other apps stand: which ones that it needs are not ready, each with why, as far as that is known, and
    whether any may still become ready.
    """

    blocked_by: tuple[tuple[str, Cause | None], ...] = ()
    others_moving: bool = False


@dataclass(frozen=True, slots=True)
class Watch:
    """What is remembered of one app between polls; times are monotonic seconds.

    `since`: when its dependencies were ready, or when it lost its own readiness. `steady_since`: when enough instances
    were first seen running. `failures`: task failures seen since the last progress, `last_failure` names the last.
    `idle_since`: when it was first seen with other tasks than it shall have and nothing about to change that.
    `cause`: the last one seen that explains something; between two tries there is none to see.
    """

    since: float | None = None
    steady_since: float | None = None
    failures: int = 0
    last_failure: str = ""
    best: int = 0
    idle_since: float | None = None
    ends: Ends = NO_ENDS
    cause: Cause | None = None

    @property
    def setbacks(self) -> int:
        return max(self.failures, self.ends.count)


_IS_EARLY = frozenset({Kind.HEALTH_SILENT, Kind.NO_OFFERS})
"""What is seen of every app for a moment: it explains nothing by itself."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`brief` is what stands for a long `detail` while the operation goes on; the first of `causes` explains most."""

    state: AppState
    ready: int
    wanted: int
    detail: str = ""
    stalled: bool = False
    brief: str = ""
    causes: tuple[Cause, ...] = ()

    @property
    def is_ready(self) -> bool:
        return self.state in (AppState.HEALTHY, AppState.ASLEEP)

    @property
    def is_stuck(self) -> bool:
        """Whether something is known that keeps it from becoming ready."""
        return not self.is_ready and bool(self.causes) and self.causes[0].kind not in _IS_EARLY

    @property
    def is_moving(self) -> bool:
        """Whether it may still become ready without anything else happening first."""
        return self.state in (AppState.WAITING, AppState.STARTING, AppState.STOPPING)


@dataclass(frozen=True, slots=True)
class Round:
    """The state of all apps after one poll, by absolute id."""

    watches: Mapping[str, Watch] = field(default_factory=dict)
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)

    @property
    def all_ready(self) -> bool:
        return all(verdict.is_ready for verdict in self.verdicts.values())

    @property
    def failed(self) -> tuple[str, ...]:
        return tuple(app_id for app_id, verdict in self.verdicts.items() if verdict.state is AppState.FAILED)

    @property
    def stalled(self) -> tuple[str, ...]:
        """Apps with other tasks than they shall have, which nothing changes: a deployment was cancelled half-way."""
        return tuple(app_id for app_id, verdict in self.verdicts.items() if verdict.stalled)


def judge_all(
    sights: Mapping[str, Sight], graph: Mapping[str, frozenset[str]], before: Round, limits: Limits, now: float
) -> Round:
    """One poll of a whole environment; `graph` tells the direct dependencies of each app."""
    watches: dict[str, Watch] = {}
    verdicts: dict[str, Verdict] = {}
    for layer in reversed(teardown_layers(sights.keys(), graph)):
        for app_id in layer:
            needed = sorted(need for need in graph.get(app_id, ()) if need in verdicts and not verdicts[need].is_ready)
            blocked_by = tuple((need, next(iter(verdicts[need].causes), None)) for need in needed)
            around = Around(blocked_by, _others_moving(app_id, sights, before, limits))
            watch = before.watches.get(app_id, Watch())
            watches[app_id], verdicts[app_id] = judge(sights[app_id], watch, around, limits, now)
    if any(verdict.is_ready and not _was_ready(app_id, before) for app_id, verdict in verdicts.items()):
        # What failed for want of another app gets its chance now that this one is there.
        watches = {app_id: replace(watch, failures=0, ends=watch.ends.forgotten()) for app_id, watch in watches.items()}
    return Round(watches, verdicts)


def judge(sight: Sight, watch: Watch, around: Around, limits: Limits, now: float) -> tuple[Watch, Verdict]:
    """The next memory and the verdict for one app; `now` is monotonic seconds."""
    app = sight.app
    wanted = int(app.get("instances", 1))
    if wanted == 0:
        left = sum(int(app.get(key, 0)) for key in ("tasksRunning", "tasksStaged"))
        verdict = Verdict(AppState.STOPPING if left else AppState.ASLEEP, 0, 0)
        return _deadline(app, watch, verdict, around, limits, now)
    checked = bool(app.get("healthChecks"))
    ready = _ready_instances(app)
    watch = _with_failure(watch, app)
    watch = replace(
        watch,
        ends=after(watch.ends, app, sight.queued),
        cause=worth_remembering(app, sight.queued, sight.around) or still_holds(watch.cause, app),
        steady_since=_first_seen(watch.steady_since, ready >= wanted, now),
    )
    settled = watch.steady_since is not None and now - watch.steady_since >= _settle(sight, watch, limits)
    gated = bool(app.get("readinessChecks")) and sight.deploying
    if settled and not gated and not _mixed(sight, wanted):
        watch = replace(
            watch, since=None, failures=0, best=ready, idle_since=None, ends=watch.ends.forgotten(), cause=None
        )
        return watch, Verdict(AppState.HEALTHY, ready, wanted)
    if checked and ready > watch.best:
        watch = replace(watch, failures=0, best=ready)
    watch = replace(watch, idle_since=_first_seen(watch.idle_since, _idle(sight, wanted), now))
    stalled = watch.idle_since is not None and now - watch.idle_since >= limits.idle
    return _deadline(
        app, watch, replace(_unready(sight, watch, around, (ready, wanted)), stalled=stalled), around, limits, now
    )


def living_tasks(tasks: list[JsonObject]) -> list[JsonObject]:
    """Those that still hold resources; tasks that ended may remain listed."""
    return [task for task in tasks if task.get("state", "TASK_RUNNING") in _ALIVE]


def healthy(task: JsonObject, checks: int) -> bool:
    results = task.get("healthCheckResults") or []
    return len(results) >= checks and all(result.get("alive") for result in results)


def _ready_instances(app: JsonObject) -> int:
    checks = len(app.get("healthChecks") or [])
    if "tasks" in app:
        return sum(healthy(task, checks) for task in current_tasks(app))
    return int(app.get("tasksHealthy" if checks else "tasksRunning", 0))


def _with_failure(watch: Watch, app: JsonObject) -> Watch:
    failure = current_failure(app)
    if failure is None:
        return watch
    key = f"{failure.get('taskId')} {failure.get('timestamp')}"
    return watch if key == watch.last_failure else replace(watch, failures=watch.failures + 1, last_failure=key)


def _settle(sight: Sight, watch: Watch, limits: Limits) -> float:
    """Seconds."""
    if sight.app.get("healthChecks"):
        return 0
    if watch.ends.count:
        return limits.settle_again
    return 0 if sight.app.get("id") in limits.settled else limits.settle


def _unready(sight: Sight, watch: Watch, around: Around, counts: tuple[int, int]) -> Verdict:
    """`counts` are the instances that are ready, and those wanted."""
    app, (ready, wanted) = sight.app, counts
    seen = Evidence(app, sight.queued, watch.failures, watch.ends.count, around.blocked_by, sight.around)
    found = causes(seen)
    if around.blocked_by and not current_tasks(app) and not sight.queued and not int(app.get("tasksStaged", 0)):
        names = ", ".join(name for name, _ in around.blocked_by)
        return Verdict(AppState.BLOCKED, ready, wanted, f"waits for {names}", causes=found)
    if _mixed(sight, wanted) and ready >= wanted:
        text = "tasks of an earlier definition or too many of them run on"
        return Verdict(AppState.STARTING, ready, wanted, text, causes=found)
    state = AppState.WAITING if sight.queued else AppState.STARTING
    return Verdict(state, ready, wanted, in_one_line(found, sight.queued), causes=found)


def _first_seen(since: float | None, holds: bool, now: float) -> float | None:
    """Since when something has held without a break; None where it does not."""
    if not holds:
        return None
    return now if since is None else since


def _mixed(sight: Sight, wanted: int) -> bool:
    """Whether tasks of an earlier definition run on, or more than are wanted, and no deployment is about to end them:
    what a rolling update leaves that was cancelled half-way.
    """
    app = sight.app
    return not sight.deploying and (bool(outdated_tasks(app)) or len(current_tasks(app)) > wanted)


def _idle(sight: Sight, wanted: int) -> bool:
    """Whether the app is not as it shall be, and nothing is about to change that."""
    if sight.deploying or sight.queued or "tasks" not in sight.app:
        return False
    missing = len(current_tasks(sight.app)) + int(sight.app.get("tasksStaged", 0)) < wanted
    return missing or _mixed(sight, wanted)


def _deadline(
    app: JsonObject, watch: Watch, verdict: Verdict, around: Around, limits: Limits, now: float
) -> tuple[Watch, Verdict]:
    """Turn a verdict into a failure where the app is hopeless or out of time."""
    if verdict.is_ready or verdict.state is AppState.BLOCKED:
        return replace(watch, since=None), verdict
    since = now if watch.since is None else watch.since
    watch = replace(watch, since=since)
    certain = watch.failures >= limits.certain and _is_certain(app)
    if certain or (watch.setbacks >= limits.failures and not around.others_moving):
        return watch, _hopeless(app, watch, verdict)
    if now - since > limits.timeout:
        return watch, _out_of_time(watch, verdict, limits)
    return watch, verdict


def _is_certain(app: JsonObject) -> bool:
    cause = cause_of_failure(app)
    return cause is not None and cause.kind in AT_ONCE and not current_tasks(app)


def _out_of_time(watch: Watch, verdict: Verdict, limits: Limits) -> Verdict:
    """The best cause that was seen comes first; that the time is up is told besides."""
    found = best_first(verdict.causes, watch.cause)
    brief = f"not ready after {limits.timeout:.0f} s"
    told = f"{brief}, {verdict.ready} of {verdict.wanted} instances"
    late = Cause(Kind.TIMED_OUT, told)
    why = f": {found[0].text}" if found else f": {verdict.detail}" if verdict.detail else ""
    early = not found or found[0].kind in _IS_EARLY
    ranked = (late, *found) if early else (*found, late)
    return replace(verdict, state=AppState.FAILED, detail=f"{told}{why}", brief=brief, causes=ranked)


def _hopeless(app: JsonObject, watch: Watch, verdict: Verdict) -> Verdict:
    if watch.ends.count > watch.failures:
        brief = "its command ended by itself with status 0"
        reason = f"{brief}, {watch.ends.count} times in a row; a service has to keep running"
        return replace(verdict, state=AppState.FAILED, detail=reason, brief=brief)
    brief = f"its tasks failed {watch.failures} times in a row"
    found = verdict.causes
    last = explain_failure(app.get("lastTaskFailure"))
    # Where a cause was read from the last failure it tells that itself.
    reason = brief if found and last in found[0].evidence else f"{brief}; the last one {last}"
    # What failed last may only be what a failing health check ended.
    if watch.cause is not None and watch.cause.kind in HEALTH:
        found = best_first(found, watch.cause)
        reason += "" if watch.cause.text in reason else f"; {watch.cause.text}"
    return replace(verdict, state=AppState.FAILED, detail=reason, brief=brief, causes=found)


def _others_moving(app_id: str, sights: Mapping[str, Sight], before: Round, limits: Limits) -> bool:
    """Whether another app may become ready soon; one that fails again and again itself does not count."""
    for other in sights:
        if other != app_id:
            verdict = before.verdicts.get(other)
            if verdict is None or (verdict.is_moving and before.watches[other].setbacks < limits.failures):
                return True
    return False


def _was_ready(app_id: str, before: Round) -> bool:
    verdict = before.verdicts.get(app_id)
    return verdict is not None and verdict.is_ready
