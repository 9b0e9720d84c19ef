"""One session with ZooKeeper: opened at first use, every call bounded in time, every failure in words for people."""

from __future__ import annotations

import logging
import math
import random
import socket
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import (
    AuthFailedError,
    ConnectionClosedError,
    ConnectionLoss,
    InvalidACLError,
    KazooException,
    NoAuthError,
    OperationTimeoutError,
    SessionExpiredError,
    SessionMovedError,
)
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.security import make_digest_acl

from ciprov.store.errors import StoreError

CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 10.0
GOODBYE_SECONDS = 1.0
TRIES_PER_SESSION = 3

_GONE = (ConnectionLoss, SessionExpiredError, SessionMovedError, OperationTimeoutError, ConnectionClosedError)
_QUICKLY = {"max_tries": -1, "delay": 0.1, "backoff": 2, "max_delay": 1.0, "max_jitter": 0.2}

# Debug messages of kazoo hold the credentials, so they are never written. Its warnings go to whoever set up logging.
_log = logging.getLogger("ciprov.zookeeper")
_log.setLevel(logging.WARNING)
_log.addHandler(logging.NullHandler())


class Unsure(StoreError):
    """The answer to a write was lost: it may have been done or not."""


class Answer(Protocol):
    """What asynchronous calls of kazoo give."""

    def get(self, block: bool = ..., timeout: float | None = ...) -> Any: ...


T = TypeVar("T", bound=Answer)
Call = Callable[[KazooClient], Answer]


@dataclass(frozen=True, slots=True)
class Address:
    """`hosts` are `host:port`. With `user` and `password` (digest) everything made is for that user alone."""

    hosts: tuple[str, ...]
    root: str
    user: str = ""
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"zk://{','.join(self.hosts)}{self.root}"


class _Session:
    """What the thread of the connection tells. It holds no reference to `Connection`, so that one can be let go."""

    def __init__(self, client: KazooClient) -> None:
        self.client = client
        self.losses = 0
        self.connected = threading.Event()
        self.abandoned: set[str] = set()

    def heard(self, state: str) -> None:
        if state == KazooState.CONNECTED:
            self.connected.set()
            for path in tuple(self.abandoned):  # where the session lived on, so did its nodes
                self.abandoned.discard(path)
                self.client.delete_async(path)
        else:
            self.losses += 1
            self.connected.clear()


class Connection:
    """Safe for threads. `timeout` in seconds is for the session: how long it outlives the last sign of life."""

    def __init__(self, address: Address, timeout: float) -> None:
        self.address = address
        self.timeout = timeout
        self._turn = threading.Lock()
        self._session: _Session | None = None
        self._end: Callable[[], object] | None = None

    @property
    def losses(self) -> int:
        """How often the connection was lost: while it stays the same, the session was never in doubt."""
        return self._session.losses if self._session else 0

    @property
    def connected(self) -> bool:
        return self._session is not None and self._session.connected.is_set()

    def ask(self, call: Call, seconds: float = ANSWER_SECONDS) -> Any:
        """The answer to `call`, which may be repeated where the connection breaks: for reads and idempotent writes.

        Raises `StoreError` after `seconds`; what ZooKeeper says of the nodes themselves (kazoo's `NoNodeError`, …)
        is left to the caller.
        """
        deadline = time.monotonic() + seconds
        session = self._open()
        while True:
            try:
                return self._once(session, call, deadline)
            except Unsure:
                if time.monotonic() >= deadline:
                    raise self.silent(seconds) from None
            session.connected.wait(max(0.0, deadline - time.monotonic()))
            time.sleep(random.uniform(0.01, 0.05))

    def ask_once(self, call: Call, seconds: float = ANSWER_SECONDS) -> Any:
        """As `ask`, but raises `Unsure` where the answer is lost."""
        return self._once(self._open(), call, time.monotonic() + seconds)

    def abandon(self, path: str) -> None:
        """Delete an ephemeral node once the server answers again; if the session ends before, it goes by itself."""
        if self._session is not None:
            self._session.abandoned.add(path)

    def close(self) -> None:
        with self._turn:
            if self._end is not None:
                self._end()
            self._session = self._end = None

    def _once(self, session: _Session, call: Call, deadline: float) -> Any:
        try:
            return call(session.client).get(timeout=max(0.01, deadline - time.monotonic()))
        except (*_GONE, KazooTimeoutError) as error:
            raise Unsure(
                f"ZooKeeper lost the answer: {type(error).__name__}",
                place=str(self.address),
                way_out="look whether it was done, and repeat the command",
            ) from error
        except (NoAuthError, AuthFailedError, InvalidACLError) as error:
            raise self.denied() from error

    def _open(self) -> _Session:
        with self._turn:
            if self._session is None:
                session = _Session(self._client())
                session.client.add_listener(session.heard)
                connected = session.client.start_async()
                # kazoo's own end of a failed start may take longer than the start: it is left to a thread.
                if not connected.wait(CONNECT_SECONDS):
                    threading.Thread(target=_stop, args=(session.client,), daemon=True).start()
                    raise self._unreachable()
                session.connected.set()
                self._end = weakref.finalize(self, _end, session.client)
                self._session = session
            return self._session

    def _client(self) -> KazooClient:
        address = self.address
        options: dict[str, Any] = {}
        if address.user:
            options["auth_data"] = [("digest", f"{address.user}:{address.password}")]
            options["default_acl"] = [make_digest_acl(address.user, address.password, all=True)]
        # kazoo shares a session's length among the hosts it knows: with a single one it would wait all of it for a
        # server that accepts and then says nothing, as one that is just starting may do. So each is named repeatedly.
        hosts = address.hosts * math.ceil(TRIES_PER_SESSION / len(address.hosts))
        return KazooClient(
            hosts=",".join(hosts), timeout=self.timeout, logger=_log, connection_retry=_QUICKLY, **options
        )

    def _unreachable(self) -> StoreError:
        unknown = [host for host in self.address.hosts if not _resolves(host)]
        detail = f"; {', '.join(unknown)}: the name is not known" if unknown else ""
        return StoreError(
            f"no server of ZooKeeper ({', '.join(self.address.hosts)}) answered within {CONNECT_SECONDS:.0f} s{detail}",
            place=str(self.address),
            way_out="see that one of them runs and can be reached from here, or correct the setting `store` "
            "(variable CIPROV_STORE)",
        )

    def silent(self, seconds: float) -> StoreError:
        return StoreError(
            f"ZooKeeper ({', '.join(self.address.hosts)}) gave no answer for {seconds:.0f} s",
            place=str(self.address),
            way_out="see that most of its servers run and can be reached from here, and repeat the command",
        )

    def denied(self) -> StoreError:
        who = f"the user {self.address.user}" if self.address.user else "those who name no user"
        return StoreError(
            f"ZooKeeper does not let {who} in here",
            place=str(self.address),
            way_out="set `store_auth` to the user and password with which the nodes there were made "
            "(CIPROV_STORE_USER, CIPROV_STORE_PASSWORD_FILE), or name another path",
        )


@dataclass(frozen=True, slots=True)
class Several:
    """Several calls under way at once; None stands for each whose node is not there."""

    answers: Sequence[Answer]
    absent: type[KazooException]

    def get(self, block: bool = True, timeout: float | None = None) -> list[Any]:
        deadline = time.monotonic() + (timeout or 0.0)
        found = []
        for answer in self.answers:
            try:
                found.append(answer.get(block, max(0.01, deadline - time.monotonic())))
            except self.absent:
                found.append(None)
        return found


def _end(client: KazooClient) -> None:
    """Locks go with the session. Where nobody answers there is nobody to tell: the session runs out by itself."""
    try:
        client.sync_async("/").get(timeout=GOODBYE_SECONDS)
    except (KazooException, KazooTimeoutError):
        with suppress(RuntimeError):  # no thread is started any more while the process ends
            threading.Thread(target=_stop, args=(client,), daemon=True).start()
    else:
        _stop(client)


def _stop(client: KazooClient) -> None:
    with suppress(Exception):  # it is about to be forgotten
        client.stop()
        client.close()


def _resolves(host: str) -> bool:
    try:
        socket.getaddrinfo(host.rpartition(":")[0].strip("[]"), None)
    except OSError:
        return False
    return True
