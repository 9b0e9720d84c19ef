"""Agents of an earlier life find the service where it was."""

from __future__ import annotations

import socket
from collections.abc import Collection, Mapping
from contextlib import closing
from pathlib import Path

from ciprov.domain.agents import Key
from ciprov.foundation.json import JsonObject
from ciprov.web.agents.listeners import Where
from ciprov.wiring.agents_listening import bound


class Kept:
    """A store in memory."""

    def __init__(self) -> None:
        self.documents: dict[Key, JsonObject] = {}

    def load(self) -> Mapping[Key, JsonObject]:
        return self.documents

    def write(self, put: Mapping[Key, JsonObject], remove: Collection[Key] = ()) -> None:
        self.documents |= put


def port(directory: Path, store: Kept, host: str = "127.0.0.1", wanted: int = 0) -> int:
    """Of one life of the service."""
    listeners = bound(Where(directory / "agents" / "a.sock", (host, wanted)), store)
    try:
        address = listeners.address()
        assert address is not None
        return address[1]
    finally:
        listeners.stop()


def test_any_port_is_the_same_one_in_the_next_life(tmp_path: Path) -> None:
    store = Kept()
    first = port(tmp_path, store)
    assert port(tmp_path, store) == first


def test_another_one_where_somebody_else_has_it_by_now(tmp_path: Path) -> None:
    store = Kept()
    first = port(tmp_path, store)
    with closing(socket.create_server(("127.0.0.1", first))):
        second = port(tmp_path, store)
    assert second != first
    assert port(tmp_path, store) == second


def test_one_that_the_settings_name_is_not_kept(tmp_path: Path) -> None:
    store = Kept()
    free = port(tmp_path, Kept())
    assert port(tmp_path, store, wanted=free) == free
    assert store.documents == {}


def test_another_host_has_ports_of_its_own(tmp_path: Path) -> None:
    store = Kept()
    port(tmp_path, store)
    (key,) = store.documents
    port(tmp_path, store, host="127.0.0.2")
    assert store.documents[key]["host"] == "127.0.0.2"
