"""`/v2/tasks` and the tasks of an app: listing and killing."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ciprov.localcluster.api.accepting import best
from ciprov.localcluster.api.answers import Json, body_of, change, deployment, exclusive, flag, path_id
from ciprov.localcluster.api.app_info import Snapshot, task
from ciprov.localcluster.api.endpoints_text import endpoints_text
from ciprov.localcluster.api.port import Engine, Locked
from ciprov.localcluster.definitions.errors import BadRequest, LockedByDeployments, NotFound
from ciprov.localcluster.definitions.ids import ROOT, canonical
from ciprov.localcluster.definitions.schema import Items, Record, Text, checked
from ciprov.localcluster.model import Condition, Instance
from ciprov.localcluster.tree.changes import edit_apps
from ciprov.localcluster.tree.lookup import find_app, find_group

_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_TASK_ID = re.compile(rf"(?P<instance>.+(?:\.(?:instance-|marathon-)|[._]){_UUID})(?:[._].+)?")
_IDS = Record({"ids": Items(Text())}, required=("ids",))
_STATES = {"running": Condition.RUNNING, "staging": Condition.STAGING}


def routes(engine: Engine) -> list[Route]:
    tasks = Tasks(engine)
    return [
        Route("/v2/tasks", tasks.listing, methods=["GET"]),
        Route("/v2/tasks/delete", tasks.kill_named, methods=["POST"]),
        Route("/v2/apps/{id:path}/tasks", tasks.of_app, methods=["GET"]),
        Route("/v2/apps/{id:path}/tasks", tasks.kill_many, methods=["DELETE"]),
        Route("/v2/apps/{id:path}/tasks/{task}", tasks.kill_one, methods=["DELETE"]),
    ]


def instance_id(task_id: str) -> str | None:
    """The instance that a task id belongs to, whatever the attempt; None where it is no task id."""
    found = _TASK_ID.fullmatch(task_id)
    return found["instance"] if found else None


class Tasks:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def listing(self, request: Request) -> Response:
        query = request.query_params
        named = [*query.getlist("status"), *query.getlist("status[]")]
        wanted = {_STATES[name.lower()] for name in named if name.lower() in _STATES}
        snapshot = Snapshot(self._engine)
        if _wants_text(request):
            return PlainTextResponse(endpoints_text(self._engine.root.all_apps(), snapshot.instances))
        shown = [
            task(instance, app, app.service_ports)
            for app in self._engine.root.all_apps()
            for instance in snapshot.instances(app.id)
            if not wanted or instance.condition in wanted
        ]
        return Json({"tasks": shown})

    async def of_app(self, request: Request) -> Response:
        path = request.path_params["id"]
        snapshot = Snapshot(self._engine)
        if path.split("/")[-1] == "*":
            group_id = canonical(path[:-1])
            group = find_group(self._engine.root, group_id)
            if group is None:
                raise NotFound.group(group_id)
            apps = list(group.all_apps())
        else:
            app = find_app(self._engine.root, path_id(request))
            if app is None:
                raise NotFound.app(path_id(request))
            apps = [app]
        if _wants_text(request):
            return PlainTextResponse(endpoints_text(apps, snapshot.instances))
        return Json({"tasks": [task(item, app) for app in apps for item in snapshot.instances(app.id)]})

    async def kill_many(self, request: Request) -> Response:
        host = request.query_params.get("host")
        found = self._of_app(path_id(request), lambda item: host in (None, "*", item.host))
        return self._kill(request, found) or self._shown(found)

    async def kill_one(self, request: Request) -> Response:
        task_id = request.path_params["task"]
        wanted = instance_id(task_id)
        found = self._of_app(path_id(request), lambda item: item.id == wanted)
        if not found:
            raise NotFound.task(task_id)
        return self._kill(request, found) or Json({"task": self._task(found[0])})

    async def kill_named(self, request: Request) -> Response:
        exclusive(flag(request, "scale"), flag(request, "wipe"))
        wanted: set[str] = set()
        for task_id in checked(_IDS, await body_of(request))["ids"]:
            found_id = instance_id(task_id)
            if found_id is None:
                raise BadRequest(f"Invalid task id '{task_id}'.")
            wanted.add(found_id)
        found = [item for item in self._engine.instances() if item.id in wanted and _is_task(item)]
        return self._kill(request, found) or self._shown(found)

    def _of_app(self, app_id: str, matches: Callable[[Instance], bool]) -> list[Instance]:
        if find_app(self._engine.root, app_id) is None:
            raise NotFound.app(app_id)
        return [item for item in self._engine.instances(app_id) if _is_task(item) and matches(item)]

    def _kill(self, request: Request, instances: Collection[Instance]) -> Response | None:
        """Kill them; a deployment's answer where their apps are to be scaled down, too."""
        scale, wipe = flag(request, "scale"), flag(request, "wipe")
        exclusive(scale, wipe)
        ids = [item.id for item in instances]
        if not scale:
            if ids:
                self._engine.kill(ids, wipe=wipe)
            return None
        if not ids:
            return deployment(change(self._engine, request, edit_apps([]), ROOT))
        try:
            return deployment(self._engine.scale_down(ids, force=flag(request, "force")))
        except Locked as locked:
            raise LockedByDeployments(locked.deployment_ids) from None

    def _shown(self, instances: Sequence[Instance]) -> Response:
        return Json({"tasks": [self._task(item) for item in instances]})

    def _task(self, instance: Instance) -> dict[str, object]:
        return task(instance, find_app(self._engine.root, instance.app_id))


def _is_task(instance: Instance) -> bool:
    return instance.condition is not Condition.SCHEDULED


def _wants_text(request: Request) -> bool:
    """Marathon had this form until 1.7; its documents still name it."""
    return best(request.headers.get("accept", ""), ("application/json", "text/plain")) == "text/plain"
