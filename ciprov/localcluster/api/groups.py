"""`/v2/groups`: reading and changing."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ciprov.localcluster.api.answers import (
    Json,
    any_body_of,
    change,
    deployment,
    flag,
    location_of,
    path_id,
    version_of,
)
from ciprov.localcluster.api.app_info import Snapshot, embeds
from ciprov.localcluster.api.deployments import steps
from ciprov.localcluster.api.port import Engine, TreeChange
from ciprov.localcluster.definitions.errors import InvalidObject, NotFound, Unprocessable, Violation
from ciprov.localcluster.definitions.fields import GROUP_PATCH
from ciprov.localcluster.definitions.group import Group
from ciprov.localcluster.definitions.ids import ROOT, canonical, faults, parent, top_level
from ciprov.localcluster.definitions.schema import checked
from ciprov.localcluster.deployments.plan import plan
from ciprov.localcluster.tree.changes import (
    create_group,
    delete_group,
    put_group,
    restore_group,
    scale_group,
    set_enforce_role,
)
from ciprov.localcluster.tree.group_update import GroupUpdate, parse_group_update
from ciprov.localcluster.tree.lookup import find_group

_ALL = frozenset({"group.groups", "group.apps", "group.pods"})


def routes(engine: Engine) -> list[Route]:
    groups = Groups(engine)
    found: list[Route] = []
    for base in ("/v2/groups", "/v2/groups/{id:path}"):
        found += [
            Route(f"{base}/apps", groups.apps, methods=["GET"]),
            Route(f"{base}/versions", groups.versions, methods=["GET"]),
            Route(f"{base}/versions/{{version}}", groups.version, methods=["GET"]),
        ]
    for base in ("/v2/groups", "/v2/groups/{id:path}"):
        found += [
            Route(base, groups.one, methods=["GET"]),
            Route(base, groups.create, methods=["POST"]),
            Route(base, groups.put, methods=["PUT"]),
            Route(base, groups.delete, methods=["DELETE"]),
        ]
    return [*found, Route("/v2/groups/{id:path}", groups.patch, methods=["PATCH"])]


class Groups:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def one(self, request: Request) -> Response:
        return Json(self._shown(request, self._existing(path_id(request))))

    async def apps(self, request: Request) -> Response:
        group = find_group(self._engine.root, path_id(request))
        snapshot, embed = Snapshot(self._engine), _app_embeds(request)
        # Marathon gives an empty list for a group that does not exist, too.
        return Json([snapshot.info(app, embed) for app in (group.all_apps() if group else ())])

    async def versions(self, request: Request) -> Response:
        group_id = path_id(request)
        self._existing(group_id)
        return Json(list(self._engine.group_versions(group_id)))

    async def version(self, request: Request) -> Response:
        group_id, wanted = path_id(request), version_of(request.path_params["version"])
        group = self._engine.group_version(group_id, wanted)
        if group is None:
            raise NotFound.group_in_version(group_id, wanted)
        return Json(self._shown(request, group))

    async def create(self, request: Request) -> Response:
        base = path_id(request)
        update = self._update(await any_body_of(request), base)
        accepted = change(self._engine, request, create_group(update), parent(base))
        return deployment(accepted, 201, location_of(request, update.id))

    async def put(self, request: Request) -> Response:
        base = path_id(request)
        edit = self._edit(self._update(await any_body_of(request), base))
        if flag(request, "dryRun"):
            root = self._engine.root
            dry = plan(root, edit(root, root.version), root.version, "dry-run")
            return Json({"steps": steps(dry.steps)})
        return deployment(change(self._engine, request, edit, parent(base)))

    async def patch(self, request: Request) -> Response:
        group_id = path_id(request)
        wanted = checked(GROUP_PATCH, await any_body_of(request)).get("enforceRole", False)
        if group_id == ROOT or parent(group_id) != ROOT:
            raise InvalidObject([Violation("/", "Path needs to be top-level")])
        self._existing(group_id)
        change(self._engine, request, set_enforce_role(group_id, wanted), parent(group_id))
        return Response()

    async def delete(self, request: Request) -> Response:
        group_id = path_id(request)
        return deployment(change(self._engine, request, delete_group(group_id), parent(group_id)))

    def _existing(self, group_id: str) -> Group:
        group = find_group(self._engine.root, group_id)
        if group is None:
            raise NotFound.group(group_id)
        return group

    def _update(self, raw: Any, base: str) -> GroupUpdate:
        if found := [Violation("/id", fault) for fault in faults(base)]:
            raise InvalidObject(found)
        own = raw.get("id") if isinstance(raw, dict) else None
        group_id = canonical(own, base) if isinstance(own, str) else base
        top = find_group(self._engine.root, "/" + top_level(group_id)) if group_id != ROOT else None
        return parse_group_update(raw, base, enforce_role=top is not None and top.enforce_role)

    def _edit(self, update: GroupUpdate) -> TreeChange:
        if update.rollback_to is not None:
            version = version_of(update.rollback_to)
            old = self._engine.group_version(update.id, version)
            if old is None:
                raise Unprocessable(f"Group {update.id} not available in version {version}")
            return restore_group(old)
        if update.scale_by is not None:
            return scale_group(update.id, update.scale_by)
        return put_group(update)

    def _shown(self, request: Request, group: Group) -> dict[str, Any]:
        embed = frozenset(request.query_params.getlist("embed")) or _ALL
        return _render(group, embed, _app_embeds(request), Snapshot(self._engine))


def _app_embeds(request: Request) -> frozenset[str]:
    return embeds(name for name in request.query_params.getlist("embed") if name.startswith("group.apps."))


def _render(group: Group, embed: Collection[str], app_embed: Collection[str], snapshot: Snapshot) -> dict[str, Any]:
    result: dict[str, Any] = {"id": group.id, "dependencies": list(group.dependencies), "version": group.version}
    result["apps"] = [snapshot.info(app, app_embed) for app in group.apps.values()] if "group.apps" in embed else []
    result["pods"] = []
    result["groups"] = (
        [_render(child, embed, app_embed, snapshot) for child in group.groups.values()]
        if "group.groups" in embed
        else []
    )
    if group.id != ROOT and parent(group.id) == ROOT:
        result["enforceRole"] = group.enforce_role
    return result
