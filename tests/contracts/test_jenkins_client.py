"""The client against a controller: the one that `CIPROV_TEST_JENKINS` names (with `_USER` and `_TOKEN`), else the fake.

Jobs, builds and agents are made over HTTP and by agent.jar, so that all of it holds for both.
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from fake_jenkins import FakeJenkins
from fake_jenkins_routes import PASSWORD, TOKEN, USER
from jenkins_http import JenkinsHttp, wait_for

from ciprov.clients.connection import Connection
from ciprov.clients.jenkins.client import HttpJenkins
from ciprov.domain.jenkins import (
    JenkinsDenied,
    JenkinsNotFound,
    JenkinsRestarting,
    NewNode,
    Node,
    NodeExists,
    NodeMark,
    NotOurNode,
    QueueItem,
    Stage,
)

REAL = os.environ.get("CIPROV_TEST_JENKINS", "")
USER_NAME = os.environ.get("CIPROV_TEST_JENKINS_USER", USER)
USER_TOKEN = os.environ.get("CIPROV_TEST_JENKINS_TOKEN", TOKEN)
STEP = "org.jenkinsci.plugins.workflow.support.steps.ExecutorStepExecution$PlaceholderTask"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    if REAL:
        yield REAL
        return
    with FakeJenkins("/jenkins") as fake:
        yield fake.url


@pytest.fixture
def by_hand(url: str) -> JenkinsHttp:
    return JenkinsHttp(url, USER_NAME, USER_TOKEN)


def client(url: str, service: str = "contract", password: str = USER_TOKEN) -> HttpJenkins:
    return HttpJenkins(Connection("jenkins", [url], user=USER_NAME, password=password), service)


@pytest.fixture
def jenkins(url: str) -> HttpJenkins:
    return client(url)


@pytest.fixture
def own(url: str, jenkins: HttpJenkins, by_hand: JenkinsHttp) -> Iterator[Callable[[str], str]]:
    """Names of this test alone; nodes and jobs of such names go afterwards."""
    suffix = uuid.uuid4().hex[:8]
    given: set[str] = set()

    def name(prefix: str) -> str:
        given.add(f"{prefix}-{suffix}")
        return f"{prefix}-{suffix}"

    yield name
    for item in jenkins.queue():
        if suffix in item.task_name + item.why:
            by_hand.post("queue/cancelItem", id=str(item.id))
    for each in given:
        for path in (f"job/{each}/doDelete", f"computer/{each}/doDelete"):
            by_hand.discard(path)


def item(jenkins: HttpJenkins, number: int) -> QueueItem | None:
    return next((item for item in jenkins.queue() if item.id == number), None)


def waits(jenkins: HttpJenkins, number: int) -> QueueItem:
    """The item once it is past its quiet period."""
    wait_for(lambda: (seen := item(jenkins, number)) is not None and seen.stage is not Stage.WAITING)
    found = item(jenkins, number)
    assert found is not None
    return found


def test_the_server_tells_its_version_and_time(jenkins: HttpJenkins) -> None:
    server = jenkins.server()
    assert server.version.startswith("2.")
    assert server.session
    assert server.time is not None
    assert abs(server.time - datetime.now(UTC)) < timedelta(minutes=5)
    assert not server.quieting_down


def test_a_node_is_what_was_asked_for(jenkins: HttpJenkins, own: Callable[[str], str]) -> None:
    name = own("n")
    new = NewNode(name, ("lab", "two words"), "/srv/agent", template="maven", description="a note")
    assert jenkins.create_node(new) is True
    expected = Node(
        name,
        labels=frozenset({name, "lab", "two words"}),
        description="a note [ciprov service=contract template=maven]",
        offline=True,
        inbound=True,
        mark=NodeMark("contract", "maven"),
    )
    assert jenkins.node(name) == expected
    assert expected in jenkins.nodes()
    assert [node.built_in for node in jenkins.nodes()].count(True) == 1


def test_a_node_that_is_there_already_is_not_made_again(
    url: str, jenkins: HttpJenkins, own: Callable[[str], str]
) -> None:
    new = NewNode(own("n"), ("lab",), "/srv/agent", template="maven")
    assert jenkins.create_node(new) is True
    assert jenkins.create_node(new) is False
    with pytest.raises(NodeExists, match=new.name):
        client(url, "another").create_node(new)
    with pytest.raises(NodeExists):
        jenkins.create_node(NewNode(new.name, ("other",), "/srv/agent", template="maven"))


def test_a_fenced_node_says_so_however_often(jenkins: HttpJenkins, own: Callable[[str], str]) -> None:
    name = own("n")
    jenkins.create_node(NewNode(name, ("lab",), "/srv/agent"))
    for message in ("busy with its build", "busy & done: 100 %"):
        assert jenkins.fence(name, message) is True
        node = jenkins.node(name)
        assert node is not None
        assert (node.fenced, node.offline, node.offline_reason) == (True, True, message)
        assert node.offline_class == "hudson.slaves.OfflineCause$UserCause"
        assert not node.takes_builds
    assert jenkins.fence(own("missing"), "x") is False


def test_only_our_own_nodes_are_deleted(url: str, jenkins: HttpJenkins, own: Callable[[str], str]) -> None:
    name = own("n")
    jenkins.create_node(NewNode(name, ("lab",), "/srv/agent"))
    with pytest.raises(NotOurNode, match=name):
        client(url, "another").delete_node(name)
    assert jenkins.delete_node(name) is True
    assert jenkins.node(name) is None
    assert jenkins.delete_node(name) is False


def test_the_secret_of_a_node(jenkins: HttpJenkins, own: Callable[[str], str]) -> None:
    name = own("n")
    jenkins.create_node(NewNode(name, ("lab",), "/srv/agent"))
    secret = jenkins.secret(name)
    assert len(secret.value) == 64
    assert secret.value not in f"{secret} {secret!r}"
    with pytest.raises(JenkinsNotFound):
        jenkins.secret(own("missing"))


def test_the_label_of_a_job_and_what_it_waits_for(
    jenkins: HttpJenkins, by_hand: JenkinsHttp, own: Callable[[str], str]
) -> None:
    job, label, other = own("job"), own("label"), own("other")
    by_hand.freestyle(job, f"{label} && !{other}")
    jenkins.create_node(NewNode(own("elsewhere"), (other,), "/srv/agent"))
    found = waits(jenkins, by_hand.build(job))
    assert (found.stage, found.label, found.task_name) == (Stage.BUILDABLE, f"{label} && !{other}", job)
    assert found.why == f"There are no nodes with the label ‘{label}&&!{other}’"
    assert found.task_class == "hudson.model.FreeStyleProject"
    assert found.task_url.endswith(f"/job/{job}/")
    assert found.stuck
    assert found.since is not None
    assert found.buildable_since is not None
    assert found.starts_at is None
    for number, text in enumerate([f"‘{own('n0')}’ is offline", f"All nodes of label ‘{label}’ are offline"]):
        jenkins.create_node(NewNode(own(f"n{number}"), (label,), "/srv/agent"))
        wait_for(
            lambda text=text: (
                (seen := item(jenkins, found.id)) is not None
                and seen.why == text.replace(f"‘{label}’", f"‘{label}&&!{other}’")
            )
        )


def test_a_job_with_a_wrong_label_leaves_the_labels_of_nodes_alone(
    jenkins: HttpJenkins, by_hand: JenkinsHttp, own: Callable[[str], str]
) -> None:
    """Jenkins takes such a text for one label, and knows it from then on."""
    job, name, labels = own("job"), own("n"), (own("one"), own("two"))
    by_hand.freestyle(job, " ".join(labels))
    found = waits(jenkins, by_hand.build(job))
    assert found.label == '"' + " ".join(labels) + '"'
    jenkins.create_node(NewNode(name, labels, "/srv/agent"))
    node = jenkins.node(name)
    assert node is not None
    assert node.labels == {name, *labels}


def test_the_label_of_a_pipeline_stands_only_in_the_text(
    jenkins: HttpJenkins, by_hand: JenkinsHttp, own: Callable[[str], str]
) -> None:
    job, label = own("pipe"), own("label")
    by_hand.pipeline(job, label)
    jenkins.create_node(NewNode(own("elsewhere"), ("x",), "/srv/agent"))
    by_hand.build(job)
    wait_for(lambda: any(job in each.task_name and each.task_class == STEP for each in jenkins.queue()))
    (found,) = [each for each in jenkins.queue() if job in each.task_name]
    assert (found.label, found.why) == (None, f"There are no nodes with the label ‘{label}’")
    assert found.task_url.endswith(f"job/{job}/1/")


def test_the_quiet_period_tells_its_end(jenkins: HttpJenkins, by_hand: JenkinsHttp, own: Callable[[str], str]) -> None:
    job = own("job")
    by_hand.freestyle(job, own("label"))
    found = item(jenkins, by_hand.build(job, delay="60sec"))
    assert found is not None
    assert found.stage is Stage.WAITING
    assert found.since is not None
    assert found.starts_at is not None
    assert timedelta(seconds=59) < found.starts_at - found.since < timedelta(seconds=61)


@pytest.fixture
def agent(url: str, tmp_path: Path, jenkins: HttpJenkins) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Starts the controller's own agent.jar for a node."""
    jar = tmp_path / "agent.jar"
    jar.write_bytes(requests.get(f"{url}/jnlpJars/agent.jar", timeout=30).content)
    runner = ["java", "-jar"] if REAL else [sys.executable]
    started = []

    def start(name: str) -> subprocess.Popen[bytes]:
        secret = tmp_path / f"{name}.secret"
        secret.write_text(jenkins.secret(name).value)
        options = ["-url", url, "-name", name, "-secret", f"@{secret}", "-workDir", tmp_path / name, "-webSocket"]
        started.append(subprocess.Popen([*runner, jar, *options, "-noReconnect"], stderr=subprocess.DEVNULL))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_an_agent_takes_its_build_and_goes_with_its_node(
    jenkins: HttpJenkins,
    by_hand: JenkinsHttp,
    own: Callable[[str], str],
    agent: Callable[[str], subprocess.Popen[bytes]],
) -> None:
    job, label, name = own("job"), own("label"), own("n")
    by_hand.freestyle(job, label, "sleep 1")
    jenkins.create_node(NewNode(name, (label,), "/srv/agent"))

    def node() -> Node:
        found = jenkins.node(name)
        assert found is not None
        return found

    process = agent(name)
    wait_for(lambda: node().takes_builds, 60)
    assert (node().idle, node().idle_executors, node().builds) == (True, 1, ())
    number = by_hand.build(job)
    wait_for(lambda: bool(node().builds))
    assert node().builds[0].url.endswith(f"/job/{job}/1/")
    assert (node().idle, node().idle_executors) == (False, 0)
    assert item(jenkins, number) is None
    jenkins.fence(name, "has its build")
    wait_for(lambda: by_hand.result(job, 1) == "SUCCESS")
    later = by_hand.build(job)
    assert waits(jenkins, later).why == f"‘{name}’ is offline"
    assert jenkins.delete_node(name) is True
    assert process.wait(20) == 0


def test_an_agent_that_dies_is_seen_offline(
    jenkins: HttpJenkins, own: Callable[[str], str], agent: Callable[[str], subprocess.Popen[bytes]]
) -> None:
    name = own("n")
    jenkins.create_node(NewNode(name, ("lab",), "/srv/agent"))
    process = agent(name)
    wait_for(lambda: (node := jenkins.node(name)) is not None and node.takes_builds, 60)
    second = agent(name)
    assert second.wait(60) == 255
    process.kill()
    wait_for(lambda: (node := jenkins.node(name)) is not None and node.offline)
    node = jenkins.node(name)
    assert node is not None
    assert node.offline_class == "hudson.slaves.OfflineCause$ChannelTermination"
    assert not node.fenced


def test_wrong_credentials_are_told(url: str) -> None:
    with pytest.raises(JenkinsDenied) as caught:
        client(url, password="not-the-token").queue()
    assert caught.value.status == 401
    assert "not-the-token" not in str(caught.value)


def test_all_permissions_are_there_and_nothing_is_left_of_the_check(jenkins: HttpJenkins) -> None:
    jenkins.check_permissions()
    assert not [node for node in jenkins.nodes() if node.name.endswith("-check")]


@pytest.mark.skipif(bool(REAL), reason="needs a controller whose permissions the test may take away")
@pytest.mark.parametrize(
    "denied",
    [
        ["Overall/Read"],
        ["Agent/Create"],
        ["Agent/Connect"],
        ["Agent/Disconnect"],
        ["Agent/Delete"],
        ["Agent/Connect", "Agent/Delete"],
    ],
)
def test_each_missing_permission_is_named(denied: list[str]) -> None:
    with FakeJenkins() as fake:
        fake.rules.denied = set(denied)
        with pytest.raises(JenkinsDenied) as caught:
            client(fake.url).check_permissions()
        assert all(permission in caught.value.message for permission in denied)
        left = "ciprov-contract-check" in fake.controller.nodes
        assert left == ("Agent/Delete" in denied) == ("yourself" in caught.value.way_out)


def test_credentials_that_nobody_gave_are_told_as_such(url: str) -> None:
    with pytest.raises(JenkinsDenied, match="no credentials were given") as caught:
        HttpJenkins(Connection("jenkins", [url]), "contract").check_permissions()
    assert "CIPROV_JENKINS_TOKEN" in caught.value.way_out


@pytest.mark.skipif(bool(REAL), reason="counts requests in the fake")
def test_one_request_reads_all_items_and_one_all_nodes() -> None:
    with FakeJenkins() as fake:
        jenkins, by_hand = client(fake.url), JenkinsHttp(fake.url, USER, TOKEN)
        for number in range(20):
            by_hand.freestyle(f"job{number}", "lab")
            by_hand.build(f"job{number}")
            jenkins.create_node(NewNode(f"n{number}", ("x",), "/srv"))
        fake.requests.clear()
        assert (len(jenkins.queue()), len(jenkins.nodes())) == (20, 21)
        assert [request.partition("=")[0] for request in fake.requests] == [
            "GET /queue/api/json?tree",
            "GET /computer/api/json?tree",
        ]


@pytest.mark.skipif(bool(REAL), reason="needs a controller whose session the test may end")
def test_a_password_needs_a_crumb_which_is_renewed_when_jenkins_forgot_it() -> None:
    with FakeJenkins() as fake:
        jenkins = client(fake.url, password=PASSWORD)
        assert jenkins.create_node(NewNode("n1", ("lab",), "/srv"))
        assert jenkins.create_node(NewNode("n2", ("lab",), "/srv"))
        assert sum("crumbIssuer" in request for request in fake.requests) == 1
        fake.rules.crumb = "another"
        assert jenkins.create_node(NewNode("n3", ("lab",), "/srv"))
        assert sum("crumbIssuer" in request for request in fake.requests) == 2
        assert sorted(fake.controller.nodes) == ["n1", "n2", "n3"]


@pytest.mark.skipif(bool(REAL), reason="needs a controller that the test may put out of order")
def test_an_outage_ends_without_a_new_client() -> None:
    with FakeJenkins() as fake:
        jenkins = client(fake.url)
        assert jenkins.queue() == []
        fake.rules.outage = (503, "Please wait while Jenkins is getting ready to work")
        with pytest.raises(JenkinsRestarting):
            jenkins.queue()
        fake.rules.outage = None
        assert jenkins.create_node(NewNode("n1", ("lab",), "/srv"))
