"""An engine that only keeps trees, and a client that calls the application without a socket."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Message

from ciprov.localcluster.api.app import create_app
from ciprov.localcluster.api.port import Accepted, DeploymentView, Locked, QueueEntry, TreeChange
from ciprov.localcluster.definitions.app import App
from ciprov.localcluster.definitions.group import Group
from ciprov.localcluster.deployments.versions import stamp
from ciprov.localcluster.model import Agent, Instance, Resources, TaskFailure
from ciprov.localcluster.tree.lookup import find_app, find_group

TOKEN = "open sesame"
HOST = "127.9.8.1:8080"


@dataclass
class RecordedEvents:
    events: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def publish(self, event_type: str, fields: Mapping[str, Any]) -> None:
        self.events.append((event_type, fields))

    def published(self, event_type: str, condition: str = "") -> int:
        return sum(name == event_type and condition in ("", fields.get("condition")) for name, fields in self.events)


@dataclass
class TreeEngine:
    """Applies tree changes; its deployments end at once, but for the `views` that a test puts there."""

    root: Group = field(default_factory=lambda: Group(version="2020-01-01T00:00:00.000Z"))
    events: RecordedEvents = field(default_factory=RecordedEvents)
    agents: Sequence[Agent] = ()
    running: list[Instance] = field(default_factory=list)
    forgotten: list[Instance] = field(default_factory=list)
    views: list[DeploymentView] = field(default_factory=list)
    entries: list[QueueEntry] = field(default_factory=list)
    failures: dict[str, TaskFailure] = field(default_factory=dict)
    trees: list[Group] = field(default_factory=list)
    calls: list[tuple[Any, ...]] = field(default_factory=list)

    def change(self, change: TreeChange, *, force: bool, group_id: str, restart: Collection[str] = ()) -> Accepted:
        version = f"2020-01-01T00:00:{len(self.trees) + 1:02}.000Z"
        target = stamp(self.root, change(self.root, version), version, restart)
        before = {app.id: app for app in self.root.all_apps()}
        after = {app.id: app for app in target.all_apps()}
        touched = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)} | set(restart)
        holders = [view.id for view in self.views if touched & set(view.affected_apps)]
        if holders and not force:
            raise Locked(holders)
        self.calls.append(("change", group_id, force, tuple(sorted(touched))))
        self.root = target
        self.trees.append(target)
        return Accepted(f"deployment-{len(self.trees)}", version)

    def instances(self, app_id: str | None = None) -> Sequence[Instance]:
        return [item for item in self.running if app_id in (None, item.app_id)]

    def strays(self) -> Sequence[Instance]:
        return self.forgotten

    def held_by_frameworks(self) -> Mapping[str, Resources]:
        return {}

    def last_failure(self, app_id: str) -> TaskFailure | None:
        return self.failures.get(app_id)

    def app_versions(self, app_id: str) -> Sequence[str]:
        found = [app.version for tree in self.trees if (app := find_app(tree, app_id))]
        return list(dict.fromkeys(reversed(found)))

    def app_version(self, app_id: str, version: str) -> App | None:
        apps = [app for tree in self.trees if (app := find_app(tree, app_id))]
        return next((app for app in apps if app.version == version), None)

    def group_versions(self, group_id: str) -> Sequence[str]:
        return [tree.version for tree in reversed(self.trees) if find_group(tree, group_id)]

    def group_version(self, group_id: str, version: str) -> Group | None:
        return next((find_group(tree, group_id) for tree in self.trees if tree.version == version), None)

    def deployments(self) -> Sequence[DeploymentView]:
        return self.views

    def cancel(self, deployment_id: str, *, force: bool) -> Accepted | None:
        self.calls.append(("cancel", deployment_id, force))
        return None if force else Accepted("rollback", "2020-02-02T00:00:00.000Z")

    def kill(self, instance_ids: Collection[str], *, wipe: bool) -> None:
        self.calls.append(("kill", tuple(instance_ids), wipe))

    def scale_down(self, instance_ids: Collection[str], *, force: bool) -> Accepted:
        self.calls.append(("scale_down", tuple(instance_ids), force))
        return Accepted("scaled", "2020-02-02T00:00:00.000Z")

    def queue(self) -> Sequence[QueueEntry]:
        return self.entries

    def reset_delay(self, app_id: str) -> bool:
        return any(entry.app.id == app_id for entry in self.entries)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Sends requests to the application over an engine, with credentials unless told otherwise."""

    def __init__(self, engine: TreeEngine) -> None:
        self.engine = engine
        self._app = create_app(engine, TOKEN, HOST)

    def __call__(self, method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
        path, _, query = url.partition("?")
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {"host": HOST, "authorization": basic("ciprov", TOKEN), **(headers or {})}
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in sent.items() if value],
            "client": ("127.0.0.1", 5),
            "server": ("127.9.8.1", 8080),
        }
        return asyncio.run(self._exchange(scope, content))

    async def _exchange(self, scope: dict[str, Any], content: bytes) -> Answer:
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        headers = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], headers, b"".join(item.get("body", b"") for item in sent[1:]))


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
