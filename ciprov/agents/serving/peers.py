"""Whether Jenkins and Mesos answer, told once each time that it changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ciprov.agents.view.happenings import Happening, Severity, Tell, What
from ciprov.agents.view.snapshot import Peer


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
