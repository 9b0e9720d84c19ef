"""Both listeners of the agent service, from when they are claimed until they are given back."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ciprov.agents.view.control import Control
from ciprov.foundation.errors import CiprovError
from ciprov.web.agents import agents_api, operator_api
from ciprov.web.agents.bounds import FOR_AGENTS, FOR_OPERATORS
from ciprov.web.agents.exposition import Exposition
from ciprov.web.agents.just_ended import once_free
from ciprov.web.agents.server_thread import ServerThread
from ciprov.web.agents.socket_claim import SocketClaim

_DIES_WITHIN_S = 0.5
"""The address of a service that was killed is free soon after the lock of its socket."""


@dataclass(frozen=True, slots=True)
class Where:
    """`socket` is the Unix socket's path. `listen` is the TCP listener's host and port, None for none; port 0 takes any
    free one. `api_token` is what pipelines ask for agents with; empty: they may not. `open_metrics`: the TCP listener
    answers `/metrics` to everybody.
    """

    socket: Path
    listen: tuple[str, int] | None = None
    api_token: str = field(default="", repr=False)
    open_metrics: bool = False


class Listeners:
    """Claimed by `bind`; they answer from `serve` to `stop`. Who connects in between waits."""

    def __init__(self, where: Where, claim: SocketClaim, tcp: socket.socket | None) -> None:
        self._where = where
        self._claim = claim
        self._tcp = tcp
        self._threads: list[ServerThread] = []

    @property
    def socket(self) -> Path:
        return self._claim.path

    def address(self) -> tuple[str, int] | None:
        """Where the TCP listener listens: the host as it was given, the port that it got."""
        if self._tcp is None or self._where.listen is None:
            return None
        return self._where.listen[0], int(self._tcp.getsockname()[1])

    def serve(self, control: Control, metrics: Exposition | None = None) -> None:
        """Returns when both answer, in threads of their own; no signal handler is touched. Raises `CiprovError`."""
        operators = operator_api.application(control, metrics)
        self._threads.append(ServerThread("agents-operators", operators, self._claim.listener, FOR_OPERATORS))
        if self._tcp is not None:
            where = self._where
            others = agents_api.application(control, where.api_token, metrics if where.open_metrics else None)
            self._threads.append(ServerThread("agents-web", others, self._tcp, FOR_AGENTS))
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """What is being answered gets 2 s. May be called at any time, also twice."""
        for thread in self._threads:
            thread.leave()
        for thread in self._threads:
            thread.join()
        self._threads.clear()
        if self._tcp is not None:
            self._tcp.close()
        self._claim.release()


def bind(where: Where) -> Listeners:
    """Claim both, before anything else is begun. Raises `CiprovError` where another service lives on that socket, or
    where the address cannot be had.
    """
    claim = SocketClaim(where.socket)
    try:
        tcp = _listening(*where.listen) if where.listen is not None else None
    except BaseException:
        claim.release()
        raise
    return Listeners(where, claim, tcp)


def serve(control: Control, where: Where, metrics: Exposition | None = None) -> Listeners:
    """`bind` and `serve` at once."""
    listeners = bind(where)
    try:
        listeners.serve(control, metrics)
    except BaseException:
        listeners.stop()
        raise
    return listeners


@contextlib.contextmanager
def serving(control: Control, where: Where, metrics: Exposition | None = None) -> Iterator[Listeners]:
    listeners = serve(control, where, metrics)
    try:
        yield listeners
    finally:
        listeners.stop()


def _listening(host: str, port: int) -> socket.socket:
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        # Named as TCP, without which asyncio lets pieces of answers wait for acknowledgements, 40 ms each.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            once_free(lambda: listener.bind(address), {errno.EADDRINUSE}, _DIES_WITHIN_S)
            listener.listen(1024)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise CiprovError(
            f"agents cannot be heard there: {error.strerror or error}",
            place=shown,
            way_out="name an address of this machine and a free port (0 takes any), or end what listens there",
        ) from error
    return listener
