"""From what Marathon answered, or did not answer, to the error that the rooms know."""

from __future__ import annotations

import json
from collections.abc import Iterator

import requests
from urllib3.exceptions import NewConnectionError

from ciprov.domain.marathon import (
    MarathonConflict,
    MarathonDenied,
    MarathonError,
    MarathonInvalid,
    MarathonNotFound,
    MarathonUnavailable,
    MarathonUntrusted,
)


def _afterwards(place: str) -> str:
    if place.startswith("GET "):
        return "see whether Marathon is well, and repeat the command"
    return (
        "whether the change went through is unknown: look at the environment (ciprov env status) and repeat the command"
    )


def refusal(status: int, reason: str, body: str, place: str) -> MarathonError:
    """The error for an answer that is no success. `place` is method and URL."""
    document = _decoded(body)
    message = str(document.get("message") or reason or "no reason given")
    if status in {401, 403}:
        # 403 also stands for too many running deployments, and then the message says so.
        return MarathonDenied(
            f"Marathon refused with {status}: {message}",
            status=status,
            place=place,
            way_out="check the cluster's credentials (ciprov config show) and what they are allowed to do",
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
    return _other(status, message, place)


def _other(status: int, message: str, place: str) -> MarathonError:
    if status >= 500:
        return MarathonUnavailable(
            f"Marathon answered {status}: {message}", status=status, place=place, way_out=_afterwards(place)
        )
    if 300 <= status < 400:
        return MarathonError(
            f"Marathon's address answers with a redirect ({status})",
            status=status,
            place=place,
            way_out="set the cluster's `marathon` to the address that it leads to",
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


def silence(error: requests.RequestException, place: str) -> MarathonError:
    """The error for no answer at all."""
    if isinstance(error, requests.exceptions.SSLError):
        return MarathonUntrusted(
            f"no trust in the server's certificate: {_innermost(error)}",
            place=place,
            way_out="set the cluster's `tls.ca` to the authority's file",
        )
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return MarathonError("no usable URL", place=place, way_out="correct the cluster's `marathon` address")
    if isinstance(error, requests.exceptions.ReadTimeout):
        return MarathonUnavailable("no answer in time", place=place, way_out=_afterwards(place))
    if never_sent(error):
        return MarathonUnavailable(
            f"no connection: {_innermost(error)}",
            place=place,
            way_out="see whether Marathon runs there and can be reached from here (ciprov config show)",
        )
    return MarathonUnavailable(f"the connection broke: {_innermost(error)}", place=place, way_out=_afterwards(place))


def never_sent(error: requests.RequestException) -> bool:
    """Whether it is certain that the request did not leave this machine."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    return any(isinstance(cause, NewConnectionError) for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it stems from: requests and urllib3 keep it in their arguments or in `reason`."""
    seen: set[int] = set()
    todo: list[BaseException] = [error]
    while todo:
        current = todo.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        further = [*current.args, getattr(current, "reason", None), current.__cause__]
        todo.extend(cause for cause in further if isinstance(cause, BaseException))


def _innermost(error: BaseException) -> str:
    """The words of the operating system or of the TLS library, rather than those of the layers above."""
    told = [cause for cause in _causes(error) if isinstance(cause, OSError) and cause.strerror]
    return str(told[-1].strerror) if told else list(_causes(error))[-1].__class__.__name__


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
