"""A server that does not lead may send its clients to the one that does."""

from __future__ import annotations

from urllib.parse import SplitResult, urljoin, urlsplit

import requests

from ciprov.clients.connection import Connection

MOST_HOPS = 5
"""While a leader is elected, servers may send their clients to each other."""

_SAME_REQUEST = frozenset({307, 308})
_PORTS = {"http": 80, "https": 443}


def next_hop(response: requests.Response) -> str:
    """Where the same request is to go instead; empty where the answer is none of that kind."""
    location = response.headers.get("location", "")
    if response.status_code not in _SAME_REQUEST or not location:
        return ""
    return urljoin(response.url, location)


def is_downgrade(before: str, after: str) -> bool:
    """Whether what was sent under TLS would go out in clear, or not by HTTP at all."""
    scheme = urlsplit(after).scheme
    return scheme not in _PORTS or (urlsplit(before).scheme == "https" and scheme != "https")


def is_configured(connection: Connection, url: str) -> bool:
    """Whether `url` is on one of the cluster's own servers: only they get credentials."""
    return _origin(urlsplit(url)) in {_origin(urlsplit(server)) for server in connection.servers}


def _origin(parts: SplitResult) -> tuple[str, str, int | None]:
    return parts.scheme, parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
