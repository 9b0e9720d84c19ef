"""Demand against a controller that moves: jobs and pipelines come, agents connect late, and none is to spare."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress

import requests
from fake_jenkins import FakeJenkins
from fake_jenkins_routes import TOKEN, USER
from jenkins_http import JenkinsHttp

from ciprov.agents.queue.asked_labels import Agent
from ciprov.agents.queue.demand import Demand, Need, Policy, Seen, TemplateLabels, demand
from ciprov.clients.connection import Connection
from ciprov.clients.jenkins.client import HttpJenkins
from ciprov.domain.jenkins import NewNode, Node

TEMPLATES = [
    TemplateLabels("maven", frozenset({"linux", "maven"}), unique_prefix="ciprov.maven."),
    TemplateLabels("gpu", frozenset({"linux", "gpu"})),
]


class Launcher:
    """The least that serves demand: a node and an agent for each need. Agents fence themselves once they work."""

    def __init__(self, fake: FakeJenkins) -> None:
        self.jenkins = HttpJenkins(Connection("jenkins", [fake.url], user=USER, password=TOKEN), "demand")
        self.url = fake.url
        self.agents: dict[str, Agent] = {}
        self.launched: list[Need] = []
        self.builds: dict[str, int] = {}
        self._last = Demand()

    def look(self) -> Demand:
        nodes = self.jenkins.nodes()
        self._settle(nodes)
        seen = Seen(self.jenkins.queue(), nodes, list(self.agents.values()), self._last.labels)
        server_time = self.jenkins.server().time
        assert server_time is not None
        self._last = demand(seen, Policy(TEMPLATES), server_time)
        for need in self._last.needs:
            self._launch(need)
        return self._last

    def spare(self) -> list[Need]:
        return [need for number, need in enumerate(self.launched) if f"ours-{number}" not in self.builds]

    def _settle(self, nodes: list[Node]) -> None:
        for node in nodes:
            agent = self.agents.get(node.name)
            if agent is not None and (node.builds or node.fenced):
                self.agents[node.name] = Agent(agent.name, agent.template, agent.labels, spent=True)

    def _launch(self, need: Need) -> None:
        name = f"ours-{len(self.launched)}"
        self.launched.append(need)
        self.agents[name] = Agent(name, need.template, need.labels)
        self.jenkins.create_node(NewNode(name, tuple(need.labels), "/srv", template=need.template))
        secret = self.jenkins.secret(name).value
        threading.Thread(target=self._agent, args=(name, secret, len(self.launched) % 7), daemon=True).start()

    def _agent(self, name: str, secret: str, delay: int) -> None:
        """Connects after a while, and takes 50 ms for a build."""
        time.sleep(0.1 + delay * 0.05)
        address, headers = f"{self.url}/fake/agents/{name}", {"X-Secret": secret}
        with (
            suppress(requests.RequestException),
            requests.post(address, headers=headers, stream=True, timeout=30) as builds,
        ):
            for line in builds.iter_lines(chunk_size=1):
                build = json.loads(line)
                if build:
                    self.builds[name] = self.builds.get(name, 0) + 1
                    self.jenkins.fence(name, "has its build")
                    time.sleep(0.05)
                    result = {**build, "result": "SUCCESS"}
                    requests.post(f"{address}/done", json=result, headers=headers, timeout=30)


def test_a_burst_gets_its_agents_and_none_to_spare() -> None:
    with FakeJenkins() as fake:
        launcher, by_hand = Launcher(fake), JenkinsHttp(fake.url, USER, TOKEN)
        for number in (1, 2):  # anchors, without which no pipeline would tell its label
            labels = tuple(frozenset().union(*(template.labels for template in TEMPLATES)))
            launcher.jenkins.create_node(NewNode(f"anchor{number}", labels, "/srv"))
        jobs = 0
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if jobs < 40:
                for _ in range(10):
                    by_hand_job(by_hand, jobs)
                    jobs += 1
            launcher.look()
            # An agent counts its build a moment after the item has left the queue.
            if jobs >= 40 and not fake.controller.items and sum(launcher.builds.values()) >= jobs:
                break
            time.sleep(0.03)
        assert sum(launcher.builds.values()) == jobs == 40
        assert len(launcher.launched) == 40, launcher.spare()
        assert {need.template for need in launcher.launched} == {"maven", "gpu"}
        assert not launcher.look().needs


def by_hand_job(by_hand: JenkinsHttp, number: int) -> None:
    name = f"job{number}"
    if number % 4 == 0:
        by_hand.pipeline(name, "gpu")
    else:
        by_hand.freestyle(name, [f"ciprov.maven.{number}", "linux && !gpu", "gpu || nothing"][number % 4 - 1])
    by_hand.build(name, "0sec" if number % 3 else "1sec")
