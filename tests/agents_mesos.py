"""The Mesos that agents run on in scenarios: an embedded cluster, or a real master with real agents; both alike."""

from __future__ import annotations

import getpass
import json
import re
import signal
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import psutil
from real_mesos import RealMesos
from scenario_cli import Cli, eventually

HOSTS = 2
_LAUNCHING = re.compile(r"Launching task '([^']+)' for framework")


class Mesos(Protocol):
    """`cluster` is its name in the settings, where it needs `section` and its agents `framework`; every command needs
    `options`.
    """

    cluster: str
    options: tuple[str, ...]
    section: dict[str, Any]
    framework: dict[str, Any]

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def state(self) -> Any: ...

    def launched(self) -> list[str]:
        """The ids of all tasks there were, each as often as it was launched."""

    def kill_master(self) -> None: ...

    def start_master(self) -> None: ...

    def lose_host(self, agent_id: str) -> None:
        """The host of that Mesos agent, with what runs on it."""

    def drain_host(self, agent_id: str) -> None:
        """As an operator does it: its tasks are killed, and it makes no more offers."""

    def return_hosts(self) -> None:
        """Those that were lost or drained."""


def tasks(mesos: Mesos) -> dict[str, str]:
    """Those that are not over, by id, and their states."""
    return {
        task["id"]: task["state"]
        for framework in mesos.state()["frameworks"]
        for task in (*framework["tasks"], *framework.get("unreachable_tasks", ()))
        if framework["name"] != "marathon"
    }


class EmbeddedMesos:
    """`cli` has the state directory."""

    def __init__(self, cli: Cli) -> None:
        self._cli = cli
        self._lost: set[str] = set()
        self.cluster = "local"
        self.options: tuple[str, ...] = ("--local",)
        self.section: dict[str, Any] = {}
        self.framework: dict[str, Any] = {}

    def start(self) -> None:
        self._cli.ok("local", "start", "--agents", str(HOSTS), "--cpus", "8", "--mem", "4096")

    def stop(self) -> None:
        self._cli.run("local", "stop", "--purge")
        for process in self._cli.processes():
            process.send_signal(signal.SIGKILL)

    def state(self) -> Any:
        return self._cli.marathon("/state")

    def launched(self) -> list[str]:
        state = self.state()
        return [
            task["id"]
            for framework in (*state["frameworks"], *state["completed_frameworks"])
            for task in (*framework["tasks"], *framework.get("unreachable_tasks", ()), *framework["completed_tasks"])
            if framework["name"] != "marathon"
        ]

    def kill_master(self) -> None:
        daemon = psutil.Process(self._cli.cluster["pid"])
        daemon.kill()
        eventually(lambda: not daemon.is_running() or daemon.status() == psutil.STATUS_ZOMBIE)

    def start_master(self) -> None:
        self._cli.ok("local", "start")

    def lose_host(self, agent_id: str) -> None:
        self._cli.ok("local", "agent", "lose", agent_id)
        self._lost.add(agent_id)
        tasks_of_it = {
            task["id"]
            for framework in self.state()["frameworks"]
            for task in (*framework["tasks"], *framework.get("unreachable_tasks", ()))
            if task["slave_id"] == agent_id
        }
        sandboxes = self._cli.state / "local" / "tasks"
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                where = process.cwd()
                if where.startswith(f"{sandboxes}/") and any(one in where for one in tasks_of_it):
                    process.kill()

    def drain_host(self, agent_id: str) -> None:
        self._cli.ok("local", "agent", "drain", agent_id)
        self._lost.add(agent_id)

    def return_hosts(self) -> None:
        for agent_id in sorted(self._lost):
            self._cli.ok("local", "agent", "return", agent_id)
        self._lost.clear()


class RealMesosForAgents:
    """Its fetcher is asked for nothing that is to be cached: the one of this build cannot do that."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True)
        self._directory = directory
        self._mesos = RealMesos(directory, agents=HOSTS)
        self._lost: set[int] = set()
        self._drained: set[str] = set()
        self.cluster = "real"
        self.options: tuple[str, ...] = ("--cluster", "real", "--store-local")
        self.framework = {"user": getpass.getuser()}

    @property
    def section(self) -> dict[str, str]:
        """Once it was started: it may have moved to another port."""
        return {"mesos": f"http://{self._mesos.address}"}

    def start(self) -> None:
        self._mesos.start()

    def stop(self) -> None:
        self._mesos.stop()

    def state(self) -> Any:
        return self._mesos.read("/state")

    def launched(self) -> list[str]:
        """By the agents' logs: a master that restarted lists a task twice, and forgets others."""
        logs = [self._directory / f"agent{number}.log" for number in range(1, HOSTS + 1)]
        return [name for log in logs for name in _LAUNCHING.findall(log.read_text(errors="replace"))]

    def kill_master(self) -> None:
        self._mesos.kill("master")

    def start_master(self) -> None:
        self._mesos.start_master()

    def lose_host(self, agent_id: str) -> None:
        number = self._number(agent_id)
        self._mesos.kill(f"agent{number}")
        self._lost.add(number)
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.cwd().startswith(f"{self._directory / f'agent{number}'}/"):
                    process.kill()

    def drain_host(self, agent_id: str) -> None:
        self._operate("DRAIN_AGENT", agent_id)
        self._drained.add(agent_id)

    def return_hosts(self) -> None:
        for agent_id in sorted(self._drained):
            eventually(lambda agent_id=agent_id: self._is_drained(agent_id))
            self._operate("REACTIVATE_AGENT", agent_id)
        self._drained.clear()
        for number in sorted(self._lost):
            self._mesos.start_agent(number)
        self._lost.clear()
        self._mesos.wait_for_agents(HOSTS)

    def _operate(self, kind: str, agent_id: str) -> None:
        call = json.dumps({"type": kind, kind.lower(): {"agent_id": {"value": agent_id}}}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"http://{self._mesos.address}/api/v1", call, headers)
        with urllib.request.urlopen(request, timeout=5):
            pass

    def _is_drained(self, agent_id: str) -> bool:
        found = next(one for one in self._mesos.read("/slaves")["slaves"] if one["id"] == agent_id)
        return bool(found["drain_info"]["state"] == "DRAINED")

    def _number(self, agent_id: str) -> int:
        found = next(one for one in self.state()["slaves"] if one["id"] == agent_id)
        return int(found["attributes"]["rack"].removeprefix("r"))


def mesos(kind: str, directory: Path, cli: Cli) -> Mesos:
    """`kind` is `embedded` or `real`; the test is skipped where there is no real one."""
    return EmbeddedMesos(cli) if kind == "embedded" else RealMesosForAgents(directory / "mesos")
