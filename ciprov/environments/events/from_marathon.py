"""Marathon's events as happenings of environments: those of apps below the groups that are followed. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from ciprov.domain.marathon import STREAM_LOST, STREAM_OPENED, MarathonEvent
from ciprov.environments.events.happening import Happening, Sort
from ciprov.environments.tree import is_below, relative
from ciprov.foundation.json import JsonObject


@dataclass(frozen=True, slots=True)
class Place:
    """Where environments are: `groups` maps the group paths of those that are known to their names; `prefix` is the
    group above those that are not known yet. `only` is the one that is asked for; empty: all of them.
    """

    groups: Mapping[str, str] = field(default_factory=dict)
    prefix: str = "/"
    only: str = ""

    def of(self, app_id: str) -> tuple[str, str] | None:
        """The environment of an app and the app's id relative to it; None where it is none that is asked for."""
        for path, name in self.groups.items():
            if is_below(app_id, path):
                return self._asked(name, relative(app_id, path))
        inner = self.prefix.strip("/")
        above = f"/{inner}/" if inner else "/"
        if not app_id.startswith(above):
            return None
        name, _, app = app_id.removeprefix(above).partition("/")
        return self._asked(name, app) if app else None

    def _asked(self, name: str, app: str) -> tuple[str, str] | None:
        return (name, app) if self.only in ("", name) else None


def happenings(event: MarathonEvent, place: Place, now: str) -> tuple[Happening, ...]:
    """`now` stands for the time of an event that has none. What has another form than Marathon's tells nothing."""
    read = _READERS.get(event.type)
    try:
        return tuple(read(event.data, place, str(event.data.get("timestamp") or now))) if read else ()
    except (AttributeError, TypeError):
        return ()


def _task(data: JsonObject, place: Place, at: str) -> Iterator[Happening]:
    found = place.of(str(data.get("appId", "")))
    if found:
        status = str(data.get("taskStatus", ""))
        facts = {"task": data.get("taskId"), "task_status": status, "host": data.get("host"), "message": ""}
        facts["message"] = str(data.get("message") or "")
        words = [f"on {data['host']}"] if data.get("host") else []
        words += [facts["message"]] if facts["message"] else []
        state = status.removeprefix("TASK_").lower().replace("_", " ")
        yield Happening(at, Sort.TASK, found[0], found[1], state, ": ".join(map(str, words)), facts)


def _health(data: JsonObject, place: Place, at: str) -> Iterator[Happening]:
    found = place.of(str(data.get("appId", "")))
    if found:
        facts = {"instance": data.get("instanceId") or data.get("taskId"), "healthy": bool(data.get("alive"))}
        yield Happening(at, Sort.HEALTH, found[0], found[1], "healthy" if facts["healthy"] else "unhealthy", "", facts)


def _deployment(state: str) -> Callable[[JsonObject, Place, str], Iterator[Happening]]:
    def read(data: JsonObject, place: Place, at: str) -> Iterator[Happening]:
        plan = data.get("plan") or {}
        deployment = str(data.get("id") or plan.get("id") or "")
        steps = plan.get("steps") or ()
        current = (data.get("currentStep") or {}).get("actions") or ()
        apps: dict[str, list[str]] = {}
        for step in steps:
            for action in step.get("actions") or ():
                if found := place.of(str(action.get("app"))):
                    apps.setdefault(found[0], []).append(found[1])
        for environment, names in apps.items():
            doing = [
                f"{action.get('action')} {found[1]}"
                for action in current
                if (found := place.of(str(action.get("app")))) and found[0] == environment
            ]
            facts = {"deployment": deployment, "apps": sorted(set(names)), "actions": doing}
            detail = ", ".join(doing or sorted(set(names)))
            yield Happening(at, Sort.DEPLOYMENT, environment, deployment, state, detail, facts)

    return read


def _stream(state: str) -> Callable[[JsonObject, Place, str], Iterator[Happening]]:
    def read(data: JsonObject, _: Place, at: str) -> Iterator[Happening]:
        yield Happening(at, Sort.STREAM, "", "", state, str(data.get("server") or ""))

    return read


_READERS: Mapping[str, Callable[[JsonObject, Place, str], Iterator[Happening]]] = {
    "status_update_event": _task,
    "health_status_changed_event": _health,
    "deployment_info": _deployment("step begins"),
    "deployment_step_failure": _deployment("step failed"),
    "deployment_success": _deployment("done"),
    "deployment_failed": _deployment("failed or cancelled"),
    STREAM_OPENED: _stream("Marathon's events are heard"),
    STREAM_LOST: _stream("Marathon's events are lost until the stream is open again"),
}

FOLLOWED = tuple(_READERS)
"""The types of events to ask for."""
