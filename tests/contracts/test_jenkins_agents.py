"""Agents of a controller's own agent.jar: how Jenkins tells of them, and what becomes of them."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from cut_line import CutLine
from fake_jenkins import FakeJenkins
from fake_jenkins_routes import TOKEN, USER
from java_for_fake_agents import installed
from jenkins_controllers import Controller, Names, item, jar_agents, node_of, wait_until_online, waits
from jenkins_http import JenkinsHttp, wait_for
from started_agent import StartedAgent, files_with, host, places_with

from ciprov.clients.jenkins.client import HttpJenkins
from ciprov.domain.jenkins import NewNode, Withdrawn

Start = Callable[..., subprocess.Popen[bytes]]
FENCED = "hudson.slaves.OfflineCause$UserCause"
BROKEN = "hudson.slaves.OfflineCause$ChannelTermination"


@pytest.fixture
def agent(controller: Controller, tmp_path: Path) -> Iterator[Start]:
    with jar_agents(controller, tmp_path) as start:
        yield start


def test_an_agent_takes_its_build_and_goes_with_its_node(
    jenkins: HttpJenkins, by_hand: JenkinsHttp, own: Names, agent: Start, tmp_path: Path
) -> None:
    job, label, name = own("job"), own("label"), own("n")
    by_hand.freestyle(job, label, "sleep 1")
    jenkins.create_node(NewNode(name, (label,), str(tmp_path / name)))
    process = agent(name)
    wait_until_online(jenkins, name)
    node = node_of(jenkins, name)
    assert (node.idle, node.idle_executors, node.builds) == (True, 1, ())
    number = by_hand.build(job)
    wait_for(lambda: bool(node_of(jenkins, name).builds))
    node = node_of(jenkins, name)
    assert node.builds[0].url.endswith(f"/job/{job}/1/")
    assert (node.idle, node.idle_executors) == (False, 0)
    assert item(jenkins, number) is None
    later = by_hand.build(job)
    wait_for(lambda: (seen := item(jenkins, later)) is not None and seen.why.startswith("Build #1 is already in"))
    jenkins.fence(name, "has its build")
    wait_for(lambda: by_hand.result(job, 1) == "SUCCESS")
    assert waits(jenkins, later).why == f"‘{name}’ is offline"
    assert jenkins.delete_node(name) is True
    assert process.wait(20) == 0


def test_a_node_that_is_withdrawn_gets_no_item_and_its_build_goes_on(
    jenkins: HttpJenkins, by_hand: JenkinsHttp, own: Names, agent: Start, tmp_path: Path
) -> None:
    job, label, name = own("job"), own("label"), own("n")
    by_hand.freestyle(job, label, "sleep 2")
    jenkins.create_node(NewNode(name, (label, 'a "b'), str(tmp_path / name), "tpl", "for <all>", exclusive=False))
    before = jenkins.node(name)
    agent(name)
    wait_until_online(jenkins, name)
    by_hand.build(job)
    wait_for(lambda: bool(node_of(jenkins, name).builds))
    assert jenkins.withdraw(name, "one build") is Withdrawn.FENCED
    wait_for(lambda: by_hand.result(job, 1) == "SUCCESS")
    assert jenkins.unfence(name)
    assert jenkins.withdraw(name, "goes") is Withdrawn.FENCED
    node = node_of(jenkins, name)
    assert before is not None
    assert (node.labels, node.fenced, node.idle, node.offline_reason) == (frozenset({name}), True, True, "goes")
    assert (node.description, node.mark, node.inbound) == (before.description, before.mark, True)
    assert jenkins.unfence(name)
    labelled, unlabelled = by_hand.build(job), own("any")
    by_hand.freestyle(unlabelled)
    nobodys = by_hand.build(unlabelled)
    waits(jenkins, labelled)
    waits(jenkins, nobodys)
    time.sleep(1)
    assert node_of(jenkins, name).takes_builds
    assert node_of(jenkins, name).idle


def test_a_node_of_others_keeps_its_labels(controller: Controller, jenkins: HttpJenkins, own: Names) -> None:
    name = own("n")
    controller.client("another").create_node(NewNode(name, ("lab",), "/srv/agent"))
    assert jenkins.withdraw(name, "goes") is Withdrawn.FENCED
    assert node_of(jenkins, name).labels == {name, "lab"}
    assert controller.client("another").withdraw(name, "goes") is Withdrawn.FENCED
    assert node_of(jenkins, name).labels == {name}


def test_a_node_that_is_gone_is_not_withdrawn(jenkins: HttpJenkins, own: Names) -> None:
    assert jenkins.withdraw(own("n"), "goes") is Withdrawn.GONE


@pytest.mark.parametrize(("withdrawn", "result"), [(True, "SUCCESS"), (False, "LOST")])
def test_an_item_that_was_just_given_to_a_node_is_lost_by_a_fence_alone(
    tmp_path: Path, withdrawn: bool, result: str
) -> None:
    """A real one lost 28 of 100 so while there was other work. It begins builds within milliseconds."""
    with FakeJenkins() as fake:
        controller = Controller(fake.url, USER, TOKEN)
        jenkins, by_hand = controller.client(), controller.http
        by_hand.freestyle("job", "lab", "sleep 1")
        jenkins.create_node(NewNode("n", ("lab",), "agent"))
        fake.controller.begins_after = 1.0
        with jar_agents(controller, tmp_path) as start:
            start("n")
            wait_until_online(jenkins, "n")
            by_hand.build("job")
            wait_for(lambda: not node_of(jenkins, "n").idle)
            assert node_of(jenkins, "n").builds == ()
            if withdrawn:
                assert jenkins.withdraw("n", "goes") is Withdrawn.STARTING
                wait_for(lambda: bool(node_of(jenkins, "n").builds))
                assert jenkins.withdraw("n", "goes") is Withdrawn.FENCED
            else:
                jenkins.fence("n", "goes")
            wait_for(lambda: by_hand.result("job", 1) is not None)
            assert by_hand.result("job", 1) == result
            assert node_of(jenkins, "n").fenced


def test_a_build_fails_whose_node_is_deleted(
    jenkins: HttpJenkins, by_hand: JenkinsHttp, own: Names, agent: Start, tmp_path: Path
) -> None:
    job, label, name = own("job"), own("label"), own("n")
    by_hand.freestyle(job, label, "sleep 2")
    jenkins.create_node(NewNode(name, (label,), str(tmp_path / name)))
    process = agent(name)
    wait_until_online(jenkins, name)
    by_hand.build(job)
    wait_for(lambda: bool(node_of(jenkins, name).builds))
    assert jenkins.delete_node(name) is True
    wait_for(lambda: by_hand.result(job, 1) == "FAILURE")
    assert process.wait(20) == 0


def test_an_agent_that_dies_is_seen_offline(jenkins: HttpJenkins, own: Names, agent: Start) -> None:
    name = own("n")
    jenkins.create_node(NewNode(name, ("lab",), "/srv/agent"))
    process = agent(name)
    wait_until_online(jenkins, name)
    second = agent(name)
    assert second.wait(60) == 255
    process.kill()
    wait_for(lambda: node_of(jenkins, name).offline)
    node = node_of(jenkins, name)
    assert (node.offline_class, node.offline_reason) == (BROKEN, "Connection was broken")
    assert not node.fenced


def test_an_idle_node_that_is_reserved_says_so(
    jenkins: HttpJenkins, by_hand: JenkinsHttp, own: Names, agent: Start
) -> None:
    job, online, offline = own("job"), own("x"), own("y")
    if any((node.takes_builds and not node.built_in) or (node.executors and node.built_in) for node in jenkins.nodes()):
        pytest.skip("other nodes take builds there")
    for name in (online, offline):
        jenkins.create_node(NewNode(name, (own("lab"),), "/srv/agent"))
    agent(online)
    wait_until_online(jenkins, online)
    by_hand.freestyle(job)
    number = by_hand.build(job)
    reserved = [f"‘{name}’ is reserved for jobs with matching label expression" for name in (online, offline)]
    wait_for(lambda: (seen := item(jenkins, number)) is not None and set(reserved) <= set(seen.why.split("; ")))


@pytest.mark.parametrize(("secret", "known"), [("0" * 64, True), ("0" * 64, False)], ids=["wrong secret", "no node"])
def test_an_agent_that_is_refused_ends(
    controller: Controller, jenkins: HttpJenkins, own: Names, tmp_path: Path, secret: str, known: bool
) -> None:
    name = own("n")
    if known:
        jenkins.create_node(NewNode(name, ("lab",), "agent"))
    with started(controller, tmp_path, name, controller.url, secret) as agent:
        assert agent.start().ended(60) == 255


def test_an_agent_whose_jenkins_is_away_at_its_start_ends(controller: Controller, own: Names, tmp_path: Path) -> None:
    with CutLine(controller.url) as line, started(controller, tmp_path, own("n"), line.url) as agent:
        line.cut()
        assert agent.start().ended(60) == 255


def test_an_agent_comes_back_to_jenkins_and_nobody_sees_its_secret(
    controller: Controller, jenkins: HttpJenkins, by_hand: JenkinsHttp, own: Names, tmp_path: Path
) -> None:
    """By our text. Once Jenkins has sent it what it restarts with, a real one executes its command line anew."""
    name, job = own("n"), own("job")
    jenkins.create_node(NewNode(name, (name,), "agent"))
    secret = jenkins.secret(name).value
    by_hand.freestyle(job, name, "tr '\\0' ' ' </proc/$PPID/cmdline; tr '\\0' ' ' </proc/$PPID/environ; sleep 1")
    with CutLine(controller.url) as line, started(controller, tmp_path, name, line.url, secret) as agent:
        agent.start()
        wait_until_online(jenkins, name)
        for _ in range(2):
            time.sleep(3 if controller.real else 0)
            line.cut()
            wait_for(lambda: node_of(jenkins, name).offline)
            line.join()
            wait_until_online(jenkins, name)
            assert places_with(secret) == []
            assert files_with(agent.sandbox, secret) == []
        by_hand.build(job)
        wait_for(lambda: not node_of(jenkins, name).idle)
        assert places_with(secret) == []
        wait_for(lambda: by_hand.result(job, 1) == "SUCCESS")
        if controller.real:
            assert secret not in by_hand.text(f"job/{job}/1/consoleText")


def test_an_agent_gives_up_in_time(controller: Controller, jenkins: HttpJenkins, own: Names, tmp_path: Path) -> None:
    name = own("n")
    jenkins.create_node(NewNode(name, (name,), "agent"))
    secret = jenkins.secret(name).value
    with (
        CutLine(controller.url) as line,
        started(controller, tmp_path, name, line.url, secret, reconnect_s=1) as agent,
    ):
        agent.start()
        wait_until_online(jenkins, name)
        line.cut()
        assert agent.ended(30) == 0


def started(
    controller: Controller, directory: Path, name: str, url: str, secret: str = "0" * 64, reconnect_s: float = 60
) -> StartedAgent:
    """By our text, not yet started."""
    java = str(shutil.which("java", path="/usr/bin:/bin:/usr/local/bin") if controller.real else installed(directory))
    agent = StartedAgent(directory, host(directory, "bash"), name=name, jenkins=url, java=java, reconnect_s=reconnect_s)
    agent.jar.write_bytes(requests.get(f"{controller.url}/jnlpJars/agent.jar", timeout=30).content)
    agent.env |= {"CIPROV_AGENT_SECRET": secret}
    # What builds run is found there.
    agent.env["PATH"] += ":/usr/bin:/bin"
    return agent
