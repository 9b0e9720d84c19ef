"""How to reach a Marathon or a Mesos master: addresses, credentials, TLS, time-outs."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from ciprov.foundation.errors import CiprovError

_CREDENTIALS = re.compile(r"//[^/\s]*@")


@dataclass(frozen=True, slots=True)
class Connection:
    """`servers` are URLs with an optional path prefix, equals of one cluster, without credentials.

    Either `user` and `password` (Basic) or `token` (`Authorization: token=…`, or as it is where it names its scheme,
    as in `Bearer …`), or none of them. `verify` is False for
    no check of certificates, True for the system's authorities, or the file of the authority. `certificate` is a file
    with the client's certificate, `key` one with its key where that is not in the same file. Time-outs in seconds.
    """

    name: str
    servers: Sequence[str]
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    verify: bool | str = True
    certificate: str = ""
    key: str = ""
    connect_timeout: float = 5.0
    read_timeout: float = 30.0

    def __post_init__(self) -> None:
        if any(ord(character) < 32 for character in self.token):
            raise CiprovError(
                f"the token for {self.name} holds a line break or another control character",
                way_out="correct the token, or its file: one line",
            )

    @property
    def has_credentials(self) -> bool:
        return bool(self.user or self.token)

    @property
    def target(self) -> str:
        """For people and logs: without the credentials that the address of an election in ZooKeeper may hold."""
        return f"{self.name} ({', '.join(_CREDENTIALS.sub('//', server) for server in self.servers)})"

    def __repr__(self) -> str:
        return f"Connection({self.target})"


def authorization(connection: Connection) -> str:
    """The header that the connection's credentials make, as Latin-1 text; empty without credentials."""
    if connection.token:
        named = " " in connection.token.strip()
        token = connection.token if named else f"token={connection.token}"
        # A header's text is Latin-1 to the library; this way it goes out in UTF-8.
        return token.encode().decode("latin-1")
    if connection.user:
        # In UTF-8: requests would take Latin-1 and fail on other passwords.
        pair = f"{connection.user}:{connection.password}".encode()
        return f"Basic {base64.b64encode(pair).decode()}"
    return ""


class Credentials(AuthBase):
    """Sets what is configured and nothing else: `.netrc`, which requests would ask otherwise, is not looked at."""

    def __init__(self, connection: Connection) -> None:
        self._header = authorization(connection)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._header:
            request.headers["Authorization"] = self._header
        return request


class Session(requests.Session):
    """A session with what the connection says, and nothing from `.netrc`."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.auth = Credentials(connection)
        if connection.certificate:
            self.cert = (connection.certificate, connection.key) if connection.key else connection.certificate
        self._verify = connection.verify

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        # Said with each request: of a session's own setting, requests lets REQUESTS_CA_BUNDLE have its way.
        kwargs.setdefault("verify", self._verify)
        return super().request(*args, **kwargs)

    def merge_environment_settings(self, url: Any, *args: Any, **kwargs: Any) -> Any:
        settings = super().merge_environment_settings(url, *args, **kwargs)
        if is_loopback(url):  # a proxy of the environment cannot reach this machine's own loopback
            settings["proxies"] = {}
        return settings


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
