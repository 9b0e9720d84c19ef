"""From what Marathon answered, or did not answer, to the error that the rooms know."""

from __future__ import annotations

import json
from collections.abc import Iterator

import requests

from ciprov.clients.connection import Connection
from ciprov.clients.no_answer import causes, innermost, never_sent
from ciprov.clients.tls_failures import TlsSettings, tls_failure
from ciprov.domain.marathon import (
    MarathonConflict,
    MarathonDenied,
    MarathonError,
    MarathonInvalid,
    MarathonNotFound,
    MarathonUnavailable,
    MarathonUntrusted,
)

_TLS_SETTINGS = TlsSettings("the cluster's", "marathon")
_LATER = frozenset({408, 425, 429})
"""What balancers say of a server that is busy."""


def _afterwards(place: str) -> str:
    if place.startswith("GET "):
        return "see whether Marathon is well, and repeat the command"
    return (
        "whether the change went through is unknown: look at the environment (ciprov env status) and repeat the command"
    )


def refusal(status: int, reason: str, body: str, place: str, location: str = "") -> MarathonError:
    """The error for an answer that is no success. `place` is method and URL, `location` where a redirect leads to."""
    document = _decoded(body)
    message = str(document.get("message") or reason or "no reason given")
    if status in {401, 403}:
        # 403 also stands for too many running deployments, and then the message says so.
        return MarathonDenied(
            f"Marathon refused with {status}: {message}",
            status=status,
            place=place,
            way_out="check the cluster's credentials: `auth` in the settings file, or CIPROV_MARATHON_USER with "
            "CIPROV_MARATHON_PASSWORD_FILE, or CIPROV_MARATHON_TOKEN_FILE; `ciprov config show` tells which are used. "
            "Then see what they are allowed to do",
        )
    # A proxy's own 404 must not pass for "there is no such group": Marathon always says what it did not find.
    if status == 404 and "message" in document:
        return MarathonNotFound(message, status=status, place=place)
    if status == 409:
        ids = [str(item["id"]) for item in _objects(document.get("deployments")) if "id" in item]
        return MarathonConflict(message, deployment_ids=ids, place=place)
    if status in {400, 422}:
        details = tuple(_details(document.get("details")))
        lines = "".join(f"\n  {path or '/'}: {text}" for path, text in details)
        return MarathonInvalid(f"{message}{lines}", status=status, details=details, place=place)
    return _redirected(status, location, place) if 300 <= status < 400 else _other(status, message, place)


def _redirected(status: int, location: str, place: str) -> MarathonError:
    leads = f" to {location.partition('?')[0]}" if location else ""
    return MarathonError(
        f"Marathon's address answers with a redirect ({status}){leads}",
        status=status,
        place=place,
        way_out="set the cluster's `marathon` to the address that it leads to",
    )


def _other(status: int, message: str, place: str) -> MarathonError:
    if status >= 500 or status in _LATER:
        return MarathonUnavailable(
            f"Marathon answered {status}: {message}", status=status, place=place, way_out=_afterwards(place)
        )
    return MarathonError(
        f"unexpected answer {status}: {message}",
        status=status,
        place=place,
        way_out="check the cluster's `marathon` address and path prefix (ciprov config show)",
    )


def not_json(response: requests.Response, place: str) -> MarathonError:
    kind = response.headers.get("content-type", "no content type")
    return MarathonError(
        f"the answer is not the JSON of a Marathon ({kind})",
        status=response.status_code,
        place=place,
        way_out="check the cluster's `marathon` address and path prefix (ciprov config show)",
    )


def broken_off(response: requests.Response, place: str) -> MarathonUnavailable:
    return MarathonUnavailable(
        "the answer broke off", status=response.status_code, place=place, way_out=_afterwards(place)
    )


def astray(place: str, hops: int) -> MarathonUnavailable:
    return MarathonUnavailable(
        f"no leader found: after {hops} redirects the servers still send on to each other",
        status=307,
        place=place,
        way_out="see whether ZooKeeper and the other Marathons are well; an election takes some seconds",
    )


def silence(error: Exception, place: str, connection: Connection) -> MarathonError:
    """The error for no answer at all."""
    untrusted = tls_failure(list(causes(error)), _TLS_SETTINGS)
    if untrusted is not None:
        return MarathonUntrusted(untrusted.message, place=place, way_out=untrusted.way_out)
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return MarathonError("no usable URL", place=place, way_out="correct the cluster's `marathon` address")
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return _unreachable(f"no connection within {connection.connect_timeout:g} s", place)
    if isinstance(error, requests.exceptions.ReadTimeout):
        later = "; the cluster's `timeout` (CIPROV_TIMEOUT) gives it longer"
        return MarathonUnavailable(
            f"no answer within {connection.read_timeout:g} s", place=place, way_out=_afterwards(place) + later
        )
    if never_sent(error):
        return _unreachable(f"no connection: {innermost(error)}", place)
    return MarathonUnavailable(
        f"the connection broke: {innermost(error)}", place=place, way_out=_afterwards(place) + _hint(place)
    )


def _hint(place: str) -> str:
    """What else it may be where a server hangs up."""
    if place.startswith("GET http://"):
        return "; a server with TLS wants https:// in its address"
    if place.startswith("GET https://"):
        return "; a server may hang up, too, on a client without a certificate that it knows (`tls.certificate`)"
    return ""


def _unreachable(what: str, place: str) -> MarathonUnavailable:
    return MarathonUnavailable(
        what,
        place=place,
        way_out="see whether Marathon runs there and can be reached from here (ciprov config show)",
    )


def _decoded(body: str) -> dict[str, object]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _objects(value: object) -> list[dict[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _details(value: object) -> Iterator[tuple[str, str]]:
    """422 gives a list of paths with errors, 400 one text."""
    if isinstance(value, str):
        yield "", value
    for item in _objects(value):
        errors = item.get("errors")
        for error in errors if isinstance(errors, list) else [errors]:
            yield str(item.get("path", "")), str(error)
