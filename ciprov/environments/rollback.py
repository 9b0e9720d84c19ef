"""Back to what was there before: by ciprov's own plan, never by Marathon's rollback, which a fixed port would hang."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from ciprov.environments.applying import apply, tear_down
from ciprov.environments.hooks.one_off import is_hook
from ciprov.environments.mending import await_mended
from ciprov.environments.normalise import definition
from ciprov.environments.planning import Target
from ciprov.environments.readiness import Limits
from ciprov.environments.session import Session
from ciprov.environments.steps import teardown_steps
from ciprov.environments.tree import apps_of
from ciprov.foundation.json import JsonObject


def snapshot(live: JsonObject, pending: Mapping[str, int]) -> JsonObject:
    """`live`, as Marathon answered it, as the body of a group PUT.

    An app at zero by an interrupted operation gets the count back that this one wanted for it (`pending`).
    """
    body: JsonObject = {"id": live["id"]}
    if live.get("dependencies"):
        body["dependencies"] = list(live["dependencies"])
    body["apps"] = [_app(app, pending) for app in live.get("apps") or [] if not is_hook(app)]
    body["groups"] = [snapshot(below, pending) for below in live.get("groups") or []]
    return body


def roll_back(session: Session, name: str, before: JsonObject, limits: Limits) -> None:
    """Make the live group what `before` (a `snapshot`) was, and wait until it is ready.

    Raises `NotReady` where what was there before does not become ready either.
    """
    target = Target(name, session.group_path, before, session.secrets)
    counts = {app_id: int(app.get("instances", 1)) for app_id, app in apps_of(before).items()}
    again = partial(apply, session, target, counts, {})
    again()
    await_mended(session, limits, again)


def remove_all(session: Session) -> None:
    """For a first creation: what was there before is nothing."""
    live = session.steadily(lambda: session.marathon.group(session.group_path))
    tear_down(session, teardown_steps(session.group_path, live))


def _app(app: JsonObject, pending: Mapping[str, int]) -> JsonObject:
    body = definition(app)
    if not int(body.get("instances", 1)):
        body["instances"] = pending.get(app["id"], 0)
    return body
