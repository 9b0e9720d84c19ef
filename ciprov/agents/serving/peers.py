"""Whether Jenkins and Mesos answer, told once each time that it changes; and whether Jenkins restarted."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ciprov.agents.serving.books import JENKINS, Books, Read
from ciprov.agents.view.happenings import Happening, Severity, Tell, What
from ciprov.agents.view.snapshot import Peer
from ciprov.domain.jenkins import Server


class Watched:
    """One of them. `lost` and `back` are what is told."""

    def __init__(self, target: str, lost: What, back: What, tell: Tell) -> None:
        self.peer = Peer(target)
        self._lost = lost
        self._back = back
        self._tell = tell
        self._reason = ""

    def is_up(self, now: datetime, version: str = "", target: str = "") -> None:
        if self.peer.up:
            if version:
                self.peer = replace(self.peer, version=version)
            return
        self.peer = Peer(target or self.peer.target, True, now, version or self.peer.version)
        self._tell(Happening(self._back, f"{self.peer.target} answers"))

    def is_down(self, now: datetime, message: str, reason: str = "") -> None:
        """Told again only for another `reason`, by default the message: which of the requests failed is no news."""
        if self.peer.up or (reason or message) != self._reason:
            self._reason = reason or message
            since = now if self.peer.up or self.peer.since is None else self.peer.since
            self.peer = replace(self.peer, up=False, since=since, message=message)
            self._tell(Happening(self._lost, message, Severity.WARNING))


class Restarts:
    """Jenkins's session is another one after each restart. It is kept, as Jenkins may restart while the service is off;
    pipelines go on after that, on agents that look idle at first.
    """

    def __init__(self, books: Books) -> None:
        self._books = books
        self._session = ""

    def recovered(self, read: Read) -> None:
        self._session = str(read.document(JENKINS).get("session", ""))

    def noticed(self, server: Server | None) -> bool:
        """Whether it restarted since it was asked last. `server` is None where it was not asked."""
        session = server.session if server is not None else ""
        if not session or session == self._session:
            return False
        restarted, self._session = bool(self._session), session
        self._books.put(JENKINS, {"session": session})
        return restarted
