"""What the suite runs against: a real Mesos and the embedded cluster. Both begin empty, with two agents alike."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest
from plain_mesos import JSON_HEADERS, Json, Place
from real_mesos import RealMesos, eventually

REAL_ONLY = pytest.mark.parametrize("mesos", ["real"], indirect=True, scope="session")
EMBEDDED_ONLY = pytest.mark.parametrize("mesos", ["embedded"], indirect=True, scope="session")


class Implementation(Protocol):
    """Agents are named by the number in their attribute `rack`."""

    master: Place

    def lose(self, agent: int) -> None:
        """The agent goes silent; the master notices within a few seconds. Its tasks run on."""

    def bring_back(self, agent: int) -> None:
        """After `lose`."""

    def drain(self, agent: int) -> None: ...

    def reactivate(self, agent: int) -> None:
        """After `drain`; waits until it is drained."""

    def restart_master(self) -> None:
        """Killed, and started anew at the same address with what it has kept; agents and tasks run on."""


class Real:
    def __init__(self, running: RealMesos) -> None:
        self._running = running
        self.master = Place(f"http://{running.address}")

    def lose(self, agent: int) -> None:
        self._running.freeze(f"agent{agent}")

    def bring_back(self, agent: int) -> None:
        self._running.thaw(f"agent{agent}")

    def drain(self, agent: int) -> None:
        self._operate("DRAIN_AGENT", agent)

    def reactivate(self, agent: int) -> None:
        def is_drained() -> bool:
            return bool(self._agent(agent)["drain_info"]["state"] == "DRAINED")

        if "drain_info" in self._agent(agent):
            eventually(is_drained, 10, f"agent {agent} is drained")
            self._operate("REACTIVATE_AGENT", agent)

    def _operate(self, kind: str, agent: int) -> None:
        call = {"type": kind, kind.lower(): {"agent_id": {"value": self._agent(agent)["id"]}}}
        answer = self.master.ask("POST", "/api/v1", json.dumps(call).encode(), JSON_HEADERS)
        assert answer.status == 200, (kind, answer.status, answer.text)

    def _agent(self, agent: int) -> Json:
        agents = self.master.read("/slaves")["slaves"]
        return next(one for one in agents if one["attributes"]["rack"] == f"r{agent}")

    def restart_master(self) -> None:
        self._running.kill("master")
        self._running.start_master()


class Embedded:
    def __init__(self, state: Path) -> None:
        self._state = state
        self._start()

    def _start(self) -> None:
        from ciprov.wiring.localcluster import Options, ensure_started

        racks = "agent-1:rack:r1;agent-2:rack:r2"
        size = Options(agents=2, cpus=4, mem=1024, disk=1024, ports="31100-31299", attributes=racks)
        running = ensure_started(self._state, size)
        password = Path(running.credential_file).read_text().strip()
        self.master = Place(running.mesos, f"{running.user}:{password}")
        self._pid = running.pid

    def restart_master(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        self._start()

    def lose(self, agent: int) -> None:
        self._act(agent, "lose")

    def bring_back(self, agent: int) -> None:
        self._act(agent, "return")

    def drain(self, agent: int) -> None:
        self._act(agent, "drain")

    def reactivate(self, agent: int) -> None:
        self._act(agent, "return")

    def _act(self, agent: int, action: str) -> None:
        answer = self.master.ask("POST", f"/ciprov/agents/agent-{agent}/{action}")
        assert answer.status == 200, (answer.status, answer.text)


@contextmanager
def real(directory: Path) -> Iterator[Implementation]:
    running = RealMesos(directory)
    try:
        running.start()
        yield Real(running)
    finally:
        running.stop()


@contextmanager
def embedded(directory: Path) -> Iterator[Implementation]:
    from ciprov.wiring.localcluster import stop

    try:
        yield Embedded(directory / "state")
    finally:
        stop(directory / "state", purge=True)
