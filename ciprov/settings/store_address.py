"""The URL of a store: `sqlite:///absolute/path.db` or `zk://host,host:port/path`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

_PORT = 2181
_PATH = "/ciprov"
_ALLOWED = "sqlite:///absolute/path.db or zk://host,host:port/path"
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)(:(\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class StoreUrl:
    """`url` is the normal form without credentials. `hosts` (`host:port`) and `root` are of ZooKeeper; without `hosts`
    it is a file of this machine.
    """

    url: str
    hosts: tuple[str, ...] = ()
    root: str = ""
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"StoreUrl({self.url})"

    @property
    def is_local(self) -> bool:
        return not self.hosts


def parse(raw: str) -> StoreUrl:
    """Raises ValueError, whose text never holds what may be a password."""
    value = raw.strip()
    if value.startswith("sqlite:///") and value != "sqlite:///":
        return StoreUrl(value)
    if not value.startswith("zk://"):
        raise ValueError(f"a URL of a store is wanted: {_ALLOWED}")
    given, at, rest = value.removeprefix("zk://").rpartition("@")
    user, colon, password = given.partition(":")
    if at and not (user and colon and password):
        raise ValueError("before the @ a user and a password are wanted: zk://user:password@host/path")
    names, slash, path = rest.partition("/")
    hosts = tuple(_host(name.strip()) for name in names.split(","))
    parts = [part for part in path.split("/") if part] if slash else []
    if any(part in {".", "..", "zookeeper"} or not re.fullmatch(r"[\w.@:+-]+", part) for part in parts):
        raise ValueError("the path after the hosts must be plain names with slashes between them, such as /ciprov")
    root = "/" + "/".join(parts) if parts else _PATH
    return StoreUrl(f"zk://{','.join(hosts)}{root}", hosts, root, unquote(user), unquote(password))


def _host(name: str) -> str:
    match = _HOST.fullmatch(name)
    port = int(match[4] or _PORT) if match else 0
    if match is None or not 0 < port < 65536:
        raise ValueError(f"hosts with or without a port are wanted, commas between them: {_ALLOWED}")
    return f"{match[1]}:{port}"
