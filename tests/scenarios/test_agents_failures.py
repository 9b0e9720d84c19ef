"""Templates that cannot work, and what Jenkins does not allow: told soon and once, while others go on undisturbed."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from agent_service import settings, write_settings
from agents_world import ON, World, world

GOOD = {"labels": ["good"]}
TEMPLATES = {
    "good": GOOD,
    "huge": {"labels": ["huge"], "cpus": 900, "attempts": 2},
    "broken": {"labels": ["broken"], "java": "/nonexistent/java"},
    "imageless": {
        "labels": ["imageless"],
        "container": {"type": "docker", "image": "127.0.0.1:1/nothing/there:1"},
    },
    "forbidden": {"labels": ["forbidden"]},
}


@pytest.fixture(scope="module", params=ON)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(request.param, tmp_path_factory.mktemp("agents"), TEMPLATES) as found:
        yield found


@pytest.mark.parametrize(
    ("template", "says", "most_launches"),
    [
        ("huge", "can take it (template huge wants 900 cpus", 0),
        ("broken", "there is no /nonexistent/java on the host", 3),
        ("imageless", "image", 3),
    ],
)
def test_a_template_that_cannot_work_is_told_and_given_up(
    running: World, template: str, says: str, most_launches: int
) -> None:
    before = running.mesos.launched()
    running.freestyle(f"on-{template}", template)
    running.freestyle(f"beside-{template}", "good")
    told = running.service.wait_for("attempt failed", 10, template=template)
    assert template in told["text"]
    assert says in told["text"]
    assert running.built(f"beside-{template}")["result"] == "SUCCESS"
    paused = running.service.wait_for("template paused", 25, template=template)
    assert says in paused["text"]
    running.freestyle(f"after-{template}", "good")
    assert running.built(f"after-{template}")["result"] == "SUCCESS"
    assert says in running.cli.ok("agents", "why", template).out
    cancel_all(running)
    running.gone()
    mine = [name for name in set(running.mesos.launched()) - set(before) if f"-{template}-" in name]
    assert len(mine) <= most_launches
    assert len(running.service.told("template paused", template=template)) == 1


def cancel_all(running: World) -> None:
    for item in running.http.queue():
        running.http.post("queue/cancelItem", id=str(item["id"]))


def refused_at_start(running: World, **others: str) -> str:
    """What a service with these settings says as it gives up."""
    file = running.settings.with_name("other.yaml")
    section = settings(running.jenkins.url, running.java, {"good": GOOD}, name="other", **others)
    write_settings(file, running.mesos.cluster, section, **running.mesos.section)
    began = time.monotonic()
    outcome = running.cli.run("--config", str(file), "agents", "serve")
    assert time.monotonic() - began < 10
    assert outcome.code == 1
    errors = [line for line in outcome.err.splitlines() if "error" in line]
    assert len(errors) == 1, outcome.err
    return outcome.err


def test_wrong_credentials_end_the_start_with_one_message(running: World) -> None:
    told = refused_at_start(running, token="11" + "0" * 32)
    assert running.jenkins.url in told
    assert "token" in told
    assert "0" * 32 not in told


@pytest.mark.parametrize(
    "permission", ["Agent/Create", "Agent/Configure", "Agent/Delete", "Agent/Disconnect", "Agent/Connect"]
)
def test_a_missing_permission_ends_the_start_with_one_message(running: World, permission: str) -> None:
    running.jenkins.rules.denied = {permission}
    try:
        told = refused_at_start(running)
    finally:
        running.jenkins.rules.denied = set()
    assert permission in told
    leftover = [name for name in running.http.nodes() if name == "ciprov-other-check"]
    for name in leftover:
        running.http.discard(f"computer/{name}/doDelete")
    assert not leftover or permission == "Agent/Delete"


def test_credentials_that_are_revoked_under_a_build_cost_nothing_once_they_are_back(running: World) -> None:
    running.freestyle("under-way", "good", "sleep 3")
    running.running("under-way")
    running.jenkins.rules.denied = {"Overall/Read"}
    try:
        told = running.service.wait_for("jenkins lost", 10)
        assert "Overall/Read" in told["text"]
        time.sleep(2)
        assert len(running.service.told("jenkins lost")) == 1
    finally:
        running.jenkins.rules.denied = set()
    assert running.built("under-way")["result"] == "SUCCESS"
    running.gone(40)


def test_a_permission_that_is_revoked_is_told_and_others_go_on_once_it_is_back(running: World) -> None:
    running.jenkins.rules.denied = {"Agent/Create"}
    try:
        running.freestyle("kept-waiting", "forbidden")
        told = running.service.wait_for("attempt failed", 10, template="forbidden")
        assert "Agent/Create" in told["text"]
    finally:
        running.jenkins.rules.denied = set()
    assert running.built("kept-waiting", 30)["result"] == "SUCCESS"
    running.gone()
