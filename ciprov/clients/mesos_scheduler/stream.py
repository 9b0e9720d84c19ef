"""One subscription: the connection to a master from SUBSCRIBE to its end, every wait bounded."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ciprov.clients.mesos_scheduler import verdicts
from ciprov.clients.mesos_scheduler.addresses import Master
from ciprov.clients.mesos_scheduler.fenced import FencedDriver
from ciprov.clients.mesos_scheduler.patience import Patience
from ciprov.clients.mesos_scheduler.pymesos_import import process_module
from ciprov.clients.mesos_scheduler.verdicts import Verdict
from ciprov.domain.mesos_events import Loss

_AT_ONCE = 65536
_LONGEST_REFUSAL = 65536
_LONGEST_EVENT = 256 * 1024 * 1024
_LONGEST_LENGTH = 12


class Line:
    """A connected socket, with what pymesos takes for one. `failure` is why it gave nothing more."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self.deadline = 0.0
        self.failure: OSError | None = None

    def send(self, data: bytes) -> int:
        self._socket.settimeout(self._remaining())
        self._socket.sendall(data)
        return len(data)

    def recv(self, _: int) -> bytes:
        try:
            self._socket.settimeout(self._remaining())
            return self._socket.recv(_AT_ONCE)
        except OSError as error:
            self.failure = error
            return b""

    def break_off(self) -> None:
        """From any thread: whoever waits in `recv` gets the end of the stream."""
        with suppress(OSError):
            # Of the plain socket: TLS would change state under the hands of the thread that reads.
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def close(self) -> None:
        with suppress(OSError):
            self._socket.close()

    def _remaining(self) -> float:
        remaining = self.deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the time is over")
        return remaining


def connected(master: Master, patience: Patience, context: ssl.SSLContext | None) -> Line:
    """Raises what `verdicts.of_failure` takes."""
    plain = socket.create_connection((master.host, master.port), timeout=patience.connect_s)
    try:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return Line(context.wrap_socket(plain, server_hostname=master.host) if master.tls and context else plain)
    except BaseException:
        plain.close()
        raise


class _Parser(process_module.HttpParser):  # type: ignore[misc]
    """Keeps what was taken last: pymesos only shows the text of a refusal inside of an exception's."""

    taken = b""

    def recv_body(self) -> bytes:
        self.taken = bytes(super().recv_body())
        return self.taken


class EventStream(process_module.Connection):  # type: ignore[misc]
    """pymesos's reader, on a connection that it did not make and with an end to every wait."""

    def __init__(self, line: Line, driver: FencedDriver, master: Master) -> None:
        # Not pymesos's own: it connects without TLS, and resolves the name by itself.
        self._addr = (master.host, master.port)
        self._sock: Any = line
        self._parser: Any = _Parser()
        self._callback = driver
        self._stream_id: str | None = None
        self._request = b""
        self._response = b""
        self.connected = True
        self._line = line
        self._driver = driver
        self._master = master

    def follow(self, patience: Patience, silence: Callable[[], float]) -> Verdict:
        """Subscribe, and read until it ends. `silence`: seconds without an event that are borne."""
        self._line.deadline = time.monotonic() + patience.subscribe_s
        self._line.send(self._driver.gen_request())
        heard = 0
        while self._driver.error is None:
            try:
                goes_on = self.read()
                self._check_framing()
            except Exception as error:  # what pymesos makes of malformed input can be any of them
                return self._refusal() or verdicts.of_failure(error, self._master)
            if not goes_on:
                return self._ended()
            if self._driver.is_subscribed and self._driver.events != heard:
                heard = self._driver.events
                self._line.deadline = time.monotonic() + silence()
        return Verdict(Loss.REFUSED, self._driver.error)

    def _check_framing(self) -> None:
        head, line_end, _ = self._response[: _LONGEST_LENGTH + 1].partition(b"\n")
        if head and (not head.isdigit() or (not line_end and len(head) > _LONGEST_LENGTH)):
            raise ValueError("no RecordIO: the length of an event was expected")
        if line_end and int(head) > _LONGEST_EVENT:
            raise ValueError(f"an event of {int(head)} bytes is not taken in")

    def _ended(self) -> Verdict:
        refusal = self._refusal()
        if refusal is not None:
            return refusal
        failure = self._line.failure
        if isinstance(failure, TimeoutError):
            waited = "heartbeats stopped" if self._driver.is_subscribed else "it did not answer SUBSCRIBE in time"
            return Verdict(Loss.SILENT, f"no sign of life from {self._master}: {waited}")
        if failure is not None:
            return verdicts.of_failure(failure, self._master)
        return Verdict(Loss.CLOSED, f"{self._master} closed the connection")

    def _refusal(self) -> Verdict | None:
        """Where the answer was none that brings events."""
        status = int(self._parser.get_status_code())
        if status in {0, 200}:
            return None
        location = {name.lower(): value for name, value in self._parser.get_headers().items()}.get("location", "")
        text = bytes(self._parser.taken)
        self._line.deadline = min(self._line.deadline, time.monotonic() + 1.0)
        while not self._parser.is_message_complete() and len(text) < _LONGEST_REFUSAL:
            data = self._line.recv(_AT_ONCE)
            if not data or not self._parser.execute(data, len(data)):
                break
            text += self._parser.recv_body()
        text += self._parser.recv_body()
        return verdicts.of_status(status, text.decode(errors="replace"), location, self._master)
