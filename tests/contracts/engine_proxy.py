"""A Unix socket in front of the real Docker engine, at which the engine can be away, unheard or late."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class EngineProxy:
    """`refused`: requests that begin so never reach the engine. `unanswered`: they do, but their answer is lost.

    `before` is called with each request's first bytes before it is passed on.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.refused: bytes | None = None
        self.unanswered: bytes | None = None
        self.before: Callable[[bytes], None] = lambda _: None
        self._engine = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://")
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None

    def mend(self) -> None:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.path))
        listener.listen(64)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        """As if the engine had ended: its socket is gone, and all connections are broken."""
        self.path.unlink(missing_ok=True)
        if self._listener is not None:
            _end(self._listener)
            self._listener = None
        for each in list(self._open):
            _end(each)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            engine = socket.socket(socket.AF_UNIX)
            engine.connect(self._engine)
            self._open |= {client, engine}
            lost = threading.Event()
            threading.Thread(target=self._requests, args=(client, engine, lost), daemon=True).start()
            threading.Thread(target=self._answers, args=(client, engine, lost), daemon=True).start()

    def _requests(self, client: socket.socket, engine: socket.socket, lost: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                self.before(data)
                line = data.split(b"\r\n", 1)[0]
                if self.refused and self.refused in line:
                    _end(client)
                    break
                if self.unanswered and self.unanswered in line:
                    lost.set()
                engine.sendall(data)
        with contextlib.suppress(OSError):
            engine.shutdown(socket.SHUT_WR)

    def _answers(self, client: socket.socket, engine: socket.socket, lost: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while (data := engine.recv(65536)) and not lost.is_set():
                client.sendall(data)
        for each in (client, engine):
            _end(each)
            self._open.discard(each)


def _end(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()


@contextmanager
def engine_proxy(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EngineProxy]:
    """Clusters that are started meanwhile know the engine by this proxy alone."""
    proxy = EngineProxy(directory / "engine.sock")
    proxy.mend()
    with monkeypatch.context() as patch:
        patch.setenv("DOCKER_HOST", f"unix://{proxy.path}")
        yield proxy
    proxy.cut()
