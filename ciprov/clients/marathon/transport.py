"""One request to one server, over the sessions and settings of the `marathon` package.

That package's own request loop sends a write to the next server after a time-out, logs bodies, and drops the cause of a
failure; its models do not hold what Marathon answers today. So its loop is replaced and its models are not used.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import requests
import tenacity
from marathon import MarathonClient
from urllib3.exceptions import HTTPError

from ciprov.clients.connection import Connection, Session
from ciprov.clients.marathon.redirects import MOST_HOPS, is_configured, is_downgrade, next_hop
from ciprov.clients.marathon.refusals import astray, broken_off, not_json, refusal, silence
from ciprov.clients.no_answer import never_sent
from ciprov.domain.marathon import MarathonError, MarathonUnavailable
from ciprov.foundation.json import JsonObject, JsonValue

Query = Sequence[tuple[str, str]]
Answer = tuple[JsonValue, str]
"""The decoded body and the header `Date`."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a read is tried over all servers. The pauses double from `first_pause` to `longest_pause` seconds."""

    rounds: int = 5
    first_pause: float = 0.2
    longest_pause: float = 2.0


class OneServer(MarathonClient):  # type: ignore[misc]
    """The package's client for a single server, with a request method that says what went wrong."""

    def __init__(self, connection: Connection, server: str) -> None:
        super().__init__(
            server,
            timeout=(connection.connect_timeout, connection.read_timeout),
            session=Session(connection),
            sse_session=Session(connection),
        )
        self._connection = connection

    def _do_request(
        self, method: str, path: str, params: Query | None = None, data: str | None = None
    ) -> requests.Response:
        url = self.servers[0].rstrip("/") + path
        for _ in range(MOST_HOPS):
            response = self._send(method, url, params, data)
            onward = next_hop(response)
            if not onward:
                break
            # Answered so, it was done nowhere yet: even a write may go on to where it is sent, once.
            self._allow(method, response.url, onward)
            url, params = onward, None
        else:
            raise Unsent(astray(f"{method} {url}", MOST_HOPS))
        if response.status_code >= 300:
            place = f"{method} {url}"
            if response.content and _says_json(response):
                decoded(response, place)  # half a reason would pass for another one
            location = response.headers.get("location", "")
            raise refusal(response.status_code, response.reason or "", response.text, place, location)
        return response

    def _send(self, method: str, url: str, params: Query | None, data: str | None) -> requests.Response:
        headers = {"Accept": "application/json"}
        if data is not None:
            headers["Content-Type"] = "application/json"
        try:
            response: requests.Response = self.session.request(
                method,
                url,
                params=params,
                data=data.encode() if data is not None else None,
                headers=headers,
                timeout=self.timeout,
                allow_redirects=False,
            )
        except (requests.RequestException, HTTPError, OSError) as error:
            told = silence(error, f"{method} {url}", self._connection)
            if isinstance(told, MarathonUnavailable) and never_sent(error):
                raise Unsent(told) from error
            raise told from error
        return response

    def _allow(self, method: str, url: str, onward: str) -> None:
        """Raises where credentials, or what TLS kept secret, would get into other hands."""
        known, place = is_configured(self._connection, onward), f"{method} {url}"
        target = onward.partition("?")[0]
        if is_downgrade(url, onward) or (self._connection.has_credentials and not known):
            why = "where nothing is kept secret" if is_downgrade(url, onward) else "to which credentials are not sent"
            raise MarathonError(
                f"the server redirects to {target}, {why}",
                status=307,
                place=place,
                way_out="if that is the leader, add it to the cluster's `marathon` addresses (ciprov config show)",
            )


class Unsent(MarathonUnavailable):
    """No connection was made, so the request may safely go to another server."""

    def __init__(self, told: MarathonError) -> None:
        super().__init__(told.message, place=told.place, way_out=told.way_out)


class Transport:
    """JSON requests to a cluster of equal servers. The server that answered last is asked first."""

    def __init__(self, connection: Connection, retries: Retries | None = None) -> None:
        self.connection = connection
        self._retries = retries or Retries()
        self._servers = list(connection.servers)
        self._readers: dict[str, OneServer] = {}

    def read(self, path: str, params: Query = ()) -> JsonValue:
        """GET; tried again, over all servers, while Marathon is unavailable."""
        return self._read(path, params)[0]

    def date(self, path: str) -> str:
        """The header `Date` of a GET; empty where there is none."""
        return self._read(path, ())[1]

    def _read(self, path: str, params: Query) -> Answer:
        retrying = tenacity.Retrying(
            # After time-outs there is one more try at most.
            stop=tenacity.stop_any(
                tenacity.stop_after_attempt(self._retries.rounds),
                tenacity.stop_after_delay(1.5 * self.connection.read_timeout),
            ),
            wait=tenacity.wait_random_exponential(
                multiplier=self._retries.first_pause, max=self._retries.longest_pause
            ),
            retry=tenacity.retry_if_exception_type(MarathonUnavailable),
            reraise=True,
        )
        return retrying(self._read_once, path, params)

    def write(self, method: str, path: str, params: Query = (), body: JsonObject | None = None) -> JsonValue:
        """Sent to one server once. Only where no connection could be made is the next one asked."""
        failure: Unsent | None = None
        for server in list(self._servers):
            # A fresh connection: an idle one may be closed just as the request goes out, which leaves its fate unknown.
            client = OneServer(self.connection, server)
            try:
                return self._ask(client, method, path, params, json.dumps(body) if body is not None else None)[0]
            except Unsent as error:
                failure = error
            finally:
                client.session.close()
        raise failure or MarathonError("no server is configured", place=self.connection.name)

    def _read_once(self, path: str, params: Query) -> Answer:
        failure: MarathonUnavailable | None = None
        for server in list(self._servers):
            client = self._readers.setdefault(server, OneServer(self.connection, server))
            try:
                return self._ask(client, "GET", path, params, None)
            except MarathonUnavailable as error:
                failure = error
        raise failure or MarathonError("no server is configured", place=self.connection.name)

    def _ask(self, client: OneServer, method: str, path: str, params: Query, data: str | None) -> Answer:
        response = client._do_request(method, path, params or None, data)
        server = client.servers[0]
        if self._servers[0] != server:
            self._servers.sort(key=lambda known: known != server)
        return decoded(response, f"{method} {response.url}"), response.headers.get("Date", "")


def decoded(response: requests.Response, place: str) -> JsonValue:
    if not response.content and response.status_code == 202:  # a forced cancellation
        return None
    try:
        return response.json()
    except ValueError as error:
        # Without a length, the end of an answer that broke off looks like any other.
        raise (broken_off(response, place) if _says_json(response) else not_json(response, place)) from error


def _says_json(response: requests.Response) -> bool:
    return "json" in response.headers.get("content-type", "")
