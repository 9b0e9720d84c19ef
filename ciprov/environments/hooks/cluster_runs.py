"""Runs a hook's command once on the cluster, through Marathon alone. Only its output comes from the agents."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial

from ciprov.domain.marathon import DeploymentRef, MarathonConflict, MarathonDenied, MarathonInvalid
from ciprov.environments.applying import tear_down
from ciprov.environments.diagnosis.causes import Evidence, causes
from ciprov.environments.hooks.one_off import RUN_VARIABLE, State, Verdict, app_id, definition, verdict
from ciprov.environments.hooks.output import Output
from ciprov.environments.hooks.records import Hook
from ciprov.environments.hooks.scene import Scene
from ciprov.environments.session import SHORTEST_POLL, Session
from ciprov.environments.steps import AwaitGone, StopApps, kill_grace
from ciprov.environments.waiting import StillThere
from ciprov.environments.writing import ForeignDeployment, write
from ciprov.foundation.clock import timestamp
from ciprov.foundation.errors import CiprovError
from ciprov.foundation.json import JsonObject

_REFUSALS = (MarathonConflict, MarathonDenied, MarathonInvalid, ForeignDeployment, StillThere)
_OUTPUT_SECONDS = 2.0
"""How often the output is asked for: each time is several requests."""


def run_on_cluster(hook: Hook, scene: Scene) -> None:
    """Start it, wait for its end, show what it wrote, take it away. Raises `HookFailed`, `MarathonGone`, `LockHeld`."""
    session = scene.session
    one = app_id(hook, session.group_path)
    base = scene.apps.get(f"{session.group_path.rstrip('/')}/{hook.like}", {}) if hook.like else _role(scene)
    run = timestamp(session.clock.now())
    body = definition(hook, base, session.group_path, scene.labels, run)
    output = Output(partial(scene.tell_output, hook))
    try:
        _take_away(session, one)  # what an earlier process left, which was killed
        write(session, f"start {hook.title}", partial(_put, session, body))
        with session.listening():
            found = _await(hook, session, body, output)
        output.read(session.agents, found)
        _take_away(session, one)
    except _REFUSALS as error:
        raise scene.failed(hook, error.message) from error
    except KeyboardInterrupt:
        with suppress(CiprovError):
            session.marathon.delete_app(one, force=True)
        scene.tell(hook, "ended, as it was interrupted")
        raise
    if not output.is_known:
        scene.tell(hook, "what it wrote cannot be read: no Mesos address is known, or its agent does not answer")
    if found.state is State.FAILED:
        raise scene.failed(hook, found.reason, output.text)


def _role(scene: Scene) -> JsonObject:
    """Of a hook that is like no app: apps of one group have one role, where they name any."""
    roles = [str(app["role"]) for _, app in sorted(scene.apps.items()) if app.get("role")]
    return {"role": roles[0], "cpus": 0.1, "mem": 64} if roles else {}


def _put(session: Session, body: JsonObject, force: bool) -> DeploymentRef | None:
    app = session.marathon.app(body["id"])
    if app is not None and (app.get("env") or {}).get(RUN_VARIABLE) == body["env"][RUN_VARIABLE]:
        return None
    return session.marathon.put_app(body["id"], body, force=force)


def _await(hook: Hook, session: Session, body: JsonObject, output: Output) -> Verdict:
    started = looked = session.clock.monotonic()
    interval = SHORTEST_POLL
    while True:
        app = session.app(body["id"])
        found = verdict(app, body["env"][RUN_VARIABLE])
        now = session.clock.monotonic()
        if found.state is not State.RUNS:
            return found
        if now - started > hook.timeout:
            why = _why(session, app or {}) if not found.task else ""
            return replace(found, state=State.FAILED, reason=f"it did not end within {hook.timeout} s{why}")
        if now - looked > _OUTPUT_SECONDS:
            looked = now
            output.read(session.agents, found)
        interval = session.pause(interval)


def _why(session: Session, app: JsonObject) -> str:
    """Why no task of it runs."""
    queue = session.steadily(session.marathon.queue)
    queued = next((one for one in queue if (one.get("app") or {}).get("id") == app.get("id")), None)
    found = causes(Evidence(app, queued))
    return f": {found[0].text}" if found else ": no task of it was started"


def _take_away(session: Session, one: str) -> None:
    app = session.app(one)
    if app is not None:
        tear_down(session, (StopApps(delete=(one,)), AwaitGone((one,), {}, kill_grace(app))))
