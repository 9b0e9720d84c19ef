"""All that an agent service lives with, for scenarios: a Mesos, the fake Jenkins, its settings, its process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agent_service import AgentServiceProcess, settings, write_settings
from agents_mesos import Mesos, mesos, tasks
from fake_jenkins import FakeJenkins
from fake_jenkins_routes import TOKEN, USER
from java_for_fake_agents import installed
from jenkins_http import JenkinsHttp
from scenario_cli import Cli

ANCHOR = "-anchor-"
ON = ("embedded", "real")
"""What a fixture may be parametrised with."""


class AgentsCli(Cli):
    """The command line on the Mesos of a world."""

    options: tuple[str, ...] = ("--local",)

    @property
    def command(self) -> list[str]:
        return [*super().command[:-1], *self.options]


class World:
    """`directory` is its own. Jenkins is within this process: `jenkins.rules` and `jenkins.controller` may be looked at
    and, the rules, changed; all else goes over `http`.
    """

    def __init__(self, kind: str, directory: Path) -> None:
        self.kind = kind
        self.directory = directory
        self.cli = AgentsCli(directory)
        self.settings = directory / "settings.yaml"
        self.java = installed(directory)
        self.mesos: Mesos = mesos(kind, directory, self.cli)
        self.cli.options = self.mesos.options
        self.cli.environment["CIPROV_CONFIG"] = str(self.settings)
        self.jenkins = self._new_jenkins(0)
        self.service = self.new_service("service")

    def start(self, templates: Mapping[str, Mapping[str, Any]], **others: Any) -> None:
        self.configure(templates, **others)
        self.jenkins.__enter__()
        self.mesos.start()
        # Where it is may be known only now.
        self.configure(templates, **others)
        self.serve()

    def stop(self) -> None:
        try:
            if self.service.process is not None:
                self.service.end()
        finally:
            self.mesos.stop()
            self.jenkins.__exit__()

    @property
    def http(self) -> JenkinsHttp:
        return JenkinsHttp(self.jenkins.url, USER, TOKEN)

    def configure(self, templates: Mapping[str, Mapping[str, Any]], **others: Any) -> None:
        """Writes the settings; a service that runs follows them by itself."""
        others = {"framework": self.mesos.framework, **others}
        section = settings(self.jenkins.url, self.java, templates, **others)
        write_settings(self.settings, self.mesos.cluster, section, **self.mesos.section)

    def new_service(self, name: str) -> AgentServiceProcess:
        """Another one with the same settings and state."""
        return AgentServiceProcess(self.directory / f"{name}.log", self.cli.environment, *self.cli.options)

    def serve(self) -> None:
        """Starts the service, and waits until it works."""
        told = len(self.service.told("mesos back")), len(self.service.told("jenkins back"))
        self.service.start()
        self.service.wait_for("mesos back", count=told[0] + 1)
        self.service.wait_for("jenkins back", count=told[1] + 1)

    def restart_jenkins(self, away_s: float = 0.0) -> None:
        """Running builds are lost, agents come back by themselves."""
        port = self.jenkins.port
        self.jenkins.__exit__()
        time.sleep(away_s)
        self.jenkins = self._new_jenkins(port)
        self.jenkins.__enter__()

    # Builds

    def freestyle(self, job: str, label: str, script: str = "true") -> None:
        """Makes the job, and has it built."""
        self.http.freestyle(job, label, script, concurrent=True)
        self.http.build(job)

    def pipeline(self, job: str, label: str, script: str = "true") -> None:
        self.http.pipeline(job, label, script)
        self.http.build(job)

    def running(self, job: str, seconds: float = 20.0) -> dict[str, Any]:
        """The job's last build, once it is on an agent."""
        return self._build(job, lambda build: bool(build["builtOn"]), seconds)

    def built(self, job: str, seconds: float = 20.0) -> dict[str, Any]:
        """The job's last build, once it ended."""
        return self._build(job, lambda build: bool(build["result"]), seconds)

    def _build(self, job: str, holds: Callable[[dict[str, Any]], bool], seconds: float) -> dict[str, Any]:
        found: dict[str, Any] = {}

        def there() -> bool:
            found.update((self.http.builds(job) or [{"builtOn": "", "result": None}])[-1])
            return holds(found)

        self.eventually(there, f"a build of {job}", seconds)
        return found

    # What there is

    def status(self) -> Any:
        return self.cli.ok("agents", "status", "-o", "json").json

    def agents(self) -> dict[str, Any]:
        """By name."""
        return {one["agent"]: one for one in self.status()["agents"]}

    def nodes(self) -> set[str]:
        """Besides those that carry labels only."""
        return {name for name in self.http.nodes() if ANCHOR not in name}

    def gone(self, seconds: float = 20.0, besides: frozenset[str] = frozenset()) -> None:
        """Waits until there is no node, no task and no record of any agent, `besides` those."""

        def nothing() -> bool:
            return not (self.nodes() - besides or tasks(self.mesos).keys() - besides or self.agents().keys() - besides)

        self.eventually(nothing, "no agent is left", seconds)

    def eventually(self, holds: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"not within {seconds:g} s: {what}\n{self.service.story}"
            time.sleep(0.05)

    def _new_jenkins(self, port: int) -> FakeJenkins:
        return FakeJenkins(port=port, state=self.directory / "jenkins.json")


@contextmanager
def world(kind: str, directory: Path, templates: Mapping[str, Mapping[str, Any]], **others: Any) -> Iterator[World]:
    """One that serves; all of it is ended afterwards."""
    found = World(kind, directory)
    try:
        found.start(templates, **others)
        yield found
    finally:
        found.stop()
