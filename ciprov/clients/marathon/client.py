"""Marathon as the rooms see it: see `ciprov.environments.ports.Marathon`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from ciprov.clients.connection import Connection
from ciprov.clients.marathon.events import EventReader, Pauses
from ciprov.clients.marathon.transport import Query, Retries, Transport
from ciprov.domain.marathon import DeploymentRef, MarathonError, MarathonEvent, MarathonNotFound
from ciprov.foundation.json import JsonObject, JsonValue

# Without `embed` a group shows apps and groups, but no counts; with it, only what is named.
_WHOLE_GROUP: Query = tuple(
    ("embed", part)
    for part in ("group.groups", "group.apps", "group.pods", "group.apps.counts", "group.apps.deployments")
)


class HttpMarathon:
    """Marathon over HTTP. Reads are repeated while it is unavailable; a write is sent once."""

    def __init__(self, connection: Connection, *, retries: Retries | None = None, pauses: Pauses | None = None) -> None:
        self._connection = connection
        self._transport = Transport(connection, retries)
        self._pauses = pauses or Pauses()

    @property
    def target(self) -> str:
        return self._connection.target

    def info(self) -> JsonObject:
        return self._object(self._transport.read("/v2/info"), "/v2/info")

    def server_time(self) -> datetime | None:
        try:
            return parsedate_to_datetime(self._transport.date("/v2/info")).astimezone(UTC)
        except ValueError:
            return None

    def group(self, path: str) -> JsonObject | None:
        url = _url("/v2/groups", path)
        try:
            return self._object(self._transport.read(url, _WHOLE_GROUP), url)
        except MarathonNotFound:
            return None

    def app(self, app_id: str) -> JsonObject | None:
        url = _url("/v2/apps", app_id)
        try:
            return self._object(self._object(self._transport.read(url), url).get("app"), url)
        except MarathonNotFound:
            return None

    def apps(self) -> list[JsonObject]:
        return self._list(self._transport.read("/v2/apps"), "apps", "/v2/apps")

    def tasks(self, app_id: str) -> list[JsonObject]:
        """None of an app that does not exist."""
        url = _url("/v2/apps", app_id) + "/tasks"
        try:
            return self._list(self._transport.read(url), "tasks", url)
        except MarathonNotFound:
            return []

    def root_version(self) -> str:
        url = "/v2/groups"
        # Of the groups only the outline: what is not named is left out.
        return str(self._object(self._transport.read(url, [("embed", "group.groups")]), url).get("version") or "")

    def group_at(self, path: str, version: str) -> JsonObject | None:
        url = f"{_url('/v2/groups', path)}/versions/{quote(version, safe=':')}"
        try:
            return self._object(self._transport.read(url), url)
        except MarathonNotFound:
            return None

    def app_at(self, app_id: str, version: str) -> JsonObject | None:
        url = f"{_url('/v2/apps', app_id)}/versions/{quote(version, safe=':')}"
        try:
            return self._object(self._transport.read(url), url)
        except MarathonNotFound:
            return None

    def put_group(self, path: str, body: JsonObject, *, force: bool = False) -> DeploymentRef:
        return self._change("PUT", _url("/v2/groups", path), [("force", _flag(force))], body)

    def put_app(self, app_id: str, body: JsonObject, *, force: bool = False) -> DeploymentRef:
        query = [("force", _flag(force)), ("partialUpdate", "true")]
        return self._change("PUT", _url("/v2/apps", app_id), query, body)

    def delete_app(self, app_id: str, *, force: bool = False) -> DeploymentRef:
        # Always said: Marathon forces the deletion of an app where nothing is said.
        return self._change("DELETE", _url("/v2/apps", app_id), [("force", _flag(force))])

    def delete_group(self, path: str, *, force: bool = False) -> DeploymentRef:
        return self._change("DELETE", _url("/v2/groups", path), [("force", _flag(force))])

    def deployments(self) -> list[JsonObject]:
        found = self._transport.read("/v2/deployments")
        return self._list({"deployments": found}, "deployments", "/v2/deployments")

    def cancel_deployment(self, deployment_id: str) -> None:
        try:
            self._transport.write("DELETE", f"/v2/deployments/{quote(deployment_id, safe='')}", [("force", "true")])
        except MarathonNotFound:
            return

    def queue(self) -> list[JsonObject]:
        return self._list(self._transport.read("/v2/queue"), "queue", "/v2/queue")

    def events(self, types: Collection[str], wake: Callable[[MarathonEvent], None]) -> AbstractContextManager[None]:
        return EventReader(self._connection, types, wake, self._pauses)

    def _change(self, method: str, url: str, query: Query, body: JsonObject | None = None) -> DeploymentRef:
        answer = self._object(self._transport.write(method, url, query, body), url)
        try:
            return DeploymentRef(id=str(answer["deploymentId"]), version=str(answer["version"]))
        except KeyError as error:
            raise self._unexpected(url, f"without {error}") from error

    def _object(self, answer: JsonValue, url: str) -> JsonObject:
        if isinstance(answer, dict):
            return answer
        raise self._unexpected(url, "that is no JSON object")

    def _list(self, answer: JsonValue, key: str, url: str) -> list[JsonObject]:
        items: Any = self._object(answer, url).get(key)
        if isinstance(items, list) and all(isinstance(item, dict) for item in items):
            return items
        raise self._unexpected(url, f"without the list {key!r}")

    def _unexpected(self, url: str, what: str) -> MarathonError:
        return MarathonError(
            f"an answer {what} to {url}",
            place=self.target,
            way_out="check that the cluster's `marathon` address is that of a Marathon (ciprov config show)",
        )


def _url(base: str, path: str) -> str:
    inner = path.strip("/")
    return f"{base}/{quote(inner, safe='/')}" if inner else base


def _flag(value: bool) -> str:
    return "true" if value else "false"
