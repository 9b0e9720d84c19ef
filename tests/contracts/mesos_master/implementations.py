"""What the suite runs against: a real Mesos and the embedded cluster. Both begin empty, with two agents alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest
from plain_mesos import Place
from real_mesos import RealMesos

REAL_ONLY = pytest.mark.parametrize("mesos", ["real"], indirect=True, scope="session")
EMBEDDED_ONLY = pytest.mark.parametrize("mesos", ["embedded"], indirect=True, scope="session")


class Implementation(Protocol):
    """Agents are named by the number in their attribute `rack`."""

    master: Place

    def lose(self, agent: int) -> None:
        """The agent goes silent; the master notices within a few seconds. Its tasks run on."""

    def bring_back(self, agent: int) -> None: ...


class Real:
    def __init__(self, running: RealMesos) -> None:
        self._running = running
        self.master = Place(f"http://{running.address}")

    def lose(self, agent: int) -> None:
        self._running.freeze(f"agent{agent}")

    def bring_back(self, agent: int) -> None:
        self._running.thaw(f"agent{agent}")


class Embedded:
    def __init__(self, master: Place) -> None:
        self.master = master

    def lose(self, agent: int) -> None:
        self._act(agent, "lose")

    def bring_back(self, agent: int) -> None:
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
    from ciprov.wiring.localcluster import Options, ensure_started, stop

    racks = "agent-1:rack:r1;agent-2:rack:r2"
    size = Options(agents=2, cpus=4, mem=1024, disk=1024, ports="31100-31299", attributes=racks)
    running = ensure_started(directory / "state", size)
    try:
        password = Path(running.credential_file).read_text().strip()
        yield Embedded(Place(running.mesos, f"{running.user}:{password}"))
    finally:
        stop(directory / "state", purge=True)
