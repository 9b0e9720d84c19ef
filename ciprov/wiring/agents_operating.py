"""What the command line needs of a running agent service, and of the sandboxes of its agents."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ciprov.clients.agent_service import AgentServiceClient
from ciprov.clients.mesos_agents import BYTES_PER_LINE
from ciprov.foundation.errors import CiprovError, UsageError
from ciprov.foundation.json import JsonObject
from ciprov.settings.model import Settings
from ciprov.wiring.clusters import agents_client
from ciprov.wiring.environments import with_addresses
from ciprov.wiring.localcluster import descriptor

_LOOK_SECONDS = 2.0
_GONE = frozenset({"ended", "removed"})


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
        shown = self._service.agent(agent)
        self._agent, self._mesos_agent = str(shown["agent"]), str(shown["mesos_agent"])
        if not self._mesos_agent:
            raise UsageError(
                f"agent {agent} has no sandbox yet: it is {shown['phase']}",
                way_out=f"see what it waits for: ciprov agents status {agent}",
            )
        self._files = agents_client(with_addresses(settings, tell))

    def tail(self, file: str, lines: int) -> str:
        """The last lines of `stdout` or `stderr`."""
        text = self._files.sandbox_tail(self._mesos_agent, self._agent, file, lines * BYTES_PER_LINE)
        if text is None:
            raise CiprovError(
                f"{file} of agent {self._agent} cannot be read: there is no Mesos address, or its host does not tell",
                way_out="check the cluster's `mesos` address (ciprov config show, CIPROV_MESOS)",
            )
        return "".join(text.splitlines(keepends=True)[-lines:])

    def follow(self, file: str, lines: int) -> Iterator[bytes]:
        """The last lines and whatever comes, until the agent ends."""
        return self._files.follow(self._mesos_agent, self._agent, file, lines=lines, done=self._ended(), pause=0.5)

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
