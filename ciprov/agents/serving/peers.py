"""Whether Jenkins and Mesos answer, told once each time that it changes. Whether Jenkins restarted, or hides jobs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from ciprov.agents.serving.books import JENKINS, Books, Read
from ciprov.agents.view.happenings import Happening, Severity, Tell, What
from ciprov.agents.view.snapshot import Peer
from ciprov.domain.jenkins import Server

_NO_JOBS = "items wait in Jenkins's queue, but it shows ciprov's user none of them, and no job: the user lacks Job/Read"
_GRANT = "grant it in Jenkins (Manage Jenkins, Security), or use another user"
_TOLD_AT = 2


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

    def remarked(self, message: str) -> None:
        """What is wrong with it though it is up, with the way out; empty where nothing is."""
        if self.peer.up:
            self.peer = replace(self.peer, message=message)

    def is_down(self, now: datetime, message: str, reason: str = "") -> None:
        """Told again only for another `reason`, by default the message: which of the requests failed is no news."""
        if self.peer.up or (reason or message) != self._reason:
            self._reason = reason or message
            since = now if self.peer.up or self.peer.since is None else self.peer.since
            self.peer = replace(self.peer, up=False, since=since, message=message)
            self._tell(Happening(self._lost, message, Severity.WARNING))


class HiddenJobs:
    """Whether ciprov's user may see no job at all: the queue looks empty to it then, which is told once, and stays a
    remark on Jenkins. A second look has to find the same, as jobs may have been deleted a moment ago.
    """

    def __init__(self, jenkins: Watched, tell: Tell) -> None:
        self._jenkins = jenkins
        self._tell = tell
        self._looks = 0

    def looked(self, server: Server | None, items_seen: bool) -> bool:
        """After each look that was answered. Whether to ask again soon, as the next answer decides."""
        if server is None:
            return False
        before = self._looks
        self._looks = before + 1 if server.hides_jobs and not items_seen else 0
        self._jenkins.remarked(f"{_NO_JOBS}; {_GRANT}" if self._looks >= _TOLD_AT else "")
        if self._looks == _TOLD_AT:
            self._tell(Happening(What.REFUSED, f"{_NO_JOBS}; {_GRANT}", Severity.WARNING))
        elif before >= _TOLD_AT and not self._looks:
            self._tell(Happening(What.JENKINS_BACK, "nothing is hidden in Jenkins's queue any more"))
        return self._looks == 1


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
