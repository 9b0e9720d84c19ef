"""`/v2/apps`: reading. Changes are in `app_changes`, tasks in `tasks`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ciprov.localcluster.api.answers import Json, path_id, version_of
from ciprov.localcluster.api.app_info import Snapshot, embeds
from ciprov.localcluster.api.port import Engine
from ciprov.localcluster.api.selectors import parse_selector
from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.errors import NotFound
from ciprov.localcluster.definitions.ids import canonical
from ciprov.localcluster.definitions.render import render_app
from ciprov.localcluster.tree.lookup import find_app, find_group

IN_LISTS = frozenset({"counts", "deployments"})
ALONE = IN_LISTS | {"tasks", "lastTaskFailure"}


def routes(engine: Engine) -> list[Route]:
    async def listing(request: Request) -> Response:
        embed = embeds(request.query_params.getlist("embed")) | IN_LISTS
        snapshot = Snapshot(engine)
        return Json({"apps": [snapshot.info(app, embed) for app in _selected(engine, request)]})

    async def one(request: Request) -> Response:
        embed = embeds(request.query_params.getlist("embed")) | ALONE
        path = request.path_params["id"]
        if path.split("/")[-1] == "*":
            group_id = canonical(path[:-1])
            group = find_group(engine.root, group_id)
            if group is None:
                raise NotFound.group(group_id)
            snapshot = Snapshot(engine)
            return Json({"*": [snapshot.info(app, embed) for app in group.all_apps()]})
        return Json({"app": Snapshot(engine).info(_existing(engine, path_id(request)), embed)})

    async def versions(request: Request) -> Response:
        app_id = path_id(request)
        _existing(engine, app_id)
        return Json({"versions": list(engine.app_versions(app_id))})

    async def version(request: Request) -> Response:
        app_id, wanted = path_id(request), version_of(request.path_params["version"])
        app = engine.app_version(app_id, wanted)
        if app is None:
            raise NotFound.app_in_version(app_id, wanted)
        return Json(render_app(app))

    return [
        Route("/v2/apps", listing, methods=["GET"]),
        Route("/v2/apps/{id:path}/versions", versions, methods=["GET"]),
        Route("/v2/apps/{id:path}/versions/{version}", version, methods=["GET"]),
        Route("/v2/apps/{id:path}", one, methods=["GET"]),
    ]


def _existing(engine: Engine, app_id: str) -> App:
    app = find_app(engine.root, app_id)
    if app is None:
        raise NotFound.app(app_id)
    return app


def _selected(engine: Engine, request: Request) -> list[App]:
    """The apps that the query's `id`, `cmd` and `label` name."""
    apps = list(engine.root.all_apps())
    query = request.query_params
    if part := query.get("id"):
        apps = [app for app in apps if part.lower() in app.id.lower()]
    if part := query.get("cmd"):
        apps = [app for app in apps if app.cmd is not None and part.lower() in app.cmd.lower()]
    if label := query.get("label"):
        matches = parse_selector(label)
        apps = [app for app in apps if matches(app.labels)]
    return apps
