"""Why a request got no answer, as far as the libraries' exceptions tell."""

from __future__ import annotations

from collections.abc import Iterator

import requests
from urllib3.exceptions import NewConnectionError


def never_sent(error: Exception) -> bool:
    """Whether it is certain that the request did not leave this machine."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    return any(isinstance(cause, NewConnectionError) for cause in causes(error))


def causes(error: BaseException) -> Iterator[BaseException]:
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


def innermost(error: BaseException) -> str:
    """The words of the operating system or of the TLS library, rather than those of the layers above."""
    told = [cause for cause in causes(error) if isinstance(cause, OSError) and cause.strerror]
    return str(told[-1].strerror) if told else list(causes(error))[-1].__class__.__name__
