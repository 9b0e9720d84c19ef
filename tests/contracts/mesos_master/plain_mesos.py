"""A Mesos master and its agents in plain HTTP: no client library between a test and the wire."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

SCHEDULER = "/api/v1/scheduler"
JSON_HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
_SECONDS = 20.0

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


class Place:
    """What answers HTTP at `base`; `credential` is `user:password`, or empty."""

    def __init__(self, base: str, credential: str = "") -> None:
        self.base, self.credential = base.rstrip("/"), credential
        self._url = urlsplit(self.base)

    def agent(self, offer: Json, by: str = "ip") -> Place:
        """The agent of an offer, which takes the same credential; `url.path` of the offer is not in its base."""
        address = offer["url"]["address"]
        return Place(f"{offer['url']['scheme']}://{address[by]}:{address['port']}", self.credential)

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """For an answer that is read as it comes; `ask` reads it whole."""
        connection = http.client.HTTPConnection(self._url.hostname or "", self._url.port, timeout=_SECONDS)
        words = base64.b64encode(self.credential.encode()).decode()
        access = {"Authorization": f"Basic {words}"} if self.credential else {}
        connection.request(method, self._url.path + path, body, {**access, **(headers or {})})
        return connection, connection.getresponse()

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        connection, answer = self.send(method, path, body, headers)
        try:
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, path: str, /, **query: Any) -> Answer:
        return self.ask("GET", path + (f"?{urlencode(query)}" if query else ""))

    def read(self, path: str, /, **query: Any) -> Any:
        answer = self.get(path, **query)
        assert answer.status == 200, (path, answer.status, answer.text)
        return answer.json()

    def call(self, call: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """To the scheduler API; bytes go out as they are. A stream must be ended by who began it."""
        body = call if isinstance(call, bytes) else json.dumps(call).encode()
        return self.ask("POST", SCHEDULER, body, {**JSON_HEADERS, **(headers or {})})

    def framework(self, framework_id: str, among: str = "frameworks") -> Json | None:
        """As the master's state has it."""
        return next((one for one in self.read("/state")[among] if one["id"] == framework_id), None)
