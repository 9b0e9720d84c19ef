"""Marathon's event stream in a thread: a hint that something happened. Whoever uses it polls as well."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from types import TracebackType
from urllib.parse import urljoin

import requests
from urllib3.exceptions import HTTPError

from ciprov.clients.connection import Connection, Session
from ciprov.clients.marathon.redirects import MOST_HOPS, is_configured
from ciprov.clients.marathon.sse import Unfinished, feed
from ciprov.domain.marathon import STREAM_LOST, STREAM_OPENED, MarathonEvent

log = logging.getLogger(__name__)

_WELL = 1.0
"""Seconds after which a stream counts as one that worked: one that ends at once must not be opened without pause."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds: a stream that is silent for `silence` is opened anew; pauses between tries double up to `longest`."""

    silence: float = 60.0
    first: float = 0.2
    longest: float = 10.0


class EventReader:
    """While entered, calls `wake` from its thread for each event of `types` (all of them, if empty).

    `STREAM_OPENED` and `STREAM_LOST` among the types: also when the stream was opened, and when it broke.
    """

    def __init__(
        self, connection: Connection, types: Collection[str], wake: Callable[[MarathonEvent], None], pauses: Pauses
    ) -> None:
        self._connection = connection
        self._own = frozenset(types) & {STREAM_OPENED, STREAM_LOST}
        self._types = frozenset(types) - self._own
        self._open: bool | None = None
        self._wake = wake
        self._pauses = pauses
        self._stop = threading.Event()
        self._turn = threading.Lock()
        self._response: requests.Response | None = None
        self._thread = threading.Thread(target=self._run, name="marathon events", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._turn:
            self._stop.set()
            if self._response is not None:
                _shut(self._response)
        # A connection that is just being made may take longer; its thread is a daemon and ends by itself.
        self._thread.join(timeout=0.5)

    def _run(self) -> None:
        pause = self._pauses.first
        while not self._stop.is_set():
            for server in self._connection.servers:
                began = time.monotonic()
                if self._read(server) and time.monotonic() - began > _WELL:
                    pause = self._pauses.first
                if self._stop.is_set():
                    return
            self._stop.wait(random.uniform(pause / 2, pause))
            pause = min(pause * 2, self._pauses.longest)

    def _read(self, server: str) -> bool:
        """Read one stream to its end. Whether there was one."""
        with Session(self._connection) as session:
            try:
                response = self._opened(session, server.rstrip("/") + "/v2/events")
                with self._turn:
                    if response is None or self._stop.is_set():
                        return False
                    self._response = response
                with response:
                    self._tell_own(True, server)
                    self._pass_on(response)
            except (requests.RequestException, HTTPError, OSError, ValueError, AttributeError) as error:
                # Whatever breaks a stream, also one that was shut under the reader's hands, means: open it anew.
                log.debug("event stream of %s: %s", server, type(error).__name__)
            finally:
                with self._turn:
                    opened, self._response = self._response is not None, None
                if not self._stop.is_set():
                    self._tell_own(False, server)
            return opened

    def _tell_own(self, is_open: bool, server: str) -> None:
        """Once where that changes."""
        kind = STREAM_OPENED if is_open else STREAM_LOST
        if self._open is not is_open and kind in self._own:
            self._wake(MarathonEvent(kind, {"server": server}))
        self._open = is_open

    def _opened(self, session: Session, url: str) -> requests.Response | None:
        for _ in range(MOST_HOPS):
            response = session.get(
                url,
                params=[("event_type", name) for name in sorted(self._types)],
                headers={"Accept": "text/event-stream", "Accept-Encoding": "identity", "Cache-Control": "no-store"},
                timeout=(self._connection.connect_timeout, self._pauses.silence),
                allow_redirects=False,
                stream=True,
            )
            if response.ok and "text/event-stream" in response.headers.get("content-type", ""):
                return response
            response.close()
            if not response.is_redirect:
                log.debug("event stream of %s: HTTP %s", url, response.status_code)
                return None
            # A server that does not lead sends its clients to the leader. Credentials go to configured servers only.
            url = urljoin(url, response.headers["location"]).partition("?")[0]
            if not is_configured(self._connection, url):
                session.auth = None
                session.trust_env = False
        return None

    def _pass_on(self, response: requests.Response) -> None:
        state = Unfinished()
        while not self._stop.is_set():
            piece = response.raw.read1(65536)
            if not piece:
                return
            state, events = feed(state, piece)
            for event in events:
                if self._stop.is_set():
                    return
                if not self._types or event.type in self._types:
                    self._wake(event)


def _shut(response: requests.Response) -> None:
    """End a read that another thread is waiting in."""
    try:
        response.raw.shutdown()
    except (OSError, ValueError, AttributeError):
        # The stream has ended by itself just now.
        log.debug("event stream had ended already")
