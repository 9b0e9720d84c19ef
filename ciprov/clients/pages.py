"""One GET of a page, to see whether it is what it should be."""

from __future__ import annotations

import time

import requests
from requests.auth import AuthBase

from ciprov.clients.connection import is_loopback
from ciprov.domain.page import Page

MOST_BYTES = 1_000_000
CONNECT_SECONDS = 5.0
_MOST_REDIRECTS = 10


class _Anonymous(AuthBase):
    """Sends nothing: `.netrc`, which requests would ask otherwise, is not looked at."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def get(url: str, seconds: float, *, follow: bool = True) -> Page:
    """All of it within `seconds`, with redirects where `follow` is set. Never raises."""
    end = time.monotonic() + seconds
    with requests.Session() as session:
        session.auth = _Anonymous()
        session.max_redirects = _MOST_REDIRECTS
        limits = (min(CONNECT_SECONDS, seconds), seconds)
        try:
            # A proxy of the environment cannot reach this machine's own loopback.
            session.trust_env = not is_loopback(url)
            with session.get(url, timeout=limits, allow_redirects=follow, stream=True) as response:
                body = b""
                for piece in response.iter_content(16384):
                    body += piece
                    if len(body) > MOST_BYTES or time.monotonic() > end:
                        break
                return Page(response.status_code, body.decode(response.encoding or "utf-8", "replace"))
        except (requests.RequestException, ValueError, LookupError) as error:
            return Page(error=_reason(error))


def _reason(error: Exception) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return f"its certificate is not trusted ({error})"[:300]
    if isinstance(error, requests.Timeout):
        return "it did not answer in time"
    if isinstance(error, requests.TooManyRedirects):
        return f"it redirected more than {_MOST_REDIRECTS} times"
    if isinstance(error, requests.ConnectionError):
        return "nothing answers there"
    return f"it cannot be asked: {type(error).__name__}"
