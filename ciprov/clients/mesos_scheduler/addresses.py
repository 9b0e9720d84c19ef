"""Where masters are: the forms a user may write, and where a redirect points to. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from ciprov.foundation.errors import UsageError

MASTER_PORT = 5050
ZOOKEEPER_PORT = 2181
_FORMS = "host:5050, http://host:5050, https://host, several with commas between, or zk://host:2181,host:2181/mesos"
_HOST = re.compile(r"\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?")


@dataclass(frozen=True, slots=True)
class Master:
    host: str
    port: int
    tls: bool = False
    prefix: str = ""
    """A path before `/api/v1/scheduler`, where a proxy has one."""

    @property
    def authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self.authority}{self.prefix}"

    def __str__(self) -> str:
        return self.url if self.tls or self.prefix else self.authority


@dataclass(frozen=True, slots=True)
class ZooKeeperPath:
    """Where masters enter their election. `hosts` are `host:port`."""

    hosts: tuple[str, ...]
    path: str
    user: str = ""
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"zk://{','.join(self.hosts)}{self.path}"


def parse_masters(text: str) -> tuple[Master, ...] | ZooKeeperPath:
    """Raises `UsageError`, whose text holds no password."""
    given = text.strip()
    for scheme in ("zk://", "zoo://"):
        if given.startswith(scheme):
            return _zookeeper(given.removeprefix(scheme))
    return tuple(_master(part.strip()) for part in given.split(","))


def redirected(location: str, asked: Master) -> Master:
    """Where `Location` of a 307 points to, `//leader:5050` or a URL. Raises ValueError where it cannot be followed."""
    parts = urlsplit(location if "//" in location else f"//{location}")
    tls = asked.tls if not parts.scheme else parts.scheme == "https"
    if parts.scheme not in {"", "http", "https"} or not parts.hostname:
        raise ValueError(f"it redirects to {location!r}, which is no address")
    if asked.tls and not tls:
        raise ValueError(f"it redirects from TLS to {location!r} without TLS")
    return Master(parts.hostname, parts.port or _default_port(tls, parts.scheme), tls, asked.prefix)


def _default_port(tls: bool, scheme: str) -> int:
    return {"http": 80, "https": 443}.get(scheme, 443 if tls else MASTER_PORT)


def _master(part: str) -> Master:
    parts = urlsplit(part if "://" in part else f"//{part}")
    try:
        port = parts.port
    except ValueError:
        raise _wrong(part) from None
    host = parts.netloc.rpartition(":")[0] if port is not None else parts.netloc
    if (
        parts.scheme not in {"", "http", "https"}
        or "@" in parts.netloc
        or parts.query
        or parts.fragment
        or port == 0
        or not _HOST.fullmatch(host)
    ):
        raise _wrong(part)
    # Only a bare host means Mesos's own port: a URL has its scheme's.
    default = {"": MASTER_PORT, "http": MASTER_PORT, "https": 443}[parts.scheme]
    return Master(host.strip("[]"), port or default, parts.scheme == "https", parts.path.rstrip("/"))


def _zookeeper(rest: str) -> ZooKeeperPath:
    credentials, at, place = rest.rpartition("@")
    user, colon, password = credentials.partition(":")
    if at and not (user and colon and password):
        raise UsageError(
            "the address of the Mesos masters has an @ without a user and a password before it",
            way_out="write zk://user:password@host:2181/mesos",
        )
    names, _, path = place.partition("/")
    path = "/" + path.strip("/")
    if path == "/" or "//" in path:
        raise UsageError(f"the ZooKeeper address zk://{place} has no path", way_out="write zk://host:2181/mesos")
    return ZooKeeperPath(
        tuple(_server(name.strip()) for name in names.split(",")), path, unquote(user), unquote(password)
    )


def _server(name: str) -> str:
    host, colon, port = name.rpartition(":") if not name.endswith("]") else (name, "", "")
    if not colon:
        host, port = name, str(ZOOKEEPER_PORT)
    if not _HOST.fullmatch(host) or not port.isdigit() or not 0 < int(port) < 65536:
        raise _wrong(name)
    return f"{host}:{port}"


def _wrong(part: str) -> UsageError:
    shown = part.rpartition("@")[2]
    return UsageError(f"{shown!r} is no address of a Mesos master", way_out=f"write {_FORMS}")
