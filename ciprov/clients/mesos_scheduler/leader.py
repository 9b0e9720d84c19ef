"""Which master leads: from a list of masters, or from their election in ZooKeeper."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from kazoo.client import KazooClient
from kazoo.exceptions import NoAuthError, NoNodeError

from ciprov.clients.mesos_scheduler.addresses import Master, ZooKeeperPath
from ciprov.clients.mesos_scheduler.patience import Patience

_CANDIDATE = re.compile(r"json\.info_(\d+)")
_SESSION_S = 10.0
_LOOK_AGAIN_S = 5.0

# Debug messages of kazoo hold the credentials, so they are never written. Its warnings go to whoever set up logging.
_log = logging.getLogger("ciprov.mesos.zookeeper")
_log.setLevel(logging.WARNING)
_log.addHandler(logging.NullHandler())


class NoLeader(Exception):
    """No leader is known; the text says why."""


class Leaders(Protocol):
    def start(self) -> None: ...

    def find(self) -> Master:
        """The master to ask next. Raises `NoLeader`."""
        ...

    def leads(self, master: Master) -> bool:
        """False only where another is known to lead."""
        ...

    def stop(self) -> None: ...


class MasterList:
    """Each master in turn: one that does not lead redirects to the one that does."""

    def __init__(self, masters: Sequence[Master]) -> None:
        self._masters = tuple(masters)
        self._next = 0

    def start(self) -> None:
        pass

    def find(self) -> Master:
        master = self._masters[self._next % len(self._masters)]
        self._next += 1
        return master

    def leads(self, _: Master) -> bool:
        return True

    def stop(self) -> None:
        pass


def leading(children: Sequence[str]) -> str | None:
    """Of the election's nodes the oldest leads."""
    candidates = {int(match[1]): child for child in children if (match := _CANDIDATE.fullmatch(child))}
    return candidates[min(candidates)] if candidates else None


def master_in(data: bytes, *, tls: bool) -> Master:
    """From the `MasterInfo` in a node. Raises ValueError. A certificate has the host's name, so TLS asks by name."""
    try:
        info = json.loads(data)
        address = info.get("address") or {}
        name = address.get("hostname") or info.get("hostname") or ""
        host = (name or address.get("ip", "")) if tls else (address.get("ip") or name)
        port = int(address.get("port") or info["port"])
    except (ValueError, KeyError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise ValueError("it holds no address of a master") from error
    if not host or not isinstance(host, str) or not 0 < port < 65536:
        raise ValueError("it holds no address of a master")
    return Master(host, port, tls)


class ElectionInZooKeeper:
    """Watches the election in a thread of its own. `changed` is called from it when another master leads."""

    def __init__(
        self, place: ZooKeeperPath, patience: Patience, changed: Callable[[Master], None], *, tls: bool
    ) -> None:
        self._place = place
        self._patience = patience
        self._changed = changed
        self._tls = tls
        self._look = threading.Event()
        self._known = threading.Event()
        self._stopped = False
        self._leader: Master | None = None
        self._why_none = f"{place} was not read yet"

    def start(self) -> None:
        threading.Thread(target=self._watch, name="mesos leader", daemon=True).start()

    def find(self) -> Master:
        self._known.wait(self._patience.connect_s)
        leader = self._leader
        if leader is None:
            raise NoLeader(self._why_none)
        return leader

    def leads(self, master: Master) -> bool:
        return self._leader in {None, master}

    def stop(self) -> None:
        self._stopped = True
        self._look.set()

    def _watch(self) -> None:
        credentials = [("digest", f"{self._place.user}:{self._place.password}")] if self._place.user else None
        quickly = {"max_tries": -1, "delay": 0.1, "backoff": 2, "max_delay": 5.0, "max_jitter": 0.2}
        client = KazooClient(
            ",".join(self._place.hosts),
            timeout=_SESSION_S,
            auth_data=credentials,
            connection_retry=quickly,
            logger=_log,
        )
        client.add_listener(self._touched)
        client.start_async()
        try:
            while not self._stopped:
                self._look.clear()
                self._publish(client)
                # Watches tell at once; to look again now and then costs nothing where one was lost.
                self._look.wait(_LOOK_AGAIN_S if client.connected else self._patience.first_pause_s)
        finally:
            with suppress(Exception):
                client.stop()
                client.close()

    def _touched(self, _: Any) -> None:
        self._look.set()

    def _publish(self, client: KazooClient) -> None:
        if not client.connected:
            if self._leader is None:
                self._why_none = f"no ZooKeeper answers at {','.join(self._place.hosts)}"
            return  # who led last is the best guess
        try:
            leader = self._read(client)
        except NoNodeError:
            leader, self._why_none = None, f"no master has entered the election in {self._place}"
        except NoAuthError:
            leader, self._why_none = None, f"{self._place} may not be read with these credentials"
        except ValueError as error:
            leader, self._why_none = None, f"the leader in {self._place} is unreadable: {error}"
        except Exception as error:  # of kazoo, when the connection breaks meanwhile
            self._why_none = f"{self._place} could not be read: {type(error).__name__}"
            return
        before, self._leader = self._leader, leader
        if leader is None:
            return
        self._known.set()
        if leader != before:
            self._changed(leader)

    def _read(self, client: KazooClient) -> Master | None:
        path, limit = self._place.path, self._patience.connect_s
        children = client.get_children_async(path, watch=self._touched).get(timeout=limit)
        child = leading(children)
        if child is None:
            self._why_none = f"no master stands in the election in {self._place}"
            return None
        data, _ = client.get_async(f"{path}/{child}").get(timeout=limit)
        return master_in(data, tls=self._tls)
