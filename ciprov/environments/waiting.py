"""Waiting for a cluster: until apps are gone and their ports free, until deployments ended, until apps are ready.

Events only cut a pause short; every verdict rests on what was read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from ciprov.domain.marathon import MarathonNotFound
from ciprov.environments.agent_ports import agent_ports
from ciprov.environments.diagnosis.cause import Cause, deployment_stuck, hidden
from ciprov.environments.diagnosis.causes import in_back_off
from ciprov.environments.diagnosis.kinds import Kind
from ciprov.environments.diagnosis.placement import Surroundings, placement_causes
from ciprov.environments.diagnosis.report import Diagnosis, diagnose
from ciprov.environments.progress import AppProgress, AppState
from ciprov.environments.readiness import Limits, Round, Sight, Verdict, judge_all, living_tasks
from ciprov.environments.replacing.around import Around
from ciprov.environments.replacing.jams import Jam, acted_on_now, hopeless, jams
from ciprov.environments.replacing.partition import cut_off, ways_out
from ciprov.environments.session import SHORTEST_POLL, Session
from ciprov.environments.steps import AwaitGone
from ciprov.environments.tree import apps_of, depends_on, group_dependencies, is_below, needed_by, relative
from ciprov.foundation.errors import CiprovError
from ciprov.foundation.json import JsonObject

ALARM_SECONDS = 60.0
"""After the kill grace: a task that is still there then will not go by itself."""

PORT_SECONDS = 15.0
"""After the end of the tasks: the master gives ports back within its allocation and revive intervals."""

AGENTS_SECONDS = 5.0
"""How long what the agents have is taken for known, while something waits for them."""

AGENTS_AWAY_SECONDS = 30.0
"""How long a master that did not answer is left alone."""


class NotReady(CiprovError):
    """Apps failed, or were not ready in time."""

    def __init__(self, diagnoses: tuple[Diagnosis, ...]) -> None:
        super().__init__("\n".join(map(str, diagnoses)))
        self.diagnoses = diagnoses


class StillThere(CiprovError):
    """Tasks did not end."""

    kind = Kind.TASKS_LINGER


class OutOfReach(StillThere):
    """Tasks cannot be reached, and may still hold the ports or volumes of their app."""

    kind = Kind.UNREACHABLE_AGENT


Places = Mapping[str, frozenset[str]]
"""The agents on which the tasks of each app ran."""


def places_of(session: Session, app_ids: Collection[str]) -> Places:
    return {
        app_id: frozenset(str(task.get("slaveId") or "") for task in living_tasks(_tasks(session, app_id))) - {""}
        for app_id in app_ids
    }


def await_gone(session: Session, step: AwaitGone, deployments: Collection[str], places: Places) -> None:
    """Raises `StillThere` after the kill grace and `ALARM_SECONDS`. `deployments` are those that end the tasks.

    Returns early where somebody else scaled an app up again: whoever writes next has to look at it afresh.
    """
    started = session.clock.monotonic()
    interval = SHORTEST_POLL
    left: dict[str, list[JsonObject]] = {app_id: [] for app_id in step.app_ids}
    while True:
        listed = {app_id: living_tasks(_tasks(session, app_id)) for app_id in step.app_ids}
        before, left = left, {app_id: tasks for app_id, tasks in listed.items() if tasks}
        open_ones = _open(session, deployments)
        for app_id in sorted(before.keys() - left.keys()):
            session.tell(AppProgress(relative(app_id, session.group_path), AppState.GONE))
        if not left and not open_ones:
            break
        waited = session.clock.monotonic() - started
        if waited > step.grace and any(_started_again(session, app_id) for app_id in left):
            return
        if waited > step.grace + ALARM_SECONDS:
            raise _still_there(session, step, left, open_ones)
        interval = session.pause(interval)
    _await_ports(session, step, places)


def _still_there(
    session: Session, step: AwaitGone, left: Mapping[str, list[JsonObject]], open_ones: Collection[str]
) -> StillThere:
    budget = f"within {step.grace + ALARM_SECONDS:.0f} s"
    place = session.marathon.target
    lost = [task for app_id in sorted(left) for task in cut_off(app_id, Around(left))]
    if lost:
        message = f"{'; '.join(map(str, lost))}: it did not answer {budget}"
        return OutOfReach(message, place=place, way_out=ways_out(lost))
    if not left:
        way_out = "look at `ciprov env status`, and repeat the command"
        return StillThere(
            f"deployment {', '.join(sorted(open_ones))} did not end {budget}", place=place, way_out=way_out
        )
    tasks = [
        f"{task.get('id')} on {task.get('host')} ({task.get('state')})"
        for app_id in sorted(left)
        for task in left[app_id]
    ]
    return StillThere(
        f"tasks of {', '.join(sorted(left))} did not end {budget}: {', '.join(tasks)}",
        place=place,
        way_out="look at the agents they run on, end them there, and repeat the command",
    )


def _started_again(session: Session, app_id: str) -> bool:
    app = session.app(app_id)
    return app is not None and int(app.get("instances", 1)) > 0


def _await_ports(session: Session, step: AwaitGone, places: Places) -> None:
    """A port that stays in use is told, not refused: whoever has it now shows in the queue's reasons."""
    started = session.clock.monotonic()
    interval = SHORTEST_POLL
    while held := _held_ports(session, step, places):
        if session.clock.monotonic() - started > PORT_SECONDS:
            session.note(f"still in use although no task is left: {', '.join(held)}")
            return
        interval = session.pause(interval)


def _held_ports(session: Session, step: AwaitGone, places: Places) -> list[str]:
    if not any(places.get(app_id) for app_id in step.ports):
        return []
    slaves = session.agents.agents()
    return [
        f"port {port} on {agent.hostname or agent.id}"
        for agent in agent_ports(slaves or [])
        for app_id, ports in step.ports.items()
        if agent.id in places.get(app_id, ())
        for port in ports
        if agent.uses(port)
    ]


def await_deployments(session: Session, deployments: Collection[str], patience: float) -> None:
    """Until none of `deployments` is listed. Raises `StillThere`."""
    started = session.clock.monotonic()
    interval = SHORTEST_POLL
    while open_ones := _open(session, deployments):
        if session.clock.monotonic() - started > patience:
            raise StillThere(
                f"deployment {', '.join(sorted(open_ones))} did not end within {patience:.0f} s",
                place=session.marathon.target,
                way_out="look at `ciprov env status`, and repeat the command",
            )
        interval = session.pause(interval)


def await_ready(session: Session, limits: Limits) -> tuple[str, ...]:
    """Until every app of the environment is ready and no deployment acts on it any more. Raises `NotReady`.

    Returns early, for the caller to mend, with the apps whose tasks a cancelled deployment left as nobody wants them,
    or whose update stands still.
    """
    now = session.clock.monotonic
    state, told, agents, jammed = Round(), dict[str, str](), _AgentsSeen(), dict[str, Jam]()
    interval, all_ready_since = SHORTEST_POLL, None
    while True:
        looked = session.steadily(partial(_look, session, state, agents))
        agents, busy = looked.agents, looked.busy
        state = judge_all(looked.sights, looked.graph, state, limits, now())
        _tell(session, state, told)
        if state.failed:
            raise NotReady(_diagnoses(session, looked, state))
        jammed = jams(jammed, looked.restarting, now())
        if stalled := state.stalled or hopeless(
            jammed, {one: app for one, (app, _) in looked.restarting.items()}, now()
        ):
            return stalled
        if state.all_ready:
            if not busy:
                return ()
            all_ready_since = now() if all_ready_since is None else all_ready_since
            if now() - all_ready_since > limits.timeout:
                reason = f"all its apps are ready, but deployment {', '.join(busy)} did not end"
                raise NotReady((Diagnosis(session.group_path, reason, (deployment_stuck(reason),)),))
        else:
            all_ready_since = None
        interval = session.pause(interval)


@dataclass(frozen=True, slots=True)
class _AgentsSeen:
    """The master's list of agents (None: unknown), and when it was read, in monotonic seconds."""

    slaves: Sequence[JsonObject] | None = None
    at: float | None = None


@dataclass(frozen=True, slots=True)
class _Looked:
    """One poll: sights and dependencies per app, the deployments that act on the environment, and what they restart at
    present, with its queue entries.
    """

    sights: Mapping[str, Sight]
    graph: Mapping[str, frozenset[str]]
    busy: Sequence[str]
    agents: _AgentsSeen
    restarting: Mapping[str, tuple[JsonObject, JsonObject | None]]


def _look(session: Session, before: Round, agents: _AgentsSeen) -> _Looked:
    """Apps that were ready before, and still are by their counts, are not read one by one."""
    marathon = session.marathon
    group = marathon.group(session.group_path)
    if group is None:
        raise CiprovError(f"group {session.group_path} was removed by somebody else", place=marathon.target)
    deployments = [
        one
        for one in marathon.deployments()
        if any(is_below(str(app), session.group_path) for app in one.get("affectedApps") or [])
    ]
    acting = {app_id for one in deployments for app_id in _acted_on(one)}
    apps = apps_of(group)
    detailed = {
        app_id: (marathon.app(app_id) or app) if _needs_detail(app_id, app, before) else app
        for app_id, app in apps.items()
    }
    waiting = any("tasks" in app for app in detailed.values())
    queue = {str((one.get("app") or {}).get("id")): one for one in marathon.queue()} if waiting else {}
    if any(app_id in detailed and not in_back_off(queued) for app_id, queued in queue.items()):
        agents = _agents_seen(session, agents)
    around = Surroundings(agents.slaves)
    sights = {app_id: Sight(app, queue.get(app_id), app_id in acting, around) for app_id, app in detailed.items()}
    busy = [str(one.get("id")) for one in deployments]
    restarting = {
        app_id: (detailed[app_id], queue.get(app_id)) for app_id in acted_on_now(deployments) & detailed.keys()
    }
    return _Looked(sights, depends_on(apps, group_dependencies(group)), busy, agents, restarting)


def _agents_seen(session: Session, before: _AgentsSeen) -> _AgentsSeen:
    """Read again after a while; a master that is not known or does not answer is left alone for longer."""
    now = session.clock.monotonic()
    pause = AGENTS_SECONDS if before.slaves is not None else AGENTS_AWAY_SECONDS
    if before.at is not None and now - before.at < pause:
        return before
    return _AgentsSeen(session.agents.agents(), now)


def _needs_detail(app_id: str, app: JsonObject, before: Round) -> bool:
    """Until its tasks have shown that it is ready; from then on its counts do."""
    wanted = int(app.get("instances", 1))
    counted = int(app.get("tasksHealthy" if app.get("healthChecks") else "tasksRunning", 0))
    known = before.verdicts.get(app_id)
    return counted < wanted or known is None or not known.is_ready


def _acted_on(deployment: JsonObject) -> set[str]:
    """The apps of its present step and of those to come."""
    steps = deployment.get("steps") or []
    present = max(0, int(deployment.get("currentStep") or 0) - 1)
    return {str(action.get("app")) for step in steps[present:] for action in step.get("actions") or []}


def _tell(session: Session, state: Round, told: dict[str, str]) -> None:
    for app_id, verdict in sorted(state.verdicts.items()):
        # A count-down in the detail is no news.
        news = re.sub(r"\d+ s\b", "", f"{verdict.state} {verdict.ready}/{verdict.wanted} {verdict.detail}")
        if told.get(app_id) != news:
            told[app_id] = news
            session.tell(_progress(session, app_id, verdict))


def _progress(session: Session, app_id: str, verdict: Verdict) -> AppProgress:
    told = verdict.brief or verdict.detail  # what a failure explains at length comes with the error
    detail = hidden(told.replace(session.group_path.rstrip("/") + "/", ""), session.secrets)
    return AppProgress(relative(app_id, session.group_path), verdict.state, verdict.ready, verdict.wanted, detail)


def _diagnoses(session: Session, looked: _Looked, state: Round) -> tuple[Diagnosis, ...]:
    """Of what failed, then of what else is known to be stuck, then of what waits for any of them."""
    found = []
    for app_id in sorted(state.failed):
        verdict, app = state.verdicts[app_id], session.app(app_id) or {"id": app_id}
        causes = _with_holder(session, looked, app_id, verdict.causes)
        found.append(diagnose(app, causes, verdict.detail, session.agents, session.secrets))
    stuck = sorted(
        (verdict.state is AppState.BLOCKED, app_id)
        for app_id, verdict in state.verdicts.items()
        if verdict.is_stuck and app_id not in state.failed
    )
    for blocked, app_id in stuck:
        if not blocked or {*state.failed, *(other for _, other in stuck)} & needed_by(app_id, looked.graph):
            causes = tuple(cause.without(session.secrets) for cause in state.verdicts[app_id].causes)
            found.append(Diagnosis(app_id, "", causes))
    return tuple(found)


def _with_holder(session: Session, looked: _Looked, app_id: str, found: tuple[Cause, ...]) -> tuple[Cause, ...]:
    """A port that is held: by whom, now that it is worth to look at all apps."""
    sight = looked.sights[app_id]
    if not found or found[0].kind is not Kind.PORT_HELD or sight.queued is None or in_back_off(sight.queued):
        return found
    around = Surroundings(looked.agents.slaves, session.steadily(session.marathon.apps))
    named = placement_causes(sight.app, sight.queued, around)
    return (named[0], *found[1:]) if named[0].kind is Kind.PORT_HELD else found


def _open(session: Session, deployments: Collection[str]) -> set[str]:
    if not deployments:
        return set()
    return {str(one.get("id")) for one in session.steadily(session.marathon.deployments)} & set(deployments)


def _tasks(session: Session, app_id: str) -> list[JsonObject]:
    try:
        return session.steadily(lambda: session.marathon.tasks(app_id))
    except MarathonNotFound:
        return []
