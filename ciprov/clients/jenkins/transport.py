"""One request to Jenkins, over the `python-jenkins` package: its addresses, its session, its crumbs.

That package has no time-out, tells 401, 403 and 500 as one error with the whole page in it, keeps a crumb for ever,
follows redirects even for writes, and takes headers and a switch against TLS from the environment. So its way to a
request is kept, and what it does with the answer is not.
"""

from __future__ import annotations

import io
import json
import math
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin, urlsplit

import jenkins
import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from ciprov.clients.connection import Connection, Session
from ciprov.clients.jenkins.refusals import (
    Broken,
    elsewhere,
    has_stale_crumb,
    is_login,
    login_wanted,
    not_json,
    refusal,
    silence,
    starting,
    where,
)
from ciprov.domain.jenkins import JenkinsError, JenkinsRestarting
from ciprov.foundation.json import JsonObject

Fields = dict[str, str]

_MOST_HOPS = 5
_MOST_TIMES = 2
"""An answer as a whole may take so many times as long as one piece of it."""
_PIECE = 65536
_RESTARTS_S = 60
"""So long after it said that it restarts, a Jenkins that goes down answers 401 to whomever it knows."""
_SENT_ON = frozenset({301, 302, 303, 307, 308})
_DONE_AND_SHOWN = frozenset({302, 303})
"""How Jenkins answers a write that went well: with the address of the page to look at next."""


class Restart:
    """When Jenkins said last that it restarts, whoever asked it; none of it since it answered."""

    def __init__(self) -> None:
        self._said_at = -math.inf

    @property
    def is_under_way(self) -> bool:
        return time.monotonic() - self._said_at < _RESTARTS_S

    def said(self) -> None:
        self._said_at = time.monotonic()

    def over(self) -> None:
        self._said_at = -math.inf


class Transport(jenkins.Jenkins):  # type: ignore[misc]
    """Not to be shared between threads; `restart` is, by those that ask one Jenkins."""

    def __init__(self, connection: Connection, restart: Restart | None = None) -> None:
        # Not the package's own: it reads the environment (and logs headers from it), and tries Kerberos unasked.
        self.server = connection.servers[0].rstrip("/") + "/"
        self.timeout = (connection.connect_timeout, connection.read_timeout)
        self.auth = None
        self.crumb: Any = None
        self._auths: list[Any] = []
        self._auth_resolved = True
        self._session = Session(connection)
        # The texts of the queue come in the language that is asked for.
        self._session.headers.update({"Accept-Language": "en", "Accept": "*/*"})
        self._connection = connection
        self._restart = restart or Restart()

    def get(self, path: str, **query: str) -> requests.Response:
        request = requests.Request("GET", self._build_url(path), params=query)
        try:
            return self._ask(request, add_crumb=False)
        except Broken:
            # An idle connection that was closed just then.
            return self._ask(request, add_crumb=False)

    def get_json(self, path: str, **query: str) -> JsonObject:
        return decoded(self.get(path, **query), where("GET", self._build_url(path)))

    def post(self, path: str, query: Fields | None = None, form: Fields | None = None) -> None:
        """Sent once; a second time only where a crumb was refused, which is before anything is done."""
        self._post(lambda: requests.Request("POST", self._build_url(path), params=query, data=form))

    def post_xml(self, path: str, xml: str, query: Fields | None = None) -> None:
        """As `post`, with a document as the body."""
        headers, body = {"Content-Type": "application/xml; charset=utf-8"}, xml.encode()
        self._post(lambda: requests.Request("POST", self._build_url(path), dict(headers), params=query, data=body))

    def _post(self, request: Callable[[], requests.Request]) -> None:
        fresh = self.crumb is None
        response = self._post_once(request())
        if not fresh and has_stale_crumb(response):
            self.crumb = None
            response = self._post_once(request())
        place = where("POST", response.url)
        self._check(response, place)
        if response.status_code in _SENT_ON:
            self._check_shown(response, place)

    def _post_once(self, request: requests.Request) -> requests.Response:
        # A fresh connection: an idle one may be closed just as the request goes out, which leaves its fate unknown.
        self._session.close()
        return self._ask(request, add_crumb=True)

    def _ask(self, request: requests.Request, *, add_crumb: bool) -> requests.Response:
        response: requests.Response = self.jenkins_request(request, add_crumb=add_crumb)
        return response

    def _check_shown(self, response: requests.Response, place: str) -> None:
        """Raises where a redirect is not the one to the next page."""
        target = urljoin(response.url, response.headers.get("Location", ""))
        if is_login(target, self.server):
            raise login_wanted(place, target)
        moved = urlsplit(target).path == urlsplit(response.url).path
        if moved or response.status_code not in _DONE_AND_SHOWN:
            raise elsewhere(place, target)

    def maybe_add_crumb(self, req: requests.Request) -> None:
        try:
            super().maybe_add_crumb(req)
        except (json.JSONDecodeError, KeyError) as error:
            raise JenkinsError("no crumb where one should be", place=where("GET", self.server)) from error

    def _request(self, req: requests.Request, _stream: bool | None = None) -> requests.Response:
        url, params = req.url, req.params or {}
        for _ in range(_MOST_HOPS):
            response = self._send(req, url, params)
            if req.method != "GET" or response.status_code not in _SENT_ON:
                return response
            url, params = self._onward(response), {}
        raise elsewhere(where("GET", req.url), url)

    def _onward(self, response: requests.Response) -> str:
        place = where("GET", response.url)
        target = urljoin(response.url, response.headers.get("Location", ""))
        if is_login(target, self.server):
            raise login_wanted(place, target)
        if not target.startswith(self._origin):
            raise elsewhere(place, target)
        return target

    @property
    def _origin(self) -> str:
        parts = urlsplit(self.server)
        return f"{parts.scheme}://{parts.netloc}/"

    def _send(self, req: requests.Request, url: str, params: Any) -> requests.Response:
        try:
            response = self._session.request(
                req.method or "GET",
                url,
                params=params,
                data=req.data or None,
                headers=req.headers,
                timeout=self.timeout,
                allow_redirects=False,
                stream=True,
            )
            return _whole(response, time.monotonic() + _MOST_TIMES * self.timeout[1])
        except (requests.RequestException, HTTPError, OSError) as error:
            raise silence(error, where(req.method or "GET", url), self._connection) from error

    def _response_handler(self, response: requests.Response) -> requests.Response:
        if response.request.method != "GET":
            return response
        if response.status_code == 404 and response.url.endswith(jenkins.CRUMB_URL):
            raise jenkins.NotFoundException  # this Jenkins asks for none
        self._check(response, where("GET", response.url))
        return response

    def _check(self, response: requests.Response, place: str) -> None:
        if response.status_code < 400:
            self._restart.over()
            return
        error = refusal(response, place, self._connection.user)
        if isinstance(error, JenkinsRestarting):
            self._restart.said()
        elif response.status_code == 401 and self._restart.is_under_way:
            error = starting(place)
        raise error


def _whole(response: requests.Response, deadline: float) -> requests.Response:
    """With its body. A time-out of `requests` holds for each piece: one that drips would be waited for without end."""
    body = io.BytesIO()
    try:
        while piece := response.raw.read1(_PIECE, decode_content=True):
            body.write(piece)
            if time.monotonic() > deadline:
                raise requests.ReadTimeout("the answer takes too long")
    except ReadTimeoutError as error:
        raise requests.ReadTimeout(error) from error
    finally:
        response.close()
    body.seek(0)
    response.raw = body
    return response


def decoded(response: requests.Response, place: str) -> JsonObject:
    try:
        document = response.json()
    except ValueError as error:
        raise not_json(response, place) from error
    if not isinstance(document, dict):
        raise not_json(response, place)
    return document
