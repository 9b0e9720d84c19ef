"""What the command line needs of a running agent service, and of the sandboxes of its agents."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ciprov.clients.agent_service import AgentServiceClient
from ciprov.clients.mesos_agents import BYTES_PER_LINE, Unreachable
from ciprov.foundation.errors import CiprovError, UsageError
from ciprov.foundation.json import JsonObject
from ciprov.settings.model import Settings
from ciprov.wiring.clusters import agents_client
from ciprov.wiring.environments import with_addresses
from ciprov.wiring.localcluster import descriptor

_LOOK_SECONDS = 2.0
_GONE = frozenset({"ended", "removed"})
_RAN = frozenset({"connecting", "online", "busy", "fenced"})


def socket_path(settings: Settings) -> Path:
    """Where the command line reaches the service of the chosen cluster on this machine."""
    return settings.state_dir / "agents" / f"{settings.cluster.name}.sock"


def service(settings: Settings) -> AgentServiceClient:
    which = "--local" if settings.cluster.is_embedded else f"--cluster {settings.cluster.name}"
    return AgentServiceClient(socket_path(settings), f"ciprov {which} agents serve")


def sandbox_link(settings: Settings, shown: JsonObject) -> str:
    """Of an agent as the service shows it: in the pages of the Mesos master, which the service may not know.

    The embedded cluster has no pages: there it is the directory on this machine, as long as it is kept and the cluster
    runs.
    """
    link, cluster = str(shown["links"]["sandbox"]), settings.cluster
    if link and cluster.is_embedded:
        if descriptor(settings.state_dir) is None:
            return ""
        files = agents_client(with_addresses(settings, lambda _: None))
        return files.sandbox_directory(str(shown["mesos_agent"]), str(shown["agent"])) or ""
    return cluster.mesos[0].rstrip("/") + link if link.startswith("/") and cluster.mesos else link


class Sandbox:
    """That of one agent's task. Raises `UsageError` for an agent that is not known, and `CiprovError`."""

    def __init__(self, settings: Settings, agent: str, tell: Callable[[str], None]) -> None:
        self._service = service(settings)
        shown = self._shown = self._service.agent(agent)
        self._agent, self._mesos_agent = str(shown["agent"]), str(shown["mesos_agent"])
        if not self._mesos_agent:
            raise _without_task(shown)
        self._files = agents_client(with_addresses(settings, tell))

    def tail(self, file: str, lines: int) -> str:
        """The last lines of `stdout` or `stderr`."""
        text = self._files.sandbox_tail(self._mesos_agent, self._agent, file, lines * BYTES_PER_LINE)
        if text is None or (not text and not self._ran and self._shown["phase"] in _GONE):
            raise self._unreadable(file)
        return "".join(text.splitlines(keepends=True)[-lines:])

    def follow(self, file: str, lines: int) -> Iterator[bytes]:
        """The last lines and whatever comes, until the agent ends."""
        if self._shown["phase"] in _GONE and not self._ran:
            yield self.tail(file, lines).encode()
            return
        begun = False
        try:
            for piece in self._files.follow(
                self._mesos_agent, self._agent, file, lines=lines, done=self._ended(), pause=0.5
            ):
                begun = True
                yield piece
        except Unreachable as error:
            if begun:
                raise
            raise self._unreadable(file) from error

    @property
    def _ran(self) -> bool:
        return bool(_RAN & set(self._shown["times"]))

    def _unreadable(self, file: str) -> CiprovError:
        """What keeps it from being read: a Mesos that does not answer, or that there is nothing."""
        if self._files.agents() is None:
            return CiprovError(
                f"{file} of agent {self._agent} cannot be read: no Mesos address is known, or no master answers there",
                way_out="check the cluster's `mesos` address (ciprov config show, CIPROV_MESOS)",
            )
        shown = self._shown
        gone = shown["phase"] in _GONE
        if not self._ran:
            what = _told(shown) if gone else f"its task has not begun, it is {shown['phase']}"
            return CiprovError(f"agent {self._agent} wrote nothing: {what}")
        became = f"; what became of it: {_told(shown)}" if gone else ""
        return CiprovError(
            f"{file} of agent {self._agent} cannot be read: its host keeps it no more or does not tell{became}",
            place=str(shown["host"]),
        )

    def _ended(self) -> Callable[[], bool]:
        """A service that cannot be asked right now does not end the following."""
        looked, ended = time.monotonic(), False

        def done() -> bool:
            nonlocal looked, ended
            if not ended and time.monotonic() - looked > _LOOK_SECONDS:
                looked = time.monotonic()
                try:
                    ended = self._service.agent(self._agent)["phase"] in _GONE
                except UsageError:
                    ended = True
                except CiprovError:
                    return False
            return ended

        return done


def _without_task(shown: JsonObject) -> CiprovError:
    if shown["phase"] in _GONE:
        return CiprovError(f"agent {shown['agent']} never had a task: {_told(shown)}")
    held = f", for {shown['held']}" if shown["held"] else ""
    return CiprovError(
        f"agent {shown['agent']} has no task yet: it is {shown['phase']}{held}",
        way_out=f"see what it waits for: ciprov agents status {shown['agent']}",
    )


def _told(shown: JsonObject) -> str:
    """What became of an agent that is gone."""
    return ": ".join(str(part) for part in (shown["why"] or shown["phase"], shown["detail"]) if part)
