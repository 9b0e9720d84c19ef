"""A plain HTTP view of a Marathon: no client library between a test and the wire."""

from __future__ import annotations

import base64
import http.client
import json
import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import requests

PATIENCE_SECONDS = 20.0
POLL_SECONDS = 0.03
SMALL = {"cpus": 0.01, "mem": 16}


class MarathonApi:
    """One Marathon, spoken to without any client library."""

    def __init__(self, base: str, user: str, password: str) -> None:
        self.base = base.rstrip("/")
        self._session = requests.Session()
        if user:
            self._session.auth = (user, password)

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        """`body` goes out as JSON, texts as they are; `headers`, else query parameters."""
        headers = {"Content-Type": "application/json", **options.pop("headers", {})}
        data = body if body is None or isinstance(body, str) else json.dumps(body)
        return self._session.request(
            method, self.base + path, data=data, params=options, headers=headers, timeout=30, allow_redirects=False
        )

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.call("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> requests.Response:
        return self.call("POST", path, body, **options)

    def put(self, path: str, body: Any = None, **options: Any) -> requests.Response:
        return self.call("PUT", path, body, **options)

    def patch(self, path: str, body: Any = None, **options: Any) -> requests.Response:
        return self.call("PATCH", path, body, **options)

    def delete(self, path: str, **options: Any) -> requests.Response:
        return self.call("DELETE", path, **options)

    # What tests ask again and again

    def app(self, app_id: str) -> dict[str, Any]:
        return dict(self.get(f"/v2/apps{app_id}").json()["app"])

    def tasks(self, app_id: str) -> list[dict[str, Any]]:
        found = self.get(f"/v2/apps{app_id}/tasks").json()["tasks"]
        return [task for task in found if task["state"] == "TASK_RUNNING"]

    def task_ids(self, app_id: str) -> set[str]:
        return {task["id"] for task in self.tasks(app_id)}

    def deployments(self, app_id: str) -> list[dict[str, Any]]:
        """Those that touch the app, or anything below the group of that id."""
        return [
            each
            for each in self.get("/v2/deployments").json()
            if any(name == app_id or name.startswith(app_id + "/") for name in each["affectedApps"])
        ]

    def queued(self, app_id: str, **options: Any) -> dict[str, Any] | None:
        found = [each for each in self.get("/v2/queue", **options).json()["queue"] if each["app"]["id"] == app_id]
        return found[0] if found else None

    def until(self, what: Callable[[], Any], seconds: float = PATIENCE_SECONDS) -> Any:
        """The first true value of `what`; fails the test where there is none in time."""
        end = time.monotonic() + seconds
        while not (value := what()):
            if time.monotonic() > end:
                pytest.fail(f"not within {seconds} s: {getattr(what, '__name__', what)}")
            time.sleep(POLL_SECONDS)
        return value

    def done(self, answer: requests.Response, seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """Wait until the deployment that an answer names has ended; gives the answer's body."""
        assert answer.status_code in (200, 201), answer.text
        body = dict(answer.json())
        deployment_id = body.get("deploymentId") or body["deployments"][0]["id"]
        self.until(lambda: all(each["id"] != deployment_id for each in self.get("/v2/deployments").json()), seconds)
        return body

    def run(self, app: dict[str, Any]) -> dict[str, Any]:
        """Create an app, wait for it, and read it again."""
        self.done(self.post("/v2/apps", app))
        return self.app(app["id"])

    def events(self, *types: str) -> Events:
        return Events(self.base, self._session.auth, types)


class Events:
    """The event stream, read in a thread from before the first event that a test wants."""

    def __init__(self, base: str, auth: Any, types: tuple[str, ...]) -> None:
        address = urlsplit(base)
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(address.hostname or "", address.port, timeout=60)
        headers = {"Accept": "text/event-stream"}
        if auth:
            headers["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
        query = urlencode([("event_type", each) for each in types])
        self._connection.request("GET", f"{address.path}/v2/events" + (f"?{query}" if query else ""), headers=headers)
        self._socket = self._connection.sock
        self._answer = self._connection.getresponse()
        self.status, self.headers = self._answer.status, self._answer.headers
        self.seen: list[tuple[str, dict[str, Any]]] = []
        self._found: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        name = ""
        try:
            while line := self._answer.readline().decode():
                if line.startswith("event:"):
                    name = line.removeprefix("event:").strip()
                elif line.startswith("data:"):
                    self._found.put((name, json.loads(line.removeprefix("data:"))))
        except (OSError, ValueError, http.client.HTTPException):
            return

    def next(
        self, name: str, matches: Callable[[dict[str, Any]], bool] = lambda _: True, seconds: float = PATIENCE_SECONDS
    ) -> dict[str, Any]:
        """The first event of that name that matches, among those seen already too."""
        for kind, data in self.seen:
            if kind == name and matches(data):
                return data
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                kind, data = self._found.get(timeout=left)
            except queue.Empty:
                break
            self.seen.append((kind, data))
            if kind == name and matches(data):
                return data
        pytest.fail(f"no {name} among {[kind for kind, _ in self.seen]}")

    def close(self) -> None:
        """Ends the stream under the reading thread, which a plain close would wait for."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def sleeper(app_id: str, **fields: Any) -> dict[str, Any]:
    return {"id": app_id, "cmd": "sleep 1000", **SMALL, **fields}


def paths(answer: requests.Response) -> dict[str, list[str]]:
    """The `details` of a 422: errors by path."""
    assert answer.status_code == 422, (answer.status_code, answer.text)
    return {each["path"]: each["errors"] for each in answer.json()["details"]}
