"""Calls of the operator API of Mesos masters: they change what the cluster keeps, so each is sent once."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import requests

from ciprov.clients.connection import Connection, Session
from ciprov.clients.no_answer import never_sent
from ciprov.foundation.errors import CiprovError
from ciprov.foundation.json import JsonObject

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 30.0
_REDIRECTS = (301, 302, 307, 308)


class OperationRefused(CiprovError):
    """The master said no, or nobody knows what it said."""


def send_call(session: Session, connection: Connection, call: JsonObject) -> None:
    """To the first master that can be connected to, or to where that one sends it. Raises `OperationRefused`."""
    failure: Exception | None = None
    for master in connection.servers:
        url = f"{master.rstrip('/')}/api/v1"
        try:
            _send(session, connection, url, call)
            return
        except requests.RequestException as error:
            if not never_sent(error):
                raise OperationRefused(
                    f"no answer to {call['type']} ({type(error).__name__}): it may have been done",
                    place=url,
                    way_out="look again and repeat the command",
                ) from error
            failure = error
    raise OperationRefused(
        f"no Mesos master can be reached for {call['type']}",
        place=connection.target,
        way_out="repeat the command later",
    ) from failure


def _send(session: Session, connection: Connection, url: str, call: JsonObject) -> None:
    response = _post(session, url, call)
    if response.status_code in _REDIRECTS:
        onward = urljoin(url, response.headers.get("Location", ""))
        if connection.has_credentials and not _is_configured(connection, onward):
            raise OperationRefused(
                f"the master that leads is {onward}, which is not among the configured ones",
                place=url,
                way_out="add it to the cluster's `mesos` addresses (ciprov config show)",
            )
        onward = onward if onward.endswith("/api/v1") else onward.rstrip("/") + "/api/v1"
        response = _post(session, onward, call)
    if not response.ok or response.status_code in _REDIRECTS:
        raise OperationRefused(
            f"{call['type']}: HTTP {response.status_code}: {response.text.strip()[:300]}",
            place=response.url,
            way_out="see that this user may do that on the master (ACLs), and that nothing uses the resources",
        )


def _post(session: Session, url: str, call: JsonObject) -> requests.Response:
    return session.post(url, json=call, timeout=(CONNECT_SECONDS, ANSWER_SECONDS), allow_redirects=False)


def _is_configured(connection: Connection, url: str) -> bool:
    return any(urlsplit(server)[:2] == urlsplit(url)[:2] for server in connection.servers)
