"""The task of an agent on a real Mesos, through the guarded driver: it connects to the fake Jenkins, and builds."""

from __future__ import annotations

import json
import os
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from docker import APIClient
from docker.errors import APIError
from docker_image import busybox_image
from fake_jenkins import FakeJenkins
from fake_jenkins_routes import TOKEN, USER
from java_for_fake_agents import installed
from jenkins_http import JenkinsHttp, wait_for
from mesos_session import Session
from real_mesos import RealMesos
from signal_listener import SignalListener
from started_agent import RECORDS_ITSELF, files_with, java, places_with

from ciprov.agents.record import AgentRecord
from ciprov.agents.start.start_script import secrets_text, work_dir
from ciprov.agents.start.task import Site, TaskSecrets, secrets_url, task_info
from ciprov.agents.template import Container, ContainerKind, Limits, Start, Template, Volume, VolumeMode
from ciprov.clients.connection import Connection
from ciprov.clients.jenkins.client import HttpJenkins
from ciprov.domain.jenkins import NewNode
from ciprov.framework.deciding import decide
from ciprov.framework.offer_parsing import parse_offer
from ciprov.framework.requests import Request, Wanted
from ciprov.framework.state import State

ONE_TIME = uuid.uuid4().hex
PASSWORD = f"pässword-{uuid.uuid4().hex}"
OF_TEMPLATE = (("NEXUS", PASSWORD),)
NAME = "ci-any-1"


@pytest.fixture(scope="module")
def mesos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealMesos]:
    running = RealMesos(tmp_path_factory.mktemp("mesos"), agents=1)
    try:
        running.start()
        yield running
    finally:
        running.stop()


class WithDocker(RealMesos):
    containerizers = "docker,mesos"


@pytest.fixture
def with_docker(tmp_path: Path) -> Iterator[RealMesos]:
    running = WithDocker(tmp_path / "mesos", agents=1)
    running.directory.mkdir()
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture
def fake() -> Iterator[FakeJenkins]:
    with FakeJenkins("/jenkins") as fake:
        yield fake


@dataclass
class Launching:
    """One agent, from an offer to its launch. `service` is told of its work."""

    session: Session
    jenkins: HttpJenkins
    url: str
    service: SignalListener
    start: Start
    container: Container = field(default_factory=Container)

    def launch(self) -> str:
        """Gives the node's secret."""
        now = datetime.now(UTC)
        wanted = Wanted(cpus=0.5, mem=64, ports=(0,))
        template = Template(
            "any", ("any",), wanted, container=self.container, start=self.start, limits=Limits(grace_s=1)
        )
        self.jenkins.create_node(NewNode(NAME, ("any",), work_dir(NAME, template)))
        secret = self.jenkins.secret(NAME)
        offer = parse_offer(self.session.offer())
        request = Request(NAME, "any", template.wanted, now, roles=("ci",))
        (launch,) = decide([request], [offer], State(), now).launches
        site = Site(self.url, self.service.url, "ci")
        ticket = uuid.uuid4().hex
        path = secrets_url(NAME, site, ticket).removeprefix(self.service.url)
        self.service.texts[path] = secrets_text(secret.value, ONE_TIME, OF_TEMPLATE)
        info = task_info(
            AgentRecord(NAME, "any", ("any",), now, now),
            template,
            launch.placements[0],
            launch.agent_id,
            site,
            TaskSecrets(secret, ONE_TIME, OF_TEMPLATE, ticket),
        )
        self.session.driver.launch(launch.offer_ids, [info], filter_s=0.1)
        return secret.value


@pytest.fixture
def launching(mesos: RealMesos, fake: FakeJenkins, tmp_path: Path) -> Iterator[Launching]:
    jenkins = HttpJenkins(Connection("jenkins", [fake.url], user=USER, password=TOKEN), "ci")
    start = Start(
        str(installed(tmp_path)), jar_cache=str(tmp_path / "jars"), reconnect_s=0, env=(("HELLO", "it's me"),)
    )
    with SignalListener() as service, Session(mesos.address).start() as session:
        told = session.subscribed()
        yield Launching(session, jenkins, fake.url, service, start)
        session.driver.teardown(told.framework_id)


def state(address: str) -> str:
    with urllib.request.urlopen(f"http://{address}/state", timeout=5) as answer:
        return str(answer.read().decode())


def files(address: str, sandbox: str) -> dict[str, str]:
    """What anybody may read of a sandbox."""
    with urllib.request.urlopen(f"http://{address}/files/browse?path={quote(sandbox)}", timeout=5) as answer:
        names = [each["path"] for each in json.load(answer) if each["mode"].startswith("-")]
    found = {}
    for name in names:
        address_of = f"http://{address}/files/read?path={quote(name)}&offset=0&length=100000"
        with urllib.request.urlopen(address_of, timeout=5) as answer:
            found[name.rpartition("/")[2]] = answer.read().decode(errors="replace")
    return found


def newest_sandbox(mesos: RealMesos) -> Path:
    return max(mesos.directory.rglob("agent.jar"), key=lambda path: path.stat().st_mtime).parent


def test_an_agent_comes_online_and_runs_one_build(mesos: RealMesos, fake: FakeJenkins, launching: Launching) -> None:
    by_hand = JenkinsHttp(fake.url, USER, TOKEN)
    by_hand.freestyle("app", "any", 'echo "$HELLO: $PORT0" >seen; echo "$NEXUS" >secret; sleep 1')
    by_hand.build("app")
    secret = launching.launch()
    launching.session.update(NAME, "TASK_RUNNING")
    wait_for(lambda: bool(launching.service.told))
    (told,) = launching.service.told
    assert (told.authorization, told.entries) == (f"Bearer {ONE_TIME}", ["app"])
    node = launching.jenkins.node(NAME)
    assert node is not None
    assert not node.offline
    assert len(node.builds) == 1

    # While the build runs, nobody sees what is secret.
    sandbox = newest_sandbox(mesos)
    wait_for((sandbox / "agent/workspace/app/secret").exists)
    agent = mesos.agent_address(1)
    shown = [state(mesos.address), state(agent), *files(agent, str(sandbox)).values()]
    assert all(NAME in each for each in shown[:2])
    assert not any(word in each for each in shown for word in (secret, ONE_TIME, PASSWORD))
    assert places_with(secret, ONE_TIME) == []
    assert not any("cmdline" in place for place in places_with(PASSWORD))
    assert [Path(each).name for each in files_with(sandbox, secret, ONE_TIME, PASSWORD)] == ["secret"]
    greeting, _, port = (sandbox / "agent/workspace/app/seen").read_text().strip().partition(": ")
    assert (greeting, 31100 <= int(port) <= 31199) == ("it's me", True)

    wait_for(lambda: by_hand.result("app", 1) == "SUCCESS")
    launching.jenkins.delete_node(NAME)
    launching.session.update(NAME, "TASK_FINISHED")


def test_an_agent_that_is_killed_ends_within_its_grace(launching: Launching) -> None:
    launching.launch()
    launching.session.update(NAME, "TASK_RUNNING")
    wait_for(lambda: not getattr(launching.jenkins.node(NAME), "offline", True))
    began = time.monotonic()
    launching.session.driver.kill(NAME)
    launching.session.update(NAME, "TASK_KILLED")
    assert time.monotonic() - began < 1.0
    wait_for(lambda: bool(getattr(launching.jenkins.node(NAME), "offline", False)))


def test_a_host_without_java_says_so(mesos: RealMesos, launching: Launching) -> None:
    launching.start = replace(launching.start, java="no-such-java")
    launching.launch()
    failed = launching.session.update(NAME, "TASK_FAILED")
    assert failed.status["message"] == "Command exited with status 127"
    sandbox = newest_sandbox(mesos)
    said = files(mesos.agent_address(1), str(sandbox))["stderr"]
    assert f"ciprov: agent {NAME}: there is no no-such-java here, and an agent needs Java" in said


def test_an_agent_in_docker(with_docker: RealMesos, fake: FakeJenkins, labelled: str, tmp_path: Path) -> None:
    image = busybox_image()
    program = java(tmp_path, RECORDS_ITSELF + "mkdir -p agent/workspace/app\necho $$ >pid\nsleep 60\n")
    container = Container(
        ContainerKind.DOCKER,
        image,
        volumes=(Volume("/opt/java/bin/java", str(program), VolumeMode.RO),),
        parameters=(("label", labelled),),
    )
    start = Start("/opt/java/bin/java", jar_cache=str(tmp_path / "jars"), env=(("HELLO", "it's me"),))
    jenkins = HttpJenkins(Connection("jenkins", [fake.url], user=USER, password=TOKEN), "ci")
    with SignalListener() as service, Session(with_docker.address).start() as session:
        told = session.subscribed()
        launching = Launching(session, jenkins, fake.url, service, start, container)
        secret = launching.launch()
        session.update(NAME, "TASK_RUNNING")
        sandbox = newest_sandbox(with_docker)
        wait_for((sandbox / "pid").exists)
        assert (sandbox / "secret").read_text() == f"{secret}\n"
        (sandbox / "secret").unlink()
        wait_for(lambda: bool(service.told))
        assert service.entries == [["app"]]
        assert (sandbox / "pid").read_text() == "1\n"
        assert "-jar-cache" in (sandbox / "arguments").read_text()
        environment = (sandbox / "environment").read_text()
        assert "HELLO=it's me\n" in environment
        assert f"NEXUS={PASSWORD}\n" in environment
        found = containers(labelled)
        assert image in found
        assert not any(word in found for word in (secret, ONE_TIME, PASSWORD))
        assert places_with(secret, ONE_TIME) == []
        assert files_with(sandbox, secret, ONE_TIME) == []
        session.driver.kill(NAME)
        session.update(NAME, "TASK_KILLED")
        session.driver.teardown(told.framework_id)


@pytest.fixture
def labelled() -> Iterator[str]:
    """A label for containers that go when the test ends: the Mesos agent may be gone before it removes them."""
    label = f"ciprov.test={uuid.uuid4().hex}"
    yield label
    client = APIClient(os.environ.get("DOCKER_HOST"), timeout=20)
    for each in client.containers(all=True, filters={"label": label}):
        with suppress(APIError):
            client.remove_container(each["Id"], force=True)


def containers(label: str) -> str:
    """All that the engine tells of those with the label."""
    client = APIClient(os.environ.get("DOCKER_HOST"), timeout=20)
    found = client.containers(filters={"label": label})
    assert found
    return json.dumps([client.inspect_container(each["Id"]) for each in found], ensure_ascii=False)
