"""What stands before every route: this API runs commands, so nobody but its owner on this machine may use it.

Requests need a loopback `Host` (a foreign name that resolves to this machine is a rebinding attack), no `Origin` but
their own, and the cluster's credential. No answer ever carries a header that lets another origin read it.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import secrets
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ciprov.localcluster.api.answers import Json

USER = "ciprov"
REALM = "ciprov embedded cluster"


class Guard:
    """Middleware: lets pass what is local, of no foreign origin, and authenticated as `ciprov:<credential>`."""

    def __init__(self, app: ASGIApp, credential: str) -> None:
        if not credential:
            raise ValueError("the embedded cluster's API needs a credential")
        self._app = app
        self._expected = f"{USER}:{credential}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if not is_loopback(headers.get("host", "")):
            answer = Json({"message": "This cluster answers to loopback addresses only; check the Host header"}, 403)
        elif is_foreign(headers):
            answer = Json({"message": "Requests from other origins are refused"}, 403)
        elif not self._authenticated(headers.getlist("authorization")):
            challenge = {"WWW-Authenticate": f'Basic realm="{REALM}"'}
            message = "Invalid username or password; `ciprov local status -o json` names the credential's file"
            answer = Json({"message": message}, 401, challenge)
        else:
            await self._app(scope, receive, send)
            return
        await answer(scope, receive, send)

    def _authenticated(self, values: Iterable[str]) -> bool:
        given = list(values)
        if len(given) != 1:
            return False
        scheme, _, encoded = given[0].partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            sent = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        return secrets.compare_digest(sent, self._expected)


def host_name(host: str) -> str:
    """The name in a Host header, without port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def is_loopback(host: str) -> bool:
    """Whether a Host header names this machine's loopback, by number or as `localhost`."""
    name = host_name(host)
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_foreign(headers: Headers) -> bool:
    """Whether a browser sent this for a page of another origin."""
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return True
    origin = headers.get("origin")
    return origin is not None and origin.lower() != f"http://{headers.get('host', '')}".lower()
