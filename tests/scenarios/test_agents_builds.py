"""Agents for builds, from Jenkins's queue to an agent that is gone: the service, the fake Jenkins and a Mesos."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from agents_mesos import tasks
from agents_world import ON, World, world

TEMPLATES = {
    "linux": {"labels": ["linux", "posix"]},
    "maven": {"labels": ["linux", "maven"]},
    "gpu": {"labels": ["gpu"]},
}


@pytest.fixture(scope="module", params=ON)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(request.param, tmp_path_factory.mktemp("agents"), TEMPLATES) as found:
        yield found


def test_a_freestyle_build_gets_an_agent_of_its_own_that_is_gone_afterwards(running: World) -> None:
    running.freestyle("hello", "maven && linux", "sleep 1")
    on = running.running("hello")["builtOn"]
    assert on in running.nodes()
    assert tasks(running.mesos) == {on: "TASK_RUNNING"}
    assert running.built("hello")["result"] == "SUCCESS"
    running.gone()
    assert running.mesos.launched().count(on) == 1


def test_pipelines_get_agents_for_their_steps(running: World) -> None:
    jobs = {"release": "maven", "nightly": "gpu", "check": "posix"}
    for job, label in jobs.items():
        running.pipeline(job, label, "sleep 0.5")
    on = {job: running.built(job) for job in jobs}
    assert [build["result"] for build in on.values()] == ["SUCCESS"] * 3
    assert [build["builtOn"].split("-")[1] for build in on.values()] == ["maven", "gpu", "linux"]
    running.gone()


def test_builds_with_several_labels_at_once_each_get_what_they_ask_for(running: World) -> None:
    before = set(running.mesos.launched())
    asked = {"one": "linux && !maven", "two": "maven", "three": "gpu || maven", "four": "posix", "five": "gpu"}
    for job, label in asked.items():
        running.freestyle(job, label, "sleep 0.3")
    nodes = {job: running.built(job)["builtOn"] for job in asked}
    assert len(set(nodes.values())) == 5
    assert nodes["one"].startswith("ciprov-linux-")
    assert nodes["two"].startswith("ciprov-maven-")
    assert not nodes["three"].startswith("ciprov-linux-")
    assert nodes["five"].startswith("ciprov-gpu-")
    running.gone()
    assert len(set(running.mesos.launched()) - before) <= 6


def test_an_agent_that_was_asked_for_serves_its_label_alone(running: World) -> None:
    asked = running.cli.ok("agents", "request", "linux", "-o", "json").json
    running.eventually(lambda: asked["agent"] in running.nodes(), "its node")
    running.freestyle("other", "linux", "sleep 0.3")
    assert running.built("other")["builtOn"] != asked["agent"]
    running.freestyle("mine", asked["label"], "sleep 0.3")
    build = running.built("mine")
    became = running.cli.run("agents", "status", asked["agent"]).out
    assert (build["builtOn"], build["result"]) == (asked["agent"], "SUCCESS"), became
    running.gone()


def test_a_label_that_cannot_be_understood_is_told_and_holds_up_nobody(running: World) -> None:
    running.http.freestyle("wrong", "maven && (", "true")
    item = running.http.build("wrong")
    running.freestyle("right", "maven")
    assert running.built("right")["result"] == "SUCCESS"
    told = running.service.wait_for("refused", 10, item=item)
    assert "maven && (" in told["text"]
    why = running.cli.run("agents", "why", "maven && (")
    assert why.code == 64
    assert "column" in why.err
    running.http.post("queue/cancelItem", id=str(item))
    running.gone()


def test_a_drained_template_gets_no_agents_and_lets_builds_end(running: World) -> None:
    running.freestyle("long", "gpu", "sleep 1.5")
    running.running("long")
    running.cli.ok("agents", "drain", "gpu")
    running.http.freestyle("later", "gpu", "true")
    running.http.build("later")
    assert running.built("long")["result"] == "SUCCESS"
    running.gone()
    assert "drained" in running.cli.ok("agents", "why", "gpu").out.partition("\n")[0]
    assert not running.http.builds("later")
    running.cli.ok("agents", "undrain", "gpu")
    assert running.built("later")["result"] == "SUCCESS"
    running.gone()


def test_a_killed_agent_takes_its_build_along_and_leaves_others_alone(running: World) -> None:
    running.freestyle("victim", "gpu", "sleep 60")
    running.freestyle("bystander", "gpu", "sleep 2")
    on = running.running("victim")["builtOn"]
    running.running("bystander")
    shown = running.cli.run("agents", "kill", on, "--dry-run", "-o", "json")
    assert shown.code == 2
    assert [one["agent"] for one in shown.json["agents"]] == [on]
    assert on in tasks(running.mesos)
    running.cli.ok("agents", "kill", on, "--yes")
    assert running.built("victim")["result"] == "FAILURE"
    assert running.built("bystander")["result"] == "SUCCESS"
    running.gone()
    assert running.cli.ok("agents", "status", on, "-o", "json").json["cause"] == "killed"


def test_settings_that_change_hold_without_a_restart(running: World) -> None:
    reloads = len(running.service.told("reloaded"))
    running.configure({**TEMPLATES, "fresh": {"labels": ["fresh"]}})
    running.service.wait_for("reloaded", count=reloads + 1)
    running.freestyle("novel", "fresh")
    assert running.built("novel")["builtOn"].startswith("ciprov-fresh-")
    running.configure(TEMPLATES | {"gpu": {"labels": ["gpu"], "cpus": "many"}})
    assert "cpus" in running.service.wait_for("refused", 10, level="error")["text"]
    running.configure(TEMPLATES)
    running.cli.ok("agents", "reload")
    assert [one["template"] for one in running.status()["templates"]] == list(TEMPLATES)
    running.gone()
