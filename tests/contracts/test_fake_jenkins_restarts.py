"""The fake, killed and started again, comes back as a real one that restarts in good order: nodes, jobs, queue; agents
connect again.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fake_jenkins_routes import TOKEN, USER
from jenkins_http import JenkinsHttp, wait_for

from ciprov.clients.connection import Connection
from ciprov.clients.jenkins.client import HttpJenkins
from ciprov.domain.jenkins import JenkinsRestarting, NewNode

TESTS = Path(__file__).resolve().parents[1]


class Fake:
    def __init__(self, state: Path) -> None:
        self._command = [sys.executable, str(TESTS / "fake_jenkins.py"), "--prefix", "/ci", "--state", str(state)]
        self.url = self.start()

    def start(self, *options: str) -> str:
        self.process = subprocess.Popen([*self._command, *options], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Fake]:
    fake = Fake(tmp_path / "controller.json")
    yield fake
    fake.kill()


def test_a_restart_keeps_nodes_jobs_and_the_queue(fake: Fake, tmp_path: Path) -> None:
    jenkins = HttpJenkins(Connection("jenkins", [fake.url], user=USER, password=TOKEN), "restarts")
    by_hand = JenkinsHttp(fake.url, USER, TOKEN)
    jenkins.create_node(NewNode("n1", ("lab",), "/srv"))
    by_hand.freestyle("job", "lab && late")
    number = by_hand.build("job")
    before, session = jenkins.nodes(), jenkins.server().session
    secret = jenkins.secret("n1")
    options = ["-url", fake.url, "-name", "n1", "-secret", secret.value, "-noReconnectAfter", "1m"]
    with subprocess.Popen([sys.executable, TESTS / "fake_agent.py", *options], cwd=tmp_path) as agent:
        try:
            wait_for(lambda: jenkins.nodes()[1].takes_builds)
            fake.kill()
            with pytest.raises(JenkinsRestarting):
                jenkins.queue()
            assert fake.start("--port", str(urlsplit(fake.url).port)) == fake.url
            assert [item.id for item in jenkins.queue()] == [number]
            assert [node.labels for node in jenkins.nodes()] == [node.labels for node in before]
            assert jenkins.server().session != session
            assert jenkins.secret("n1") == secret
            wait_for(lambda: jenkins.nodes()[1].takes_builds)
            assert jenkins.create_node(NewNode("n2", ("late",), "/srv"))
            assert by_hand.build("job") == number
        finally:
            agent.kill()


def test_that_a_node_was_set_offline_is_known_again_once_its_agent_is_back(fake: Fake, tmp_path: Path) -> None:
    jenkins = HttpJenkins(Connection("jenkins", [fake.url], user=USER, password=TOKEN), "restarts")
    for name in ("n1", "n2"):
        jenkins.create_node(NewNode(name, ("lab",), "/srv"))
    (tmp_path / "secret").write_text(jenkins.secret("n1").value)
    options = ["-url", fake.url, "-name", "n1", "-secret", f"@{tmp_path}/secret", "-webSocket"]
    with subprocess.Popen([sys.executable, TESTS / "fake_agent.py", *options], cwd=tmp_path) as agent:
        try:
            wait_for(lambda: jenkins.nodes()[1].takes_builds)
            for name in ("n1", "n2"):
                jenkins.fence(name, "has its build")
            fake.kill()
            fake.start("--port", str(urlsplit(fake.url).port))
            assert [node.fenced for node in jenkins.nodes()] == [False] * 3
            wait_for(lambda: jenkins.nodes()[1].fenced)
            assert [(node.fenced, node.offline_reason) for node in jenkins.nodes()[1:]] == [
                (True, "has its build"),
                (False, ""),
            ]
        finally:
            agent.kill()
