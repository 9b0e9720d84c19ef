"""A real Mesos 1.11 for tests: a master and agents of their own, on their own ports, ended by pid.

`CIPROV_TEST_REAL_MESOS` names the directory of the kit that builds it (its `up.sh`); what it builds is kept in
`REAL_MESOS`, by default `~/.cache/real-mesos`. Without it, tests that disturb nothing use the master that
`CIPROV_TEST_MESOS` names; its agents need not be like ours.
"""

from __future__ import annotations

import fcntl
import getpass
import json
import os
import random
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from stopped_process import freeze, thaw

_ENDS_BUILDING = "R=$H/run;"


def binaries() -> Path:
    """Where the built Mesos is; skips the test where there is no kit to build it."""
    kit = os.environ.get("CIPROV_TEST_REAL_MESOS", "")
    if not kit:
        pytest.skip("CIPROV_TEST_REAL_MESOS names no kit for a real Mesos")
    home = Path(os.environ.get("REAL_MESOS") or Path.home() / ".cache/real-mesos")
    home.mkdir(parents=True, exist_ok=True)
    with (home / "building").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        if not (home / "dist/libexec/mesos-fetcher").exists():
            # Only the part that builds: the rest would start it on ports that others may use.
            text = (Path(kit) / "up.sh").read_text()
            steps = text[: text.index(_ENDS_BUILDING)]
            subprocess.run(["bash", "-c", steps, f"{kit}/up.sh"], check=True, timeout=300)
    return home / "dist"


def given_address() -> str:
    """`host:port` of a master that runs already, where there is no kit."""
    return "" if os.environ.get("CIPROV_TEST_REAL_MESOS") else os.environ.get("CIPROV_TEST_MESOS", "")


def free_port(host: str = "127.0.0.1") -> int:
    """Below those that connections get by themselves: nobody takes it before whoever it is for."""
    for port in random.sample(range(10_000, 20_000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind((host, port))
            return port
    raise AssertionError("no port is free")


class RealMesos:
    """`master` and the `agents` by number from 1, and all that they write below `directory`.

    Its pings are quick: an agent is lost after two seconds.
    """

    access: Mapping[str, str] = {}
    """What a driver's connection needs beside the address."""
    containerizers = "mesos"

    def __init__(self, directory: Path, agents: int = 2, flags: tuple[str, ...] = ()) -> None:
        self._dist = binaries()
        self.directory = directory
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._flags = flags
        self._agents = agents
        self._agent_ports = {number: free_port() for number in range(1, agents + 1)}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        self._start_answering_master()
        for number in self._agent_ports:
            self.start_agent(number)
        self.wait_for_agents(self._agents)
        for number in self._agent_ports:
            # The kit's fetcher stands in for Mesos', which makes the directory of a user by itself.
            Path(f"{self.directory / f'agent{number}'}.fetch", getpass.getuser()).mkdir(parents=True, exist_ok=True)

    def _start_answering_master(self) -> None:
        """At another port where it does not come up at this one."""
        for _ in range(3):
            self.start_master()
            with suppress(AssertionError):
                eventually(lambda: bool(self.read("/metrics/snapshot")), 10.0, "the master")
                return
            self.kill("master")
            self.port = free_port()
            self.address = f"127.0.0.1:{self.port}"
        raise AssertionError(f"no master came up: see {self.directory}")

    def start_master(self) -> None:
        self._start(
            "master",
            "master",
            f"--ip=127.0.0.1 --port={self.port} --hostname=127.0.0.1 --cluster=test --registry=in_memory",
            "--agent_ping_timeout=1secs --max_agent_ping_timeouts=2 --allocation_interval=100ms",
            f"--work_dir={self.directory / 'master'}",
            *self._flags,
        )

    def start_agent(self, number: int) -> None:
        work = self.directory / f"agent{number}"
        self._start(
            f"agent{number}",
            "agent",
            f"--master={self.address} --ip=127.0.0.1 --port={self._agent_ports[number]} --hostname=127.0.0.1",
            f"--work_dir={work} --runtime_dir={work}.run --fetcher_cache_dir={work}.fetch",
            f"--launcher_dir={self._dist / 'libexec'} --launcher=posix",
            f"--containerizers={self.containerizers} --docker_kill_orphans=false --docker_remove_delay=1secs",
            "--isolation=posix/cpu,posix/mem,filesystem/posix --systemd_enable_support=false",
            "--http_command_executor=true --registration_backoff_factor=50ms --executor_registration_timeout=30secs",
            f"--attributes=rack:r{number}",
            f"--resources=cpus:2;mem:512;disk:512;ports:[31{number}00-31{number}99]",
        )

    def _start(self, name: str, *words: str) -> None:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.directory), "LANG": "C.UTF-8"}
        command = [str(self._dist / "bin/mesosd"), *(word for part in words for word in part.split())]
        with (self.directory / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
            )

    def agent_address(self, number: int) -> str:
        return f"127.0.0.1:{self._agent_ports[number]}"

    def kill(self, name: str) -> None:
        """At once, with no good-bye; the tasks of an agent run on."""
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def freeze(self, name: str) -> None:
        freeze(self._processes[name].pid)

    def thaw(self, name: str) -> None:
        thaw(self._processes[name].pid)

    def stop(self) -> None:
        for name in list(self._processes):
            if name != "master":  # so the agent shuts its executors down
                self._processes[name].send_signal(signal.SIGUSR1)
        for name in sorted(self._processes):
            with suppress(subprocess.TimeoutExpired):
                if name != "master":
                    self._processes[name].wait(8)
            self.kill(name)
        for executor in self._executors():
            with suppress(OSError):
                os.kill(executor, signal.SIGKILL)

    def _executors(self) -> list[int]:
        """Left where an agent was killed: recognised by their sandbox, which is in our directory."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if str(process.joinpath("cwd").readlink()).startswith(f"{self.directory}/"):
                    found.append(int(process.name))
        return found

    def read(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://{self.address}{path}", timeout=5) as answer:
            return json.load(answer)

    def framework(self, framework_id: str) -> dict[str, Any] | None:
        """As the master's state has it, active or not."""
        state = self.read("/state")
        return next((one for one in state["frameworks"] if one["id"] == framework_id), None)

    def wait_for_agents(self, count: int) -> None:
        def there() -> bool:
            return bool(self.read("/metrics/snapshot")["master/slaves_active"] == count)

        eventually(there, 30.0, f"{count} agents: see {self.directory}")


class GivenMesos(RealMesos):
    """One that runs already and is not ours."""

    def __init__(self, address: str) -> None:
        self.address = address.removeprefix("http://").rstrip("/")


def eventually(holds: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while True:
        with suppress(OSError, KeyError):
            if holds():
                return
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.05)
