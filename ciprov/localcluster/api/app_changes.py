"""`/v2/apps`: changes. Each becomes one deployment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ciprov.localcluster.api.answers import (
    DEPLOYMENT_HEADER,
    Json,
    body_of,
    change,
    deployment,
    flag,
    location_of,
    path_id,
    version_of,
)
from ciprov.localcluster.api.port import Engine
from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.errors import InvalidObject, NotFound, Unprocessable
from ciprov.localcluster.definitions.fields import APP, APP_UPDATE
from ciprov.localcluster.definitions.ids import ROOT, canonical, parent, top_level
from ciprov.localcluster.definitions.parse import apply_update, build_app, group_role, parse_app_as, update_of
from ciprov.localcluster.definitions.render import render_app
from ciprov.localcluster.definitions.schema import Items, checked
from ciprov.localcluster.tree.changes import AppEdit, create_app, delete_app, edit_apps, restart_app
from ciprov.localcluster.tree.lookup import find_app, find_group


def routes(engine: Engine) -> list[Route]:
    changes = AppChanges(engine)
    return [
        Route("/v2/apps", changes.create, methods=["POST"]),
        Route("/v2/apps", changes.put_list, methods=["PUT"]),
        Route("/v2/apps", changes.patch_list, methods=["PATCH"]),
        Route("/v2/apps/{id:path}/restart", changes.restart, methods=["POST"]),
        Route("/v2/apps/{id:path}", changes.put, methods=["PUT"]),
        Route("/v2/apps/{id:path}", changes.patch, methods=["PATCH"]),
        Route("/v2/apps/{id:path}", changes.delete, methods=["DELETE"]),
    ]


class AppChanges:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def create(self, request: Request) -> Response:
        cleaned = checked(APP, await body_of(request))
        app = build_app(cleaned, role=self._role(canonical(cleaned["id"])))
        accepted = change(self._engine, request, create_app(app), parent(app.id))
        # The answer still shows service port 0 where one is to be assigned, as Marathon's does.
        fresh = app.model_copy(update={"version": accepted.version})
        self._announce(request, fresh)
        body = {
            **render_app(fresh),
            "tasksStaged": 0,
            "tasksRunning": 0,
            "tasksHealthy": 0,
            "tasksUnhealthy": 0,
            "deployments": [{"id": accepted.deployment_id}],
        }
        body.pop("versionInfo", None)
        headers = {DEPLOYMENT_HEADER: accepted.deployment_id, "Location": location_of(request, app.id)}
        return Json(body, 201, headers)

    async def put(self, request: Request) -> Response:
        app_id, raw = path_id(request), await body_of(request)
        known = find_app(self._engine.root, app_id) is not None
        if known and flag(request, "partialUpdate", True):
            edit = self._partial(app_id, checked(APP_UPDATE, raw))
        else:
            app = parse_app_as(app_id, raw, role=self._role(app_id))
            edit = partial(_replaced, app)
        accepted = change(self._engine, request, edit_apps([(app_id, edit)]), parent(app_id))
        self._announce(request, find_app(self._engine.root, app_id))
        return deployment(accepted) if known else deployment(accepted, 201, location_of(request, app_id))

    async def patch(self, request: Request) -> Response:
        app_id, raw = path_id(request), await body_of(request)
        if find_app(self._engine.root, app_id) is None:
            raise NotFound.app(app_id)
        edit = self._partial(app_id, checked(APP_UPDATE, raw))
        accepted = change(self._engine, request, edit_apps([(app_id, edit)]), parent(app_id))
        self._announce(request, find_app(self._engine.root, app_id))
        return deployment(accepted)

    async def put_list(self, request: Request) -> Response:
        return await self._list(request, creating=True, partially=flag(request, "partialUpdate", True))

    async def patch_list(self, request: Request) -> Response:
        return await self._list(request, creating=False, partially=True)

    async def _list(self, request: Request, *, creating: bool, partially: bool) -> Response:
        raw = await body_of(request)
        edits: list[tuple[str, AppEdit]] = []
        for index, item in enumerate(checked(Items(APP_UPDATE if partially else APP), raw)):
            if "id" not in item:
                raise Unprocessable("App Update must have app id set")
            app_id = canonical(item["id"])
            try:
                edits.append((app_id, self._list_edit(app_id, item, creating=creating, partially=partially)))
            except InvalidObject as error:
                raise InvalidObject(violation.below(f"({index})") for violation in error.violations) from None
        return deployment(change(self._engine, request, edit_apps(edits), ROOT))

    def _list_edit(self, app_id: str, item: Mapping[str, Any], *, creating: bool, partially: bool) -> AppEdit:
        if not partially:
            return partial(_replaced, build_app(item, role=self._role(app_id)))
        updated = self._partial(app_id, item)

        def edit(current: App | None) -> App:
            if current is None and creating:
                return parse_app_as(app_id, dict(item), role=self._role(app_id))
            return updated(current)

        return edit

    def _partial(self, app_id: str, cleaned: Mapping[str, Any]) -> AppEdit:
        """A partial update, or the return to the version it names."""
        update = update_of(cleaned)
        if "version" in update:
            return partial(_updated, app_id, partial(_restored, self._old_version(app_id, update["version"])))
        return partial(_updated, app_id, lambda current: apply_update(current, update))

    def _old_version(self, app_id: str, version: str) -> App:
        old = self._engine.app_version(app_id, version_of(version))
        if old is None:
            raise NotFound.app_in_version(app_id, version)
        return old

    async def delete(self, request: Request) -> Response:
        app_id = path_id(request)
        gone = find_app(self._engine.root, app_id)
        force = flag(request, "force", True)
        accepted = change(self._engine, request, delete_app(app_id), parent(app_id), force=force)
        self._announce(request, gone)
        return deployment(accepted)

    async def restart(self, request: Request) -> Response:
        app_id = path_id(request)
        return deployment(change(self._engine, request, restart_app(app_id), parent(app_id), restart=[app_id]))

    def _role(self, app_id: str) -> str:
        top = find_group(self._engine.root, "/" + top_level(app_id)) if parent(app_id) != ROOT else None
        return group_role(app_id, top is not None and top.enforce_role)

    def _announce(self, request: Request, app: App | None) -> None:
        if app is None:
            return
        client = request.client.host if request.client else ""
        self._engine.events.publish(
            "api_post_event", {"clientIp": client, "uri": request.url.path, "appDefinition": render_app(app)}
        )


def _replaced(app: App, current: App | None) -> App:
    del current
    return app


def _restored(old: App, current: App) -> App:
    del current
    return old


def _updated(app_id: str, make: Callable[[App], App], current: App | None) -> App:
    if current is None:
        raise NotFound.app(app_id)
    return make(current)
