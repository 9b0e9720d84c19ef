"""The agent service among parts that are killed at random while builds keep coming: what must hold in the end.

Killed are the service, Jenkins, the Mesos master, hosts with what runs on them, and agents; each comes back a little
later. A build may fail only where Jenkins, its host or its agent was killed while it waited or ran.
"""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import requests
from agent_service import AgentServiceProcess, settings, write_settings
from agents_mesos import Mesos, mesos, tasks
from agents_world import ANCHOR, AgentsCli
from java_for_fake_agents import installed
from jenkins_process import JenkinsProcess

AT_ONCE = 6
"""So many builds wait or run at any time."""
SETTLES_S = 60.0
_LABELS = ("linux", "maven && linux", "maven", "gpu || linux")
_COMMON: dict[str, Any] = {"unreachable": "2s", "attempts": 10, "pause": "5s", "most": 8}
_TEMPLATES: dict[str, dict[str, Any]] = {
    "linux": {"labels": ["linux"], "warm": 1, **_COMMON},
    "maven": {"labels": ["linux", "maven"], **_COMMON},
    "gpu": {"labels": ["gpu"], **_COMMON},
}
_PARTS = {"service": 40, "agent": 20, "jenkins": 15, "master": 15, "host": 10}
"""How often each is killed, in relation to each other."""


@dataclass
class Tracked:
    """A build from outside, from when it was asked for until its result was seen."""

    job: str
    since: float
    pipeline: bool
    until: float = 0.0
    node: str = ""
    host: str = ""
    result: str = ""


@dataclass
class Kill:
    """`over`: when what was killed was brought back; a host is out of reach until then."""

    part: str
    at: float
    which: str = ""
    over: float = 0.0


@dataclass
class Report:
    kills: Counter[str] = field(default_factory=Counter)
    results: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    leaks: int = 0
    agents: int = 0
    settled_s: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.kills.total()} kills {dict(self.kills.most_common())}; builds {dict(self.results.most_common())}, "
            f"{self.leaks} of them on an agent that had one before; {self.agents} agents; "
            f"settled after {self.settled_s:.0f} s"
        )


def run(directory: Path, kind: str, seed: int, kills: int, tell: Callable[[str], None] = lambda _: None) -> Report:
    """`kind` as for `agents_mesos.mesos`. What was started is ended again."""
    with _everything(directory, kind) as chaos:
        chaos.rage(random.Random(f"agents {seed}"), kills, tell)
        return chaos.judge()


@contextmanager
def _everything(directory: Path, kind: str) -> Iterator[Chaos]:
    cli = AgentsCli(directory)
    on = mesos(kind, directory, cli)
    cli.options = on.options
    cli.environment["CIPROV_CONFIG"] = str(directory / "settings.yaml")
    jenkins = JenkinsProcess(directory)
    section = settings(jenkins.url, installed(directory), _TEMPLATES, framework=on.framework)
    write_settings(directory / "settings.yaml", on.cluster, section, **on.section)
    service = AgentServiceProcess(directory / "service.log", cli.environment, *on.options)
    chaos = Chaos(cli, on, jenkins, service)
    try:
        on.start()
        jenkins.start()
        service.start()
        service.wait_for("mesos back")
        yield chaos
    finally:
        if service.process is not None:
            service.end(signal.SIGKILL)
        jenkins.kill()
        on.stop()


class Chaos:
    def __init__(self, cli: AgentsCli, on: Mesos, jenkins: JenkinsProcess, service: AgentServiceProcess) -> None:
        self._cli, self._mesos, self._jenkins, self._service = cli, on, jenkins, service
        self._down: dict[str, float] = {}
        self._spared_until: dict[str, float] = {}
        self._kills: list[Kill] = []
        self._open: list[Tracked] = []
        self._done: list[Tracked] = []
        self._seen: set[str] = set()
        self._twice: set[str] = set()
        self._number = 0

    # What happens

    def rage(self, chance: random.Random, kills: int, tell: Callable[[str], None]) -> None:
        next_kill = time.monotonic() + 1.0
        while len(self._kills) < kills:
            self._keep_building(chance)
            self._look()
            self._bring_back(time.monotonic())
            if time.monotonic() >= next_kill:
                self._kill_one(chance)
                next_kill = time.monotonic() + chance.uniform(0.1, 1.4)
                if len(self._kills) % 50 == 0:
                    tell(f"{len(self._kills)} kills, {len(self._done)} builds")
            time.sleep(0.1)

    def judge(self) -> Report:
        """Everything comes back; what is there afterwards, and what became of the builds."""
        began = time.monotonic()
        while self._down:  # hosts come back to a master that is there
            self._bring_back(float("inf"))
        left: list[str] = ["nothing was looked at"]
        while left and time.monotonic() - began < SETTLES_S:
            self._look()
            left = self._left()
            time.sleep(0.2)
        report = Report(Counter(kill.part for kill in self._kills), faults=[f"left: {one}" for one in left])
        report.settled_s = time.monotonic() - began
        report.results = Counter(build.result for build in self._done)
        hosts = {one["task_id"]: one.get("agent_id", "") for one in self._service.told("launched")}
        for build in self._done:
            build.host = hosts.get(build.node, "")
        on = [build.node for build in self._done if build.node]
        report.agents, report.leaks = len(self._seen), len(on) - len(set(on))
        report.faults += [f"{name} was launched twice" for name in sorted(self._twice)]
        report.faults += [
            f"{build.job} on {build.node} of {build.host} ended as {build.result}, and nothing of its own was killed"
            for build in self._done
            if build.result != "SUCCESS" and not self._is_excused(build)
        ]
        report.faults += [f"told by the service: {one['text']}" for one in self._service.told("fault", level="error")]
        report.faults += ["a traceback is in the service's log"] * ("Traceback" in self._service.text)
        return report

    # Builds

    def _keep_building(self, chance: random.Random) -> None:
        while "jenkins" not in self._down and len(self._open) < AT_ONCE:
            self._number += 1
            build = Tracked(f"job-{self._number}", time.time(), chance.random() < 0.3)
            script = f"sleep {chance.choice(('0.1', '0.5', '1.5', '3'))}"
            make = self._jenkins.http.pipeline if build.pipeline else self._jenkins.http.freestyle
            label = chance.choice(("linux", "maven")) if build.pipeline else chance.choice(_LABELS)
            self._open.append(build)
            with suppress(requests.RequestException):
                make(build.job, label, script)
                self._jenkins.http.build(build.job)

    def _look(self) -> None:
        """At all builds, and at what Mesos knows. What is away does not answer."""
        with suppress(OSError, KeyError):
            names = Counter(self._mesos.launched())
            self._seen |= names.keys()
            self._twice |= {name for name, count in names.items() if count > 1}
        for build in list(self._open):
            with suppress(requests.RequestException):
                self._look_at(build)

    def _look_at(self, build: Tracked) -> None:
        found = self._jenkins.http.builds(build.job)
        if not found:
            # Whether the kill came before the build was asked for, nobody knows: Jenkins makes one of two.
            self._jenkins.http.build(build.job)
            return
        build.node = build.node or str(found[0]["builtOn"])
        if found[0]["result"]:
            build.result, build.until = str(found[0]["result"]), time.time()
            self._open.remove(build)
            self._done.append(build)
            self._jenkins.http.discard(f"job/{build.job}/doDelete")

    def _is_excused(self, build: Tracked) -> bool:
        """By a kill of Jenkins, of its agent or of its host. Builds begin on a host that is out of reach, too, as
        long as its agents are connected and no service takes them away.
        """
        meanwhile = [kill for kill in self._kills if build.since <= max(kill.at, kill.over) and kill.at <= build.until]
        own = {"agent": build.node, "host": build.host}
        return any(
            kill.part == "jenkins" or (own.get(kill.part) and own[kill.part] == kill.which) for kill in meanwhile
        )

    # Kills

    def _kill_one(self, chance: random.Random) -> None:
        part = chance.choices(list(_PARTS), list(_PARTS.values()))[0]
        spared = time.monotonic() < self._spared_until.get(part, 0.0)
        if spared or part in self._down or (part == "host" and "master" in self._down):
            return
        at, which = time.time(), ""
        match part:
            case "service":
                self._service.end(chance.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)))
            case "jenkins":
                self._jenkins.kill()
            case "master":
                self._mesos.kill_master()
            case "host":
                which = self._lose_host(chance)
            case "agent":
                which = self._kill_agent(chance)
        if not which and part in {"host", "agent"}:
            return
        self._kills.append(Kill(part, at, which))
        if part != "agent":
            self._down[part] = time.monotonic() + chance.uniform(0.0, 5.0 if part == "host" else 1.5)
            self._spared_until[part] = self._down[part] + chance.uniform(0.0, 8.0)

    def _lose_host(self, chance: random.Random) -> str:
        """Empty where a master that has just started does not know of any yet."""
        try:
            hosts = sorted(one["id"] for one in self._mesos.state()["slaves"] if one["active"])
        except OSError:
            return ""
        which = chance.choice(hosts) if hosts else ""
        if which:
            self._mesos.lose_host(which)
        return which

    def _kill_agent(self, chance: random.Random) -> str:
        """Its process, as the kernel does where memory is short; the name of the agent."""
        found: dict[str, psutil.Process] = {}
        for process in psutil.process_iter():
            with suppress(psutil.Error, ValueError, IndexError):
                words = process.cmdline()
                if "agent.jar" in words and process.cwd().startswith(f"{self._cli.directory}/"):
                    found[words[words.index("-name") + 1]] = process
        if not found:
            return ""
        name = chance.choice(sorted(found))
        with suppress(psutil.Error):
            found[name].kill()
        return name

    def _bring_back(self, now: float) -> None:
        for part in [part for part, at in self._down.items() if at <= now and self._may_return(part)]:
            match part:
                case "service":
                    self._service.start()
                case "jenkins":
                    self._jenkins.start()
                case "master":
                    self._mesos.start_master()
                case "host":
                    self._mesos.return_hosts()
                    next(kill for kill in reversed(self._kills) if kill.part == "host").over = time.time()
            del self._down[part]

    def _may_return(self, part: str) -> bool:
        return part != "host" or "master" not in self._down

    # The end

    def _left(self) -> list[str]:
        """What is not over, besides the agent that is kept ready."""
        try:
            nodes = {name for name in self._jenkins.http.nodes() if ANCHOR not in name}
            shown = self._cli.run("agents", "status", "-o", "json")
            if shown.code:
                return [f"the service does not answer: {shown.err}"]
            agents = {one["agent"]: one for one in shown.json["agents"]}
            ready = {name for name, one in agents.items() if one["phase"] == "online" and one["template"] == "linux"}
            alive = tasks(self._mesos)
        except (OSError, KeyError) as error:
            return [f"something does not answer: {error}"]
        return [
            *(f"build {build.job} on {build.node or 'no agent'}" for build in self._open),
            *(f"node {name}" for name in nodes - ready),
            *(f"task {name} ({state})" for name, state in alive.items() if name not in ready),
            *(f"record {name} ({one['phase']})" for name, one in agents.items() if name not in ready),
            *([f"{len(ready)} agents are ready"] if len(ready) != 1 else []),
        ]
