"""How fast the agent service itself is: a burst of builds, builds one by one, and how often it asks when idle."""

from __future__ import annotations

import json
import statistics
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from fake_jenkins_routes import TOKEN, USER
from jenkins_http import wait_for
from jenkins_process import JenkinsProcess
from mesos_in_threads import MesosInThreads

from ciprov.agents.serving.inbox import Leave, Signalled
from ciprov.agents.serving.service import AgentService, Parts
from ciprov.agents.start.task import Site
from ciprov.agents.template import Rules, ServiceRules, Template
from ciprov.agents.view.happenings import Happening, What
from ciprov.clients.connection import Connection
from ciprov.clients.jenkins.client import HttpJenkins
from ciprov.domain.mesos_scheduler import Framework
from ciprov.foundation.clock import utc_now
from ciprov.framework.requests import Wanted
from ciprov.store.sqlite import SqliteStore

LABEL = "linux"


@dataclass(frozen=True)
class Burst:
    """`all_accepted_s`: from the first item in the queue to the last ACCEPT. `surplus`: agents without a build.
    `offers_answered_s`: how long the offer waited that waited longest for its answer, of all since the start.
    """

    items: int
    all_accepted_s: float
    all_built_s: float
    wanted_to_accept_p50_s: float
    surplus: int
    leaks: int
    offers_answered_s: float


@dataclass(frozen=True)
class OneByOne:
    """Medians. `seen_s`: from an item in the queue until its agent is wanted."""

    builds: int
    seen_s: float
    wanted_to_accept_s: float
    queue_to_accept_s: float


class _Counted:
    """A client of Jenkins that counts what is asked of it; each is one request."""

    def __init__(self, client: HttpJenkins) -> None:
        self._client = client
        self.requests = 0

    def __getattr__(self, name: str) -> Any:
        asked = getattr(self._client, name)
        if name in {"nodes", "queue", "server"}:
            self.requests += 1
        return asked


class Running:
    """A service and a Mesos in this process, and a Jenkins in another, whose file tells what it knows."""

    def __init__(
        self, jenkins: JenkinsProcess, counted: _Counted, service: AgentService, mesos: MesosInThreads
    ) -> None:
        self._file, self._http, self._counted = jenkins.file, jenkins.http, counted
        self.service, self.mesos = service, mesos
        self.told: list[Happening] = []

    def burst(self, items: int) -> Burst:
        jobs = [f"burst-{number}" for number in range(items)]
        for job in jobs:
            self._http.freestyle(job, LABEL, "4")
        launched, built = len(self.mesos.accepted), len(self._builds())
        began = time.time()
        with ThreadPoolExecutor(4) as hands:
            list(hands.map(self._http.build, jobs))
        wait_for(lambda: self._results()[built:].count("SUCCESS") == items, 60)
        over = time.time()
        accepted = sorted(self.mesos.accepted.values())[launched:]
        on = [build["node"] for build in self._builds()[built:]]
        wanted = statistics.median(self._seconds("wanted_to_accept")[-len(accepted) :])
        used = len(set(on))
        longest = max(self.mesos.waited_s())
        return Burst(items, accepted[-1] - began, over - began, wanted, len(accepted) - used, len(on) - used, longest)

    def one_by_one(self, builds: int) -> OneByOne:
        """Each when the one before is over, at moments that have nothing to do with when Jenkins is asked."""
        self._http.freestyle("again", LABEL, "0.1", concurrent=True)
        for number in range(builds):
            before = self._results().count("SUCCESS")
            self._http.build("again")
            wait_for(lambda before=before: self._results().count("SUCCESS") > before)
            wait_for(lambda: not self.service.snapshot.agents)
            time.sleep(0.1 + 0.37 * (number % 7))
        accepts = self._seconds("wanted_to_accept")[-builds:]
        in_all = self._seconds("queue_to_accept")[-builds:]
        seen = [total - part for total, part in zip(in_all, accepts, strict=True)]
        return OneByOne(builds, statistics.median(seen), statistics.median(accepts), statistics.median(in_all))

    def looks_per_second(self, seconds: float) -> float:
        before = self._counted.requests
        time.sleep(seconds)
        return (self._counted.requests - before) / seconds

    def _builds(self) -> list[dict[str, Any]]:
        return list(json.loads(self._file.read_text())["builds"])

    def _results(self) -> list[str | None]:
        return [build["result"] for build in self._builds()]

    def _seconds(self, name: str) -> list[float]:
        """Of each agent, in the order in which they were launched."""
        first: dict[str, float] = {}
        for one in self.told:
            if name in one.seconds:
                first.setdefault(one.agent, one.seconds[name])
        return list(first.values())


@contextmanager
def running(directory: Path) -> Iterator[Running]:
    store = SqliteStore(directory / "store.db")
    template = Template(LABEL, (LABEL,), Wanted(cpus=0.1, mem=32))
    jenkins = JenkinsProcess(directory)
    with closing(store), store.election("agents/test/ciprov", "me") as lead:
        assert lead.wait(5)
        jenkins.start()
        services: list[AgentService] = []
        mesos = MesosInThreads(jenkins.url, lambda agent: services[0].inbox.put(Signalled(agent)))
        connection = Connection("jenkins", (jenkins.url,), user=USER, password=TOKEN)
        counted = _Counted(HttpJenkins(connection, "ciprov"))
        parts = Parts(
            cast(HttpJenkins, counted),
            lambda: mesos,
            store.agents("test", "ciprov", lead),
            lead,
            Framework("ciprov", ("*",)),
            Site(jenkins_url=jenkins.url, signal_url="", service="ciprov"),
            "in threads",
        )
        told: list[Happening] = []
        service = AgentService(parts, Rules(ServiceRules(name="ciprov"), (template,)), told.append, utc_now)
        services.append(service)
        service.recover()
        thread = threading.Thread(target=service.run)
        thread.start()
        try:
            found = Running(jenkins, counted, service, mesos)
            found.told = told
            wait_for(lambda: any(one.what is What.JENKINS_BACK for one in told))
            yield found
        finally:
            service.inbox.put(Leave())
            thread.join(10)
            jenkins.kill()
