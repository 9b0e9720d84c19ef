"""The embedded cluster's master for tests that were made for a real one: killed, frozen and started by pid."""

from __future__ import annotations

import base64
import json
import os
import signal
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

from real_mesos import RealMesos
from stopped_process import freeze, thaw

AGENTS = 2


class EmbeddedMesos(RealMesos):
    """Master and agents are one daemon: who kills `agent<n>` cuts it off."""

    def __init__(self, directory: Path) -> None:
        self.directory, self._state = directory, directory / "state"
        self.address = ""

    def start(self) -> None:
        self.start_master()

    def start_master(self) -> None:
        from ciprov.wiring.localcluster import Options, ensure_started

        racks = ";".join(f"agent-{number}:rack:r{number}" for number in range(1, AGENTS + 1))
        running = ensure_started(self._state, Options(agents=AGENTS, cpus=4, mem=1024, disk=1024, attributes=racks))
        self.address, self._pid = running.mesos.removeprefix("http://"), running.pid
        self.access = {"user": running.user, "password": Path(running.credential_file).read_text().strip()}

    def start_agent(self, number: int) -> None:
        self._ask(f"/ciprov/agents/agent-{number}/return", "POST")

    def kill(self, name: str) -> None:
        if name == "master":
            os.kill(self._pid, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(self._pid, 0)
        else:
            self._ask(f"/ciprov/agents/agent-{name.removeprefix('agent')}/lose", "POST")

    def freeze(self, name: str) -> None:
        freeze(self._pid)

    def thaw(self, name: str) -> None:
        thaw(self._pid)

    def stop(self) -> None:
        from ciprov.wiring.localcluster import stop

        stop(self._state, purge=True)

    def read(self, path: str) -> Any:
        return json.loads(self._ask(path))

    def _ask(self, path: str, method: str = "GET") -> bytes:
        words = base64.b64encode(f"{self.access['user']}:{self.access['password']}".encode()).decode()
        request = urllib.request.Request(f"http://{self.address}{path}", method=method)
        request.add_header("Authorization", f"Basic {words}")
        with urllib.request.urlopen(request, timeout=5) as answer:
            return bytes(answer.read())
